"""Settings of the hub: what cannot hold ends it at its start; and the script that installs it."""

from __future__ import annotations

import shutil
import subprocess
import sys

import hubs
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
    done = subprocess.run(["shellcheck", hubs.DEPLOY / script], capture_output=True, text=True, timeout=60)
    assert done.stdout == ""


@pytest.mark.parametrize(
    "options, reason",
    [(["--wheel"], "--wheel what?"), (["--fast"], "no such option"), (["--prefix", "here"], "an absolute path")],
)
def test_the_script_says_what_it_does_not_know(options, reason):
    done = subprocess.run(["sh", hubs.DEPLOY / "install.sh", *options], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and reason in done.stderr and "--wheelhouse DIR" in done.stderr
