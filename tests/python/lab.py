"""A Jupyter server of its own and a real browser that looks at it: what both ask of others is counted."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit
from urllib.request import urlopen

# Nothing that looks for news, no toast above what is to be seen, and all cells there without scrolling.
OVERRIDES = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}
DARK = {"@jupyterlab/apputils-extension:themes": {"theme": "JupyterLab Dark"}}
BROWSER_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip
# Cells that ran have a number; those that run or wait, a star.
NONE_RUNS = """() => { const prompts = [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")];
    return prompts.every(prompt => !prompt.textContent.includes("*")) &&
        prompts.some(prompt => /\\d/.test(prompt.textContent)) }"""


def chromium():
    """The browser's path, or None."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def import_path():
    """What another Python needs as PYTHONPATH to import what this one does, wherever it starts."""
    return os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry)


class Home:
    """Jupyter's folders of a user who has nothing yet."""

    def __init__(self, folder, kernels=None, overrides=OVERRIDES):
        self.folder = Path(folder)
        self.notebooks = self.folder / "notebooks"
        self.notebooks.mkdir(parents=True)
        for name, spec in (kernels or {}).items():
            write_json(self.data / "kernels" / name / "kernel.json", spec)
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

    def trusts(self, name):
        """Whether the outputs of a notebook are trusted."""
        with urlopen(f"{self.url}api/contents/{quote(name)}?token={self.token}", timeout=30) as answer:
            cells = json.load(answer)["content"]["cells"]
        return all(cell["metadata"]["trusted"] for cell in cells if cell["cell_type"] == "code")


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
    """Chromium without a window; opens pages, each with a list of what it asked of others and of its errors."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium_ = playwright.chromium.launch(executable_path=chromium(), args=BROWSER_OPTIONS)
        try:
            yield lambda: Tab(chromium_.new_context(viewport={"width": width, "height": height}).new_page())
        finally:
            chromium_.close()


class Tab:
    """A page with a memory of its own."""

    def __init__(self, page):
        self.page, self.foreign, self.errors = page, [], []
        page.route("**/*", self._route)
        page.on("websocket", lambda socket: self._note(socket.url))
        page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.page.context.close()

    def _note(self, url):
        is_ours = urlsplit(url).hostname == "127.0.0.1"
        if not is_ours:
            self.foreign.append(url)
        return is_ours

    def _route(self, route):
        if self._note(route.request.url):
            route.continue_()
        else:
            route.abort()

    def open(self, server, app, name):
        """Open a notebook and wait until its cells are there."""
        self.page.goto(server.page(app, name), wait_until="domcontentloaded")
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)
        return self

    def choose_no_kernel(self):
        """Answer the question that comes where there is no kernel."""
        self.page.locator(".jp-Dialog button.jp-mod-reject").click(timeout=30_000)
        self.page.locator(".jp-Dialog").wait_for(state="detached")

    def wait_for_kernel(self):
        """Wait until JupyterLab's status bar says that the kernel is there."""
        self.page.get_by_text("| Idle").wait_for(timeout=60_000)

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
