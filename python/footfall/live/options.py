"""What an approach is and when it becomes a suggestion: every number that the detector is told, and its file."""

from __future__ import annotations

import json
import math
import os
import sys
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Union

from footfall import _native
from footfall.errors import DefinitionError
from footfall.inputs import options
from footfall.output.writing import whole_file

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Number = Union[int, float]
_MOST_BYTES = 1_000_000
#: The slowest drivers' and the fastest walkers' speed.
_WALKERS_MPS = 3.0


#: The defaults stand in Rust, once.
_DEFAULTS = _native.live_options()


def _number(name: str, least: float = 0.0, most: float = math.inf, above: bool = False) -> Any:
    """Return a field for a number from `least`, or above it, to `most`."""
    return field(default=_DEFAULTS[name], metadata={"least": least, "most": most, "above": above})


def _count(name: str, least: int) -> Any:
    return field(default=int(_DEFAULTS[name]), metadata={"least": least, "most": math.inf, "above": False})


@dataclass(frozen=True)
class Approach:
    """When a user approaches an establishment, and when that becomes a suggestion.

    Units stand at the ends of the names: metres, seconds, metres per second.

    Parameters
    ----------
    leg_m : float
        A fix this far from the last anchor is the next anchor; a shorter way is standing still.
    leg_sigmas : float
        A leg is at least so many times the uncertainty of both its ends together.
    default_accuracy_m, worst_accuracy_m : float
        The accuracy of fixes that tell none; fixes of a worse one than `worst_accuracy_m` are left out.
    witness_s : float
        Where fixes come this close to each other in time, an anchor needs two of them that agree.
    witness_share : float
        Two agree that are less than so many times as far from each other as the first is from the last anchor.
    miss_m, miss_share : float
        The line of the last leg passes the establishment within `miss_m` plus this share of its distance.
    horizon_s, horizon_min_m, horizon_max_m : float
        How far ahead to look: so many seconds at the user's speed, kept between two distances.
    leg_closing, both_closing : float
        Each of the last two legs brings the user nearer by this share of its length, and both together.
    long_leg_m, long_leg_s, long_leg_closing : float
        One leg is enough that is so long, took so long and brings the user nearer by this share of its length.
    long_leg_away : float
        It ends away from the anchor before it, by this share of its length: a lying fix leads there and back.
    eta_min_s, eta_max_s : float
        The distance over the speed of coming nearer.
    speed_min_mps, speed_max_mps : float
        The user's speed.
    rearm : float
        An approach is told once, and again from this many times the distance at which it was told.
    gap_s : float
        After a longer silence the track starts again.
    jump_mps : float
        A fix that needs a higher speed is left out, unless the next one agrees with it.
    ahead_s : float
        A fix that is further ahead of its message's own time is left out.
    visit_radius_m : float
        Nearer than this, the user is there.
    forget_s : float
        After a longer silence nothing is known of the user.
    min_chance : float
        An approach with a smaller chance of arrival waits for a better one.
    pause_s : float
        Between two suggestions to a user.
    cooldown_s, inside_pause_s : float
        Between two suggestions of an establishment to a user; after the user was there.
    cap : int
        The most suggestions to a user on a local day.
    holdout : float
        The share of users whose suggestions are recorded and not sent, so that `lift` can compare.
    same_place_m : float
        Establishments closer to each other count as one.

    Raises
    ------
    DefinitionError
        If a value makes no sense; the message gives the value and the reason.

    Examples
    --------
    >>> from footfall.live import Approach
    >>> Approach().horizon_s, Approach.walkers().speed_max_mps
    (300.0, 3.0)
    >>> Approach(eta_min_s=700)
    Traceback (most recent call last):
    ...
    footfall.errors.DefinitionError: eta_min_s = 700: must be at most eta_max_s, 600
    """

    leg_m: float = _number("leg_m", above=True)
    leg_sigmas: float = _number("leg_sigmas")
    default_accuracy_m: float = _number("default_accuracy_m")
    worst_accuracy_m: float = _number("worst_accuracy_m")
    witness_s: float = _number("witness_s")
    witness_share: float = _number("witness_share")
    miss_m: float = _number("miss_m")
    miss_share: float = _number("miss_share", most=1.0)
    horizon_s: float = _number("horizon_s", above=True)
    horizon_min_m: float = _number("horizon_min_m", above=True)
    horizon_max_m: float = _number("horizon_max_m", most=100_000.0, above=True)
    leg_closing: float = _number("leg_closing", most=1.0)
    both_closing: float = _number("both_closing", most=1.0)
    long_leg_m: float = _number("long_leg_m")
    long_leg_s: float = _number("long_leg_s")
    long_leg_closing: float = _number("long_leg_closing", most=1.0)
    long_leg_away: float = _number("long_leg_away")
    eta_min_s: float = _number("eta_min_s")
    eta_max_s: float = _number("eta_max_s", above=True)
    speed_min_mps: float = _number("speed_min_mps")
    speed_max_mps: float = _number("speed_max_mps", above=True)
    rearm: float = _number("rearm", least=1.0)
    gap_s: float = _number("gap_s", above=True)
    jump_mps: float = _number("jump_mps", above=True)
    ahead_s: float = _number("ahead_s")
    visit_radius_m: float = _number("visit_radius_m", above=True)
    forget_s: float = _number("forget_s", above=True)
    min_chance: float = _number("min_chance", most=1.0)
    pause_s: float = _number("pause_s")
    cooldown_s: float = _number("cooldown_s")
    inside_pause_s: float = _number("inside_pause_s")
    cap: int = _count("cap", 0)
    holdout: float = _number("holdout", most=1.0)
    same_place_m: float = _number("same_place_m")

    def __post_init__(self) -> None:
        for each in fields(self):
            object.__setattr__(self, each.name, _checked(each.name, getattr(self, each.name), each))
        for low, high in _ORDERED:
            if getattr(self, low) > getattr(self, high):
                value, limit = getattr(self, low), getattr(self, high)
                raise DefinitionError(f"{low} = {value:g}: must be at most {high}, {limit:g}")

    @classmethod
    def walkers(cls, **others: Number) -> Approach:
        """Return the options for people on foot: up to 3 m/s."""
        return cls(**{"speed_max_mps": _WALKERS_MPS, **others})  # type: ignore[arg-type]

    def native(self) -> dict[str, Number]:
        """Return what the detector takes: all options by their names."""
        return asdict(self)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the options to a file that ``footfall live --options`` takes: ``.toml`` or ``.json``."""
        return write(path, self, None)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Approach:
        """Return the options of a file; what it does not say is as by default."""
        return read(path)[0]


_ORDERED = (
    ("eta_min_s", "eta_max_s"),
    ("horizon_min_m", "horizon_max_m"),
    ("speed_min_mps", "speed_max_mps"),
    ("gap_s", "forget_s"),
)


def _checked(name: str, value: Any, known: Any) -> Number:
    """Return an option's value as a number of its kind and range."""
    limits = known.metadata
    if isinstance(known.default, int):
        return options.whole(name, value, at_least=int(limits["least"]))
    number = options.number(name, value)
    least, most, above = limits["least"], limits["most"], limits["above"]
    if not math.isfinite(number) or not least <= number <= most or (above and number == least):
        raise DefinitionError(f"{name} = {value!r}: must be a finite number {_range(least, most, above)}")
    return number


