"""The stop button of a notebook: the work ends with its cell, here and on clusters, and the kernel goes on."""

from __future__ import annotations

import time
from pathlib import Path

import busy
import lab
import machine
import notebooks
import pytest
from worlds import JOBS_BY, JOBS_BY_USER

WORKS = {**{job: f"data.{job}()" for job in [*JOBS_BY, *JOBS_BY_USER]}, "sql": "data.sql(SQL)",
         "check": "data.check()", "persist": "data.persist().unpersist()"}  # fmt: skip
# Statements of many minutes: joins without keys to hash, which find very many pairs.
STATEMENTS = {
    "inequality": "SELECT count(*) FROM pings a JOIN pings b ON a.latitude < b.longitude",
    "pairs": "SELECT sum(a.latitude + b.latitude) FROM pings a CROSS JOIN pings b",
}
CELLS = {**{work: f"for _ in range(1_000): {code}" for work, code in WORKS.items()},
         **{name: f"%%sql\n{statement}" for name, statement in STATEMENTS.items()}}  # fmt: skip
# All tables, so that each job has something to do: what people did with the ads of these places, too.
SETUP = f"""
{busy.TABLES}
small, SQL = {busy.SMALL}, {busy.SQL!r}
ads = dict(ad_id=np.arange(100), campaign_id=np.arange(100) % 9, category=["food"] * 100)
tables["ads"] = pa.table({{**ads, "establishment_id": np.arange(100) % places}})
tables["interactions"] = pa.table(dict(
    user_id=rng.integers(0, 100_000, count), ad_id=rng.integers(0, 100, count),
    action=pa.DictionaryArray.from_arrays(pa.array(rng.integers(0, 2, count), pa.int8()), ["view", "click"]),
    timestamp=pa.array(np.arange(count), pa.timestamp("s", "UTC"))))
"""
STILL_BUSY = """
import time
time.sleep(0.3)
began = time.process_time()
time.sleep(0.5)
print(time.process_time() - began)
"""
ANSWER = 'small.establishment_visits(by="period").to_arrow().num_rows'


@pytest.fixture(scope="module")
def opened():
    """Kernels that have opened the tables on an engine."""
    running = {}

    def on(engine):
        if engine not in running:
            patch.setenv("PYTHONPATH", lab.import_path())
            context = notebooks.running("python3")
            running[engine] = context, *context.__enter__()
            client = running[engine][2]
            # What IPython imports to show its first error.
            assert not notebooks.run(client, "%load_ext footfall\n1 / 0").ok
            said = notebooks.run(client, f"{SETUP}\ndata = footfall.open(tables, engine={engine!r})", 120)
            assert said.ok, said.traceback
            # What IPython imports to show its first error.
            assert not notebooks.run(running[engine][2], "1 / 0").ok
        return running[engine][1:]

    with pytest.MonkeyPatch.context() as patch:
        yield on
    for context, *_ in running.values():
        context.__exit__(None, None, None)


def interrupted(kernel, work, after):
    """Start a cell, press stop while it works; how long it took to end. The next cell answers."""
    manager, client = kernel
    told, seconds = notebooks.interrupted(manager, client, CELLS[work], after=after)
    assert told.get("ename") == "KeyboardInterrupt", told
    assert notebooks.run(client, ANSWER).value == "12"
    return seconds


@pytest.mark.parametrize("work", ["visit_attribution", "check", "persist", *STATEMENTS])
def test_no_work_goes_on_without_its_cell(opened, work):
    kernel = opened("local")
    assert interrupted(kernel, work, after=0.7) < notebooks.ENDS_WITHIN_S
    assert float(notebooks.run(kernel[1], STILL_BUSY).printed) < 0.25


@pytest.mark.slow
@pytest.mark.parametrize("engine_of_kernel", ["dask", "spark"])
@pytest.mark.parametrize("work", WORKS)
def test_work_on_a_cluster_ends_within_two_seconds(opened, engine_of_kernel, work):
    kernel = opened(engine_of_kernel)
    assert interrupted(kernel, work, after=3) < 2
    stopped = time.monotonic()
    while busy_processors(int(notebooks.run(kernel[1], "import os; os.getpid()").value)) > 0.5:
        assert time.monotonic() - stopped < 2, "the workers go on"


def busy_processors(pid, seconds=0.5):
    """How many processors a process and those that it started use."""
    processes = machine.family(pid)
    before = sum(map(ticks, processes))
    time.sleep(seconds)
    return (sum(map(ticks, processes)) - before) / 100 / seconds


def ticks(pid):
    """Hundredths of a second of processor time that a process has used."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])
