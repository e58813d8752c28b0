"""Shells of IPython in this process, and kernels in others, that have what Footfall adds."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

SCORES = pa.table({"user_id": ["ana", "rui"], "score": [1, 2]})
PROJECT = Path(__file__).parents[2]
LOAD = "from footfall.notebook import load; load(get_ipython())"


def new_shell(folder, **names):
    """A shell with these names, that remembers nothing."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    from footfall.notebook import load

    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell(config=config, ipython_dir=str(folder))
    # A shell takes the place of the program that it is in.
    shell.restore_sys_module_state()
    load(shell)
    shell.push(names)
    return shell


def run(shell, code):
    """What a cell gives; it must not fail."""
    done = shell.run_cell(code)
    done.raise_error()
    return done.result


def rows(result):
    return result.to_arrow().to_pylist()


def failure(shell, code, capsys):
    """The error that a cell fails with, and what is shown of it."""
    capsys.readouterr()
    done = shell.run_cell(code)
    assert not done.success
    shown = plain("".join(capsys.readouterr()))
    assert "Traceback" not in shown and ".py" not in shown, shown
    assert str(done.error_in_exec) in shown
    return done.error_in_exec


def completions(shell, code):
    """What is offered where ``|`` stands in `code`: (text, type, what it replaces) of each."""
    from IPython.core.completer import provisionalcompleter

    at = code.index("|")
    whole = code[:at] + code[at + 1 :]
    with provisionalcompleter():
        found = list(shell.Completer.completions(whole, at))
    return [(each.text, each.type, whole[each.start : each.end]) for each in found]


@contextmanager
def kernel(folder, *cells):
    """A client of a real kernel of IPython that has run `load` and these cells."""
    from jupyter_client import KernelManager

    environment = {**os.environ, "IPYTHONDIR": str(folder), "PYTHONPATH": str(PROJECT / "python")}
    manager = KernelManager(kernel_name="python3", transport="ipc", connection_file=f"{folder}/kernel.json")
    manager.start_kernel(env=environment, cwd=str(folder))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        for cell in (LOAD, *cells):
            said = told(client, cell)
            assert said["status"] == "ok", said
        client.interrupt = manager.interrupt_kernel
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def told(client, code):
    """What running a cell gives: its status, the text that is shown, what is printed, and the lines of its error."""
    found = {"shown": "", "printed": "", "traceback": []}

    def hear(message):
        kind, content = message["msg_type"], message["content"]
        if kind in ("execute_result", "display_data"):
            found["shown"] += content["data"]["text/plain"]
        elif kind == "stream":
            found["printed"] += content["text"]
        elif kind == "error":
            found["traceback"] = content["traceback"]

    reply = client.execute_interactive(code, output_hook=hear, timeout=60)
    return {"status": reply["content"]["status"], **found}


def answer(client, ask, code):
    """The reply to a request about the place in `code` where ``|`` stands."""
    at = code.index("|")
    message = getattr(client, ask)(code[:at] + code[at + 1 :], at)
    while True:
        reply = client.get_shell_msg(timeout=60)
        if reply["parent_header"]["msg_id"] == message:
            return reply["content"]


def plain(text):
    """Text without the colours of a terminal."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
