"""How long a notebook waits: for what may stand at the cursor, for what a name means, and for first rows.

Usage: python -m benches.completion [--rounds 30] [--pings 10000000]
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, Callable

TABLES, COLUMNS = 50, 200
BAR_MS, BAR_FIRST_ROWS_S, BAR_MB = 30, 0.5, 100

# The place in a cell is that of `|`.
COMPLETIONS = {
    "tables after FROM": "%%sql\nSELECT * FROM tab|",
    "columns of three tables": "%%sql\nSELECT col| FROM table_1 a JOIN table_2 b USING (column_1), table_3",
    "columns of an alias": "%%sql\nSELECT a.|\nFROM table_1 a JOIN pings ON true",
    "columns of all tables": "%%sql\nSELECT |",
    "functions": "%%sql\nSELECT local| FROM pings",
    "variables": "%%sql\nSELECT * FROM table_1 WHERE column_1 = $|",
}
INSPECTIONS = {
    "a table": "%%sql\nSELECT * FROM table|_1",
    "a column": "%%sql\nSELECT column|_7 FROM table_1 a JOIN table_2 b USING (column_1)",
    "a function": "%%sql\nSELECT local|_day(timestamp) FROM pings",
}
SETUP = f"""
import footfall, pyarrow as pa
from footfall.notebook import load
load(get_ipython())
data = footfall.open({{"pings": pa.table({{"user_id": ["a"], "latitude": [0.0], "longitude": [0.0],
                       "timestamp": pa.array([0], pa.timestamp("us", "UTC"))}})}}, progress=False)
for number in range({TABLES}):
    globals()[f"table_{{number}}"] = pa.table({{f"column_{{n}}": [n] for n in range({COLUMNS})}})
for number in range({COLUMNS}):
    globals()[f"value_{{number}}"] = number
"""


def main() -> int:
    """Print the figures; return 1 if one misses its bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--pings", type=int, default=10_000_000)
    asked = parser.parse_args()
    with _kernel() as client:
        missed = [_timed(client, "complete", name, code, asked.rounds) for name, code in COMPLETIONS.items()]
        missed += [_timed(client, "inspect", name, code, asked.rounds) for name, code in INSPECTIONS.items()]
    return int(any([*missed, _first_rows(asked.pings)]))


@contextmanager
def _kernel() -> Iterator[Any]:
    from jupyter_client import KernelManager

    with tempfile.TemporaryDirectory() as folder:
        manager = KernelManager(kernel_name="python3", transport="ipc", connection_file=f"{folder}/kernel.json")
        manager.start_kernel()
        client = manager.client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=60)
            assert client.execute_interactive(SETUP, timeout=60)["content"]["status"] == "ok"
            yield client
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def _timed(client: Any, ask: str, name: str, code: str, rounds: int) -> bool:
    """Print the median time from a request to its reply; return whether it misses the bar."""
    at = code.index("|")
    request = getattr(client, ask)
    times, content = zip(*(_asked(client, lambda: request(code[:at] + code[at + 1 :], at)) for _ in range(rounds)))
    found = len(content[-1]["matches"]) if ask == "complete" else int(content[-1]["found"])
    median = 1_000 * statistics.median(times)
    print(f"{ask:<9} {name:<26} {median:6.1f} ms (bar {BAR_MS}), {found} found", flush=True)
    return median > BAR_MS or not found


def _asked(client: Any, request: Callable[[], str]) -> tuple[float, dict[str, Any]]:
    started = time.perf_counter()
    message = request()
    while True:
        reply = client.get_shell_msg(timeout=60)
        if reply["parent_header"].get("msg_id") == message:
            return time.perf_counter() - started, reply["content"]


def _first_rows(pings: int) -> bool:
    """Print how long a cell takes that shows all pings, and what memory; return whether it misses a bar."""
    from IPython.core.interactiveshell import InteractiveShell

    import footfall
    from benches import data
    from footfall.notebook import load

    shell = InteractiveShell()
    load(shell)
    shell.push({"data": footfall.open(data.folder("city", pings), tz=data.TZ)})
    with redirect_stdout(io.StringIO()):
        shell.run_cell("%%sql\nSELECT * FROM establishments").raise_error()
        Path("/proc/self/clear_refs").write_text("5")
        before, started = _peak_mb(), time.perf_counter()
        done = shell.run_cell("%%sql\nSELECT * FROM pings")
        seconds, more = time.perf_counter() - started, _peak_mb() - before
    done.raise_error()
    print(
        f"SELECT * FROM pings: {len(done.result):,} of {pings:,} rows after {seconds:.2f} s (bar {BAR_FIRST_ROWS_S}), "
        f"{more:.0f} MB more (bar {BAR_MB})"
    )
    return seconds > BAR_FIRST_ROWS_S or more > BAR_MB


def _peak_mb() -> float:
    """Return the most memory that this process has had since its peak was reset."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1_000 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    sys.exit(main())
