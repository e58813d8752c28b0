"""How soon the kernel is ready, beside IPython's own: ``python -m benches.notebook``.

Both kernels start in turns, from the same Python, and are ready when they answer for the first time. Ours starts
without a data set, on one, on a path that is not there, and on one that wants a cluster: it should make no difference.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

import footfall
from footfall.notebook import spec
from footfall.notebook.namespace import DATA, ENGINE

TURNS = 5
ALLOWED_SECONDS = 0.3
STOCK = "ipython"


def main() -> int:
    """Print medians; return 1 if ours is later than allowed."""
    with tempfile.TemporaryDirectory(prefix="footfall-notebook-") as folder:
        os.environ["IPYTHONDIR"] = f"{folder}/ipython"
        city = str(footfall.synth.city(f"{folder}/city", pings=100_000, progress=False))
        cases = {
            "no data": {},
            "a city": {DATA: city},
            "a path that is not there": {DATA: f"{folder}/nowhere"},
            "a city, on Dask": {DATA: city, ENGINE: "dask"},
        }
        return max(_compared(Path(folder), name, environment) for name, environment in cases.items())


def _compared(folder: Path, name: str, environment: dict[str, str]) -> int:
    """Print one line: both medians, and how much later ours is."""
    kernels = _kernels(folder)
    turns: dict[str, list[float]] = {kernel: [] for kernel in (STOCK, spec.NAME)}
    for turn in range(TURNS + 1):
        for kernel, seconds in turns.items():
            took = _seconds_to_ready(kernels, kernel, environment)
            # The first reads files that the others find in memory.
            if turn:
                seconds.append(took)
    medians = {kernel: statistics.median(seconds) for kernel, seconds in turns.items()}
    later = medians[spec.NAME] - medians[STOCK]
    verdict = "" if later <= ALLOWED_SECONDS else f", more than {ALLOWED_SECONDS} s"
    spread = f"{min(turns[spec.NAME]):.2f}-{max(turns[spec.NAME]):.2f} s"
    print(f"{name:<25} IPython's {medians[STOCK]:.2f} s, ours {medians[spec.NAME]:.2f} s ({spread}): "
          f"{later:+.2f} s{verdict}", flush=True)  # fmt: skip
    return int(bool(verdict))


def _kernels(folder: Path) -> KernelSpecManager:
    """Return both kernels, of this Python."""
    spec.install(folder, {})
    stock = folder / "kernels" / STOCK
    stock.mkdir(exist_ok=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    content = {"argv": argv, "display_name": STOCK, "language": "python"}
    (stock / "kernel.json").write_text(json.dumps(content), encoding="utf-8")
    return KernelSpecManager(kernel_dirs=[str(folder / "kernels")], ensure_native_kernel=False)


def _seconds_to_ready(kernels: KernelSpecManager, kernel: str, environment: dict[str, str]) -> float:
    manager = KernelManager(kernel_name=kernel, kernel_spec_manager=kernels, transport="ipc")
    started = time.perf_counter()
    manager.start_kernel(env={**os.environ, **environment})
    client: BlockingKernelClient = manager.client()
    try:
        client.start_channels()
        client.kernel_info()
        client.get_shell_msg(timeout=60)
        return time.perf_counter() - started
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


if __name__ == "__main__":
    sys.exit(main())
