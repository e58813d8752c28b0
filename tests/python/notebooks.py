"""Kernels and notebooks as their users start and run them."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field

import nbformat
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager
from typer.testing import CliRunner

from footfall.cli import app

READY_SECONDS = 60
#: What is stopped ends at once; the machine may be busy. Clusters and their bars are among the slow tests.
ENDS_WITHIN_S = 10


@contextlib.contextmanager
def running(kernel="footfall", *, cwd=None, env=None, **settings):
    """Yield the manager and a client of a kernel that is ready."""
    manager = KernelManager(kernel_name=kernel, **settings)
    manager.start_kernel(cwd=cwd, **({} if env is None else {"env": env}))
    client = manager.client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=READY_SECONDS)
        yield manager, client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


@contextlib.contextmanager
def connected(connection):
    """Yield a client of the kernel that writes this connection file."""
    deadline = time.monotonic() + READY_SECONDS
    client = BlockingKernelClient(connection_file=str(connection))
    while not connection.exists() or not connection.read_bytes().endswith(b"}"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    client.load_connection_file()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=READY_SECONDS)
        yield client
    finally:
        client.stop_channels()


@dataclass
class Said:
    """What a cell gave: its reply, what it printed, and what it showed by type."""

    reply: dict
    printed: str = ""
    shown: list = field(default_factory=list)
    traceback: str = ""

    @property
    def ok(self):
        return self.reply["status"] == "ok"

    @property
    def value(self):
        """The text of the cell's last expression."""
        return self.shown[-1]["text/plain"]


def run(client, code, timeout=30, **options):
    """Run a cell and return what it said; at the instant that a cell failed, the kernel drops what comes next."""
    until = time.monotonic() + 2
    while (said := _run(client, code, timeout, **options)).reply["status"] == "aborted" and time.monotonic() < until:
        pass
    return said


def _run(client, code, timeout, **options):
    said = Said({})

    def hear(message):
        content = message["content"]
        if message["msg_type"] == "stream":
            said.printed += content["text"]
        elif message["msg_type"] in ("execute_result", "display_data"):
            said.shown.append(content["data"])
        elif message["msg_type"] == "error":
            said.traceback += "\n".join(content["traceback"])

    said.reply = client.execute_interactive(code, timeout=timeout, output_hook=hear, **options)["content"]
    return said


def interrupted(manager, client, code, *, after=1.0, timeout=30):
    """Run a cell, interrupt it after a while, and return its reply and the seconds that it took to come."""
    asked = client.execute(code)
    time.sleep(after)
    started = time.monotonic()
    manager.interrupt_kernel()
    while (reply := client.get_shell_msg(timeout=timeout))["parent_header"].get("msg_id") != asked:
        pass
    return reply["content"], time.monotonic() - started


def notebook(*cells, kernel):
    """A notebook of code cells; the first takes papermill's parameters."""
    spec = {"name": kernel, "display_name": kernel, "language": "python"}
    made = nbformat.v4.new_notebook(metadata={"kernelspec": spec})
    made.cells = [nbformat.v4.new_code_cell(source) for source in cells]
    made.cells[0].metadata["tags"] = ["parameters"]
    return made


def values(executed):
    """The text of the last expression of each cell that has one."""
    outputs = [output for cell in executed.cells for output in cell.outputs]
    return [output.data["text/plain"] for output in outputs if output.output_type == "execute_result"]


def footfall_kernel(*arguments, code=0):
    """What `footfall kernel` prints."""
    done = CliRunner().invoke(app, ["kernel", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done.output
