"""Messages as the command says them: the options of `footfall.open` by their names on the command line."""

import re

#: What messages say to those who write Python, and what they say here.
_OPTIONS = [
    (r'csv=footfall\.Csv\((\w+)="([^"]*)"\)', r'--csv-\1 "\2"'),
    (r'or \((\w+)="([^"]*)"\)', r'or --csv-\1 "\2"'),
    (r"csv=footfall\.Csv\((\w+)=\.\.\.\)", r"--csv-\1"),
    (r'naive_tz="([^"]*)"', r"--naive-tz \1"),
    (r"\bnaive_tz=(?=\s)", "--naive-tz"),
    (r'epoch_unit="(\w+)"', r"--epoch-unit \1"),
    (r"max_unusable=(\d)", r"--max-unusable \1"),
    (r'tables=\{"(\w+)": [^}]*\} \(--table [^)]*\)', r"--table \1=PATH"),
    (r'tables=\{"(\w+)": [^}]*\}', r"--table \1=PATH"),
    (r"data\.check\(\)", "footfall check"),
    (r'data\.unusable\("(\w+)"\)', r"footfall unusable DATA \1"),
    (r"data\.unusable\(\.\.\.\)", "footfall unusable"),
]
_PAIR = re.compile(r'"([^"]*)": "([^"]*)"')


def for_the_command(message: str) -> str:
    """Return the message with options of the command in the place of Python's.

    Examples
    --------
    >>> for_the_command('actions={"Clique": "click"}; naive_tz="UTC"; columns={"user_id": "device", "ad_id": "..."}')
    '--actions "Clique=click"; --naive-tz UTC; --columns "user_id=device" --columns "ad_id=..."'
    """
    for name in ("columns", "actions"):
        mapping = re.compile(rf"{name}={{([^}}]*)}}")
        parts = mapping.split(message)
        # What stands between, and the pairs of each mapping, in turns.
        parts[1::2] = [_repeated(name, pairs) for pairs in parts[1::2]]
        message = "".join(parts)
    for python, option in _OPTIONS:
        message = re.sub(python, option, message)
    return message


def _repeated(name: str, pairs: str) -> str:
    return " ".join(f'--{name} "{one}={other}"' for one, other in _PAIR.findall(pairs)) or f"--{name}"
