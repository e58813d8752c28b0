"""A Jupyter server of its own and a real browser that looks at it: what both ask of others is counted."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit
from urllib.request import urlopen

import browsers
import pytest

# Nothing that looks for news, no toast above what is to be seen, and all cells there without scrolling.
OVERRIDES = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}
DARK = {"@jupyterlab/apputils-extension:themes": {"theme": "JupyterLab Dark"}}
# Cells that ran have a number; those that run or wait, a star.
NONE_RUNS = """() => { const prompts = [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")];
    return prompts.every(prompt => !prompt.textContent.includes("*")) &&
        prompts.some(prompt => /\\d/.test(prompt.textContent)) }"""


def import_path():
    """What another Python needs as PYTHONPATH to import what this one does, wherever it starts."""
    return os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry)


class Home:
    """Jupyter's folders of a user who has nothing yet."""

    def __init__(self, folder, overrides=OVERRIDES):
        self.folder = Path(folder)
        self.notebooks = self.folder / "notebooks"
        self.notebooks.mkdir(parents=True)
        write_json(self.folder / "config" / "labconfig" / "default_setting_overrides.json", overrides)

    @property
    def data(self):
        return self.folder / "data"

    @property
    def environment(self):
        places = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime",
                  "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
                  "IPYTHONDIR": "ipython"}  # fmt: skip
        return {
            **os.environ,
            "PYTHONPATH": import_path(),
            **{name: str(self.folder / place) for name, place in places.items()},
        }

    def trust(self, *names):
        """Sign notebooks, as their user does by running them."""
        command = [sys.executable, "-m", "jupyter", "trust", *(str(self.notebooks / name) for name in names)]
        subprocess.run(command, env=self.environment, check=True, capture_output=True, timeout=60)


def write_json(file, content):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")


@dataclass
class Server:
    """Where JupyterLab and Notebook 7 are, for who has the token."""

    url: str
    token: str

    def page(self, app, name):
        fresh, name = secrets.token_hex(8), quote(name)
        place = f"lab/workspaces/{fresh}/tree/{name}?reset&" if app == "lab" else f"notebooks/{name}?"
        return f"{self.url}{place}token={self.token}"

    def told(self, what):
        """What the server tells about something, such as ``sessions``."""
        with urlopen(f"{self.url}api/{quote(what)}?token={self.token}", timeout=30) as answer:
            return json.load(answer)

    def trusts(self, name):
        """Whether the outputs of a notebook are trusted."""
        cells = self.told(f"contents/{name}")["content"]["cells"]
        return all(cell["metadata"]["trusted"] for cell in cells if cell["cell_type"] == "code")

    def has_kernel(self, name):
        """Whether a page is connected to a notebook's kernel."""
        kernels = [session["kernel"] for session in self.told("sessions") if session["path"] == name]
        return any(kernel["connections"] and kernel["execution_state"] == "idle" for kernel in kernels)


@contextmanager
def serve(home, kernels=True):
    """A server on 127.0.0.1; without `kernels`, one that has none."""
    token = secrets.token_hex(16)
    settings = {"ServerApp.ip": "127.0.0.1", "ServerApp.port": 0, "IdentityProvider.token": token,
                "ServerApp.allow_root": True, "ServerApp.open_browser": False, "LabApp.extension_manager": "readonly",
                "ServerApp.root_dir": home.notebooks, "ServerApp.terminals_enabled": False}  # fmt: skip
    if not kernels:
        settings["KernelSpecManager.allowed_kernelspecs"] = "{'none'}"
    command = [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in settings.items())]
    with (home.folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, env=home.environment, cwd=home.folder, stdout=log, stderr=log)
    try:
        yield Server(_address(home, process), token)
    finally:
        process.terminate()
        process.wait(20)


def _address(home, process):
    """Where the server listens, once it says so."""
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError, ValueError):
            told = (home.folder / "runtime" / f"jpserver-{process.pid}.json").read_text(encoding="utf-8")
            return json.loads(told)["url"]
        time.sleep(0.1)
    raise AssertionError((home.folder / "server.log").read_text(encoding="utf-8", errors="replace"))


@contextmanager
def browser(width=1280, height=900):
    """A browser that opens pages of a server, each with a memory of its own."""
    pytest.importorskip("notebook", reason="there is no Notebook 7, of the extra `test`")
    with browsers.running() as running:
        yield lambda: Tab(running.new_context(viewport={"width": width, "height": height}))


class Tab(browsers.Watched):
    """A page of a server; what it asks of others it does not get."""

    def __init__(self, context):
        super().__init__(context)
        self.page.route("**/*", lambda route: route.continue_() if self.is_own(route.request.url) else route.abort())

    def belongs(self, url):
        return urlsplit(url).hostname == "127.0.0.1"

    def open(self, server, app, name):
        """Open a notebook and wait until its cells are there."""
        self.server, self.name = server, name
        self.page.goto(server.page(app, name), wait_until="domcontentloaded")
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=180_000)
        return self

    def choose_no_kernel(self):
        """Answer the question that comes where there is no kernel."""
        self.page.locator(".jp-Dialog button.jp-mod-reject").click(timeout=120_000)
        self.page.locator(".jp-Dialog").wait_for(state="detached")

    def wait_for_kernel(self, seconds=60):
        """Wait until the notebook has its kernel; the page calls one that it still waits for idle, too."""
        until = time.monotonic() + seconds
        while not self.server.has_kernel(self.name):
            assert time.monotonic() < until, "it has no kernel"
            self.page.wait_for_timeout(100)
        self.page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for(timeout=1000 * seconds)

    def choose(self, menu, entry):
        """Choose an entry of a menu."""
        self.page.locator(".lm-MenuBar-itemLabel", has_text=menu).first.click()
        self.page.locator(".lm-Menu-itemLabel").get_by_text(entry, exact=True).click()

    def wait_until_done(self, seconds=120):
        """Wait until no cell runs or waits."""
        self.page.wait_for_function(NONE_RUNS, timeout=1000 * seconds)

    def save(self, file):
        """Save the notebook, and wait until it is written."""
        before = file.stat().st_mtime_ns
        self.choose("File", "Save Notebook")
        until = time.monotonic() + 20
        while file.stat().st_mtime_ns == before:
            assert time.monotonic() < until, "it is not saved"
            self.page.wait_for_timeout(100)
