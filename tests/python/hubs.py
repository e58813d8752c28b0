"""A real JupyterHub of deploy/jupyterhub, with its proxy, on free ports of 127.0.0.1; and who logs in by browser."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

import lab
from accounts import Account

PROJECT = Path(__file__).parents[2]
DEPLOY = PROJECT / "deploy" / "jupyterhub"
#: Where `make` puts the proxy.
PROXY = PROJECT / "build" / "hub" / "node_modules"


@dataclass
class Hub:
    """A hub that runs."""

    folder: Path
    url: str
    process: subprocess.Popen

    @property
    def state(self):
        return self.folder / "state"

    @property
    def log(self):
        return (self.folder / "hub.log").read_text(encoding="utf-8", errors="replace")

    def folder_of(self, account):
        """Where the server of an account listens and writes."""
        return self.state / "users" / str(account.uid)

    def page(self, account, path=""):
        return f"{self.url}user/{account.name}/{path}"


def install(folder):
    """Put the configuration into an environment, as the script for hosts does, and the proxy beside it."""
    command = ["sh", DEPLOY / "install.sh", "--files-only", "--prefix", folder]
    told = ["--state", folder / "state", "--settings", folder / "hub.toml"]
    done = subprocess.run([*command, *told], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    (folder / "hub" / "node_modules").symlink_to(PROXY)


def configure(folder, **settings):
    """Write settings over those that the script wrote."""
    kept = [line for line in (folder / "hub.toml").read_text().splitlines() if line.split(" ")[0] not in settings]
    tables = settings.pop("data", [])
    lines = [*kept, *(f"{name} = {json.dumps(value)}" for name, value in settings.items())]
    for table in tables:
        lines += ["[[data]]", *(f"{name} = {json.dumps(value)}" for name, value in table.items())]
    (folder / "hub.toml").write_text("\n".join(lines) + "\n")


def free_ports(count):
    """Ports that are free now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def command(folder):
    """The command of a hub, and its environment."""
    told = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
    told |= {name: os.environ[name] for name in ("JAVA_HOME",) if name in os.environ}
    told["FOOTFALL_HUB_SETTINGS"] = str(folder / "hub.toml")
    return [folder / "bin" / "python", "-m", "jupyterhub", "-f", folder / "hub" / "jupyterhub_config.py"], told


@contextmanager
def running(folder, port):
    """A hub that answers."""
    started, told = command(folder)
    with (folder / "hub.log").open("wb") as log:
        process = subprocess.Popen(started, env=told, cwd="/", stdout=log, stderr=log, start_new_session=True)
    hub = Hub(folder, f"http://127.0.0.1:{port}/", process)
    try:
        wait_until(lambda: answers(f"{hub.url}hub/health"), 60, lambda: hub.log[-3_000:])
        yield hub
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(60)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def answers(url):
    try:
        with urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (URLError, OSError):
        return False


def wait_until(what, seconds, told):
    """Wait until something holds; else fail with what is told."""
    until = time.monotonic() + seconds
    while not (held := what()):
        assert time.monotonic() < until, told()
        time.sleep(0.2)
    return held


@dataclass
class Own:
    """The server of an account, for the browser in which it is logged in."""

    hub: Hub
    account: Account
    tab: lab.Tab

    def page(self, app, name):
        fresh = secrets.token_hex(8)
        return self.hub.page(self.account, f"{app}/workspaces/{fresh}/tree/{quote(name)}?reset")

    def told(self, what):
        return self.tab.page.request.get(self.hub.page(self.account, f"api/{what}")).json()

    has_kernel = lab.Server.has_kernel


def log_in(hub, account, tab):
    """Log in by the form, and wait for JupyterLab."""
    tab.page.set_default_timeout(240_000)
    tab.page.goto(hub.url)
    tab.page.fill("#username_input", account.name)
    tab.page.fill("#password_input", account.password)
    tab.page.click("#login_submit")
    tab.page.wait_for_url(f"**/user/{account.name}/lab**")
    return Own(hub, account, tab)


def run_all(tab):
    """Run all cells of the notebook that is open; what they give comes later."""
    tab.wait_for_kernel(240)
    tab.choose("Run", "Run All Cells")


def outputs(notebook):
    """The outputs of each code cell that ran, of a notebook's file, once it is written."""
    text = wait_until(lambda: whole(notebook), 20, lambda: f"{notebook} is no whole notebook")
    return [cell["outputs"] for cell in text["cells"] if cell["cell_type"] == "code" and cell["execution_count"]]


def whole(notebook):
    with suppress(ValueError):
        return json.loads(notebook.read_text(encoding="utf-8"))