def _range(least: float, most: float, above: bool) -> str:
    begin = f"above {least:g}" if above else f"of at least {least:g}"
    return begin if most == math.inf else f"{begin} and at most {most:g}"


Chances = list[dict[str, Number]]
CHANCE_COLUMNS = ("miss_from_m", "eta_from_s", "speed_from_mps", "approaches", "arrivals")


def read(path: str | os.PathLike[str]) -> tuple[Approach, Chances | None]:
    """Return what a file of options says: the options, and the counted chances, if it has any.

    Raises
    ------
    DefinitionError
        If the file cannot be understood, or has an unknown option or a value that makes no sense.
    OSError
        If it cannot be read.
    """
    file = Path(path).expanduser()
    try:
        said = _parsed(file)
        chances = said.pop("chances", None)
        known = [each.name for each in fields(Approach)]
        for name in said:
            if name not in known:
                raise DefinitionError(f"{name}: there is no such option{options.choices(name, known)}")
        return Approach(**said), None if chances is None else _chances(chances)
    except DefinitionError as error:
        raise DefinitionError(f"{file}: {error}") from None


def _parsed(file: Path) -> dict[str, Any]:
    with file.open("rb") as opened:
        data = opened.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise DefinitionError(f"is longer than {_MOST_BYTES:,} bytes; a file of options is short")
    try:
        text = data.decode("utf-8-sig")
        said = json.loads(text) if _is_json(file) else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise DefinitionError(f"is no {'JSON' if _is_json(file) else 'TOML'}: {error}") from None
    if not isinstance(said, dict):
        raise DefinitionError("must have options by their names")
    return said


def _is_json(file: Path) -> bool:
    if file.suffix.lower() not in (".toml", ".json"):
        raise DefinitionError("a file of options ends in .toml or .json")
    return file.suffix.lower() == ".json"


def _chances(rows: Any) -> Chances:
    if not isinstance(rows, list) or not all(isinstance(row, dict) and set(row) == set(CHANCE_COLUMNS) for row in rows):
        raise DefinitionError(f"chances: must be a list of rows of {', '.join(CHANCE_COLUMNS)}")
    for row in rows:
        for name in CHANCE_COLUMNS[:3]:
            row[name] = options.number(f"chances: {name}", row[name])
        for name in CHANCE_COLUMNS[3:]:
            row[name] = options.whole(f"chances: {name}", row[name], at_least=0)
        if row["arrivals"] > row["approaches"]:
            raise DefinitionError(f"chances: arrivals = {row['arrivals']}: more than approaches, {row['approaches']}")
    return rows


def write(path: str | os.PathLike[str], chosen: Approach, chances: Chances | None) -> Path:
    """Write options, and chances if there are any, to a ``.toml`` or ``.json`` file, whole or not at all."""
    file = Path(path).expanduser()
    said: dict[str, Any] = chosen.native()
    if _is_json(file):
        text = json.dumps(said if chances is None else {**said, "chances": chances}, indent=1) + "\n"
    else:
        text = "".join(f"{name} = {value!r}\n" for name, value in said.items())
        text += "".join(f"\n[[chances]]\n{_lines(row)}" for row in chances or ())
    with whole_file(file) as opened:
        opened.write(text.encode())
    return file


def _lines(row: dict[str, Number]) -> str:
    return "".join(f"{name} = {row[name]!r}\n" for name in CHANCE_COLUMNS)
