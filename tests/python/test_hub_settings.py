"""Settings of the hub: what cannot hold ends it at its start; and the script that installs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import hubs
import lab
import pytest

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="the hub needs Python 3.11")
READ = "import sys, pathlib, settings; hub = settings.read(pathlib.Path(sys.argv[1])); print(hub.url, hub.idle_seconds)"


def read(folder, text):
    file = folder / "hub.toml"
    file.write_text(text, encoding="utf-8")
    command = [sys.executable, "-c", READ, str(file)]
    return subprocess.run(command, capture_output=True, text=True, cwd=hubs.DEPLOY, timeout=60)


def test_what_the_script_writes_holds_once_somebody_is_named(tmp_path):
    text = (hubs.DEPLOY / "hub.toml").read_text(encoding="utf-8")
    assert "nobody could log in" in read(tmp_path, text).stderr
    assert read(tmp_path, text.replace("users = []", 'users = ["ana"]')).stdout == "http://127.0.0.1:800/ 3600\n"


@pytest.mark.parametrize(
    "line, reason",
    [
        ('address = "0.0.0.0"', "passwords would go in clear text; give certificate and key"),
        ('certificate = "c.pem"', "one without the other"),
        ('adress = "127.0.0.1"', "adress: there is no such setting; there are users"),
        ('port = "800"', "port = '800': must be int"),
        ('idle_minutes = "an hour"', "must be float"),
        ("users = ana", "Invalid value"),
        ('[[data]]\ngroup = "no-such-group"\nroot = "/"', "no-such-group"),
        ('[[data]]\ngroup = "root"\nroot = "/no/such/folder"', "there is no folder /no/such/folder"),
        ('[[data]]\ngroup = "root"\nroot = "/"\ntz = "Atlantis"', "Atlantis"),
    ],
)
def test_settings_that_cannot_hold_end_the_hub_with_the_reason(tmp_path, line, reason):
    others = "" if line.startswith("users") else 'users = ["ana"]\n'
    done = read(tmp_path, others + line)
    assert done.returncode == 1 and reason in done.stderr and "Traceback" not in done.stderr, done.stderr


def test_another_address_has_tls(tmp_path):
    text = 'users = ["ana"]\naddress = "0.0.0.0"\nport = 443\ncertificate = "/c.pem"\nkey = "/k.pem"\n'
    assert read(tmp_path, text).stdout.startswith("https://0.0.0.0:443/")


@pytest.mark.parametrize("script", ["install.sh", "start-server"])
def test_scripts_are_sh(script):
    if shutil.which("shellcheck") is None:
        pytest.skip("there is no shellcheck")
    done = subprocess.run(
        ["shellcheck", "-x", hubs.DEPLOY / script], cwd=hubs.PROJECT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == ""


@pytest.mark.parametrize(
    "options, reason",
    [(["--wheel"], "--wheel what?"), (["--fast"], "no such option"), (["--prefix", "here"], "an absolute path")],
)
def test_the_script_says_what_it_does_not_know(options, reason):
    done = subprocess.run(["sh", hubs.DEPLOY / "install.sh", *options], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and reason in done.stderr and "--wheelhouse DIR" in done.stderr


# Amazon Linux as the script sees it: coreutils, and a dnf that brings a Python, whose venv has a pip and a Node.
PLAIN = "sh cat chmod cmp cp cut dirname head id install ls mkdir rm sed sha256sum basename"
TELL = '#!/bin/sh\necho "$(basename "$0") $*" | sed "s|$FAKED|.|g" >>"$FAKED/told"\n'
STUBS = {
    "dnf": 'cp "$FAKED/stubs/python3.11" "$FAKED/bin/"',
    "python3.11": 'case "$1" in -m) mkdir -p "$3/bin"; cp "$FAKED/stubs/pip" "$FAKED/stubs/python" "$3/bin" ;; esac',
    "pip": "",
    "python": 'echo "$FAKED/node"',
    "node": 'mkdir -p "$FAKED/hub/hub/node_modules"',
}


@pytest.fixture
def amazon(tmp_path):
    """A folder with the commands of an Amazon Linux that has nothing yet, all of them stubs."""
    for folder in ("bin", "stubs", "node/bin"):
        (tmp_path / folder).mkdir(parents=True)
    for name in PLAIN.split():
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    places = {"dnf": "bin", "node": "node/bin"}
    for name, does in STUBS.items():
        file = tmp_path / places.get(name, "stubs") / name
        file.write_text(TELL + does + "\n", encoding="utf-8")
        file.chmod(0o755)
    (tmp_path / "footfall-1-py3-none-any.whl").write_bytes(b"wheel")
    return tmp_path


def install_on(folder, *options):
    told = ["--wheel", folder / "footfall-1-py3-none-any.whl", "--prefix", folder / "hub", "--state", folder / "state"]
    command = ["sh", hubs.DEPLOY / "install.sh", *told, "--settings", folder / "hub.toml", "--no-service", *options]
    environment = {"PATH": str(folder / "bin"), "FAKED": str(folder)}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)


def written_at(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and path.name != "told"}


@pytest.mark.skipif(os.getuid() != 0, reason="the script asks for root")
def test_on_amazon_linux_it_asks_dnf_and_a_second_time_nothing(amazon):
    """Against a stub of dnf: what is asked of it, and of the Python that it brings."""
    done = install_on(amazon)
    assert done.returncode == 0, done.stderr
    told = (amazon / "told").read_text(encoding="utf-8").splitlines()
    assert told[0] == "dnf install -y python3.11 shadow-utils java-17-amazon-corretto-headless"
    assert "python3.11 -m venv ./hub" in told
    assert any(line.endswith("./footfall-1-py3-none-any.whl[hub,dask,spark]") for line in told)
    assert "npm-cli.js ci" in told[-1] and "--ignore-scripts" in told[-1]
    for name in ("useradd", "java"):
        (amazon / "bin" / name).symlink_to("dnf")
    before = written_at(amazon)
    assert amazon / "hub" / "hub" / "jupyterhub_config.py" in before
    (amazon / "told").unlink()
    assert install_on(amazon).returncode == 0
    asked = {line.split()[0] for line in (amazon / "told").read_text(encoding="utf-8").splitlines()}
    assert asked == {"python3.11"} and written_at(amazon) == before


@pytest.mark.skipif(os.getuid() != 0, reason="the script asks for root")
@pytest.mark.parametrize("fails", ["bin/dnf", "stubs/pip", "node/bin/node"])
def test_it_stops_at_the_first_error_and_goes_on_from_there(amazon, fails):
    whole = (amazon / fails).read_text(encoding="utf-8")
    (amazon / fails).write_text("#!/bin/sh\nexit 7\n", encoding="utf-8")
    assert install_on(amazon).returncode != 0 and not (amazon / "hub.toml").exists()
    for file in (amazon / fails, *(amazon / "hub").glob(f"bin/{Path(fails).name}")):
        file.write_text(whole, encoding="utf-8")
    assert install_on(amazon).returncode == 0 and (amazon / "hub.toml").exists()


def test_the_first_login_copies_notebooks_in_the_language_and_the_next_none(tmp_path):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\n[ "$1" = -c ] && exec {sys.executable} "$@"\necho "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    told = {"HOME": str(tmp_path), "FOOTFALL_HUB_FOLDER": "/run/ana", "FOOTFALL_LANG": "pt"}
    command = ["sh", hubs.DEPLOY / "start-server", python, "--port=1"]
    options = {"env": {**os.environ, **told, "PYTHONPATH": lab.import_path()}, "capture_output": True, "text": True}
    for _ in range(2):
        done = subprocess.run(command, timeout=60, **options)
        assert done.returncode == 0, done.stderr
        assert done.stdout.endswith("-m jupyterhub.singleuser --ServerApp.sock=/run/ana/server --port=1\n")
        tour = tmp_path / "footfall" / "00_tour.ipynb"
        assert "Hora do dia" in tour.read_text(encoding="utf-8") and tour.stat().st_mode & 0o077 == 0
        (tmp_path / "footfall" / "01_campaign_performance.ipynb").unlink(missing_ok=True)
    assert not (tmp_path / "footfall" / "01_campaign_performance.ipynb").exists()
