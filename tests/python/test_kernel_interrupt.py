"""The stop button of a notebook: it ends the work, here and on clusters, and the kernel answers the next cell."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import busy
import machine
import pytest
from worlds import JOBS_BY, JOBS_BY_USER

pytest.importorskip("ipykernel", reason="Jupyter's kernel is not installed")

JOBS = [*JOBS_BY, *JOBS_BY_USER]
REPEATED = {**{job: f"data.{job}()" for job in JOBS}, "sql": "data.sql(SQL)", "check": "data.check()",
            "persist": "data.persist().unpersist()"}  # fmt: skip
# The answers of all jobs: what people did with the ads of these places, too.
SETUP = f"""
{busy.TABLES}
small, SQL = {busy.SMALL}, {busy.SQL!r}
ads = dict(ad_id=np.arange(100), campaign_id=np.arange(100) % 9, category=["food"] * 100)
tables["ads"] = pa.table({{**ads, "establishment_id": np.arange(100) % places}})
tables["interactions"] = pa.table(dict(
    user_id=rng.integers(0, 100_000, count), ad_id=rng.integers(0, 100, count),
    action=pa.DictionaryArray.from_arrays(pa.array(rng.integers(0, 2, count), pa.int8()), ["view", "click"]),
    timestamp=pa.array(np.arange(count), pa.timestamp("s", "UTC"))))
data = footfall.open(tables, engine=ENGINE, progress=PROGRESS)
"""
STILL_BUSY = """
import time
time.sleep(0.3)
began = time.process_time()
time.sleep(0.5)
print(time.process_time() - began)
"""
ANSWER = 'print(small.establishment_visits(by="period").to_arrow().num_rows)'


class Kernel:
    """A kernel, and a front end that runs cells in it and presses stop."""

    def __init__(self, manager, client):
        self.manager, self.client = manager, client

    def run(self, code):
        """Run a cell to its end; what it printed."""
        printed = []
        reply = self.client.execute_interactive(
            code, timeout=300, output_hook=lambda heard: printed.append(heard["content"].get("text", ""))
        )
        assert reply["content"]["status"] == "ok", reply["content"]
        return "".join(printed).strip()

    def stop(self, code, after):
        """Start a cell and press stop while it works; the name of its error, and how many seconds it took to end."""
        self.client.execute(code)
        time.sleep(after)
        began = time.monotonic()
        self.manager.interrupt_kernel()
        reply = self.client.get_shell_msg(timeout=60)
        return reply["content"].get("ename"), time.monotonic() - began


@pytest.fixture(scope="module")
def start():
    """Starts kernels, and ends them."""
    from jupyter_client.manager import start_new_kernel

    running = []

    def started(engine="local", progress=True):
        kernel = Kernel(*start_new_kernel(kernel_name="python3"))
        running.append(kernel)
        path = [entry for entry in sys.path if entry]
        kernel.run(f"import sys; sys.path[:0] = {path!r}; ENGINE, PROGRESS = {engine!r}, {progress}\n{SETUP}")
        return kernel

    yield started
    for kernel in running:
        kernel.client.stop_channels()
        kernel.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def local(start):
    return start()


@pytest.mark.parametrize("work", REPEATED)
def test_local_work_ends_within_half_a_second(local, work):
    error, seconds = local.stop(f"for _ in range(1_000): {REPEATED[work]}", after=0.7)
    assert error == "KeyboardInterrupt" and seconds < 0.5
    assert float(local.run(STILL_BUSY)) < 0.1, "the work goes on without its caller"
    assert local.run(ANSWER) == "12"


@pytest.fixture(scope="module", params=["dask", "spark"])
def on_cluster(request, start, clusters, live_clusters):
    """A kernel whose data set works on a cluster, and the processes of that cluster."""
    kernel = start(engine=clusters(request.param), progress=False)
    return kernel, live_clusters(request.param)[0]


@pytest.mark.slow
@pytest.mark.parametrize("work", REPEATED)
def test_work_on_a_cluster_ends_within_two_seconds(on_cluster, work):
    kernel, cluster = on_cluster
    error, seconds = kernel.stop(f"for _ in range(1_000): {REPEATED[work]}", after=3)
    stopped = time.monotonic()
    assert error == "KeyboardInterrupt" and seconds < 2
    while busy_share(cluster) > 0.5:
        assert time.monotonic() - stopped < 2, "the workers go on"
    assert kernel.run(ANSWER) == "12"


def busy_share(cluster, seconds=0.5):
    """How many processors the processes of a cluster use."""
    processes = machine.family(*cluster.processes.values())
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
