"""A small wheelhouse whose wheel points to this checkout, and nodes installed from it below a folder of the test."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import footfall

PROJECT = Path(__file__).parents[2]
NODE = PROJECT / "deploy" / "aws" / "node"
VERSION = "{}.{}".format(*sys.version_info)
WHEEL = "footfall-0.0.0-py3-none-any.whl"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def make_wheelhouse(folder):
    """A wheelhouse as `make wheelhouse` lays it out: one wheel, that finds what is installed here."""
    folder.mkdir(parents=True)
    write_wheel(folder / WHEEL)
    (folder / "requirements.lock").write_text(
        f"footfall==0.0.0 --hash=sha256:{sha256((folder / WHEEL).read_bytes())}\n"
    )
    with tarfile.open(folder / "node.tar.gz", "w:gz") as archive:
        for name in ("bootstrap.sh", "deploy", "notebooks"):
            archive.add(PROJECT / name, name, filter=lambda each: None if "__pycache__" in each.name else each)
    shutil.copy(PROJECT / "bootstrap.sh", folder)
    write_manifest(folder)
    return folder


def write_manifest(folder):
    """Write the manifest anew, and return what names the whole."""
    files = sorted(file for file in folder.iterdir() if file.name != "manifest")
    lines = "".join(f"{sha256(file.read_bytes())}  {file.name}\n" for file in files)
    content = f"# python {VERSION}\n{lines}".encode()
    (folder / "manifest").write_bytes(content)
    return sha256(content)[:16]


def write_wheel(path):
    """A wheel of a pointer: packages of this environment, of which Footfall's own folder is first."""
    here = Path(footfall.__file__).parents[1]
    packages = [each for each in sys.path if each.endswith("site-packages")]
    pointer = f"{here}\n" + "".join(f"import site; site.addsitedir({each!r})\n" for each in packages)
    about = "footfall-0.0.0.dist-info"
    files = {
        "footfall-pointer.pth": pointer,
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: footfall\nVersion: 0.0.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},sha256={record_hash(content)},{len(content)}\n" for name, content in files.items())
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in {**files, f"{about}/RECORD": f"{record}{about}/RECORD,,\n"}.items():
            wheel.writestr(name, content)


def record_hash(content):
    return base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).rstrip(b"=").decode()


def bootstrap(root, *told, script=PROJECT / "bootstrap.sh", **more):
    """Run the bootstrap below a folder instead of the machine's own."""
    environment = {**os.environ, "FOOTFALL_ROOT": str(root), **more}
    environment.pop("PYTHONPATH", None)
    environment["PATH"] = f"{Path(sys.base_prefix) / 'bin'}:{environment['PATH']}"
    command = ["bash", str(script), *map(str, told)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, cwd="/")


def sourced(script, *, root="", path=None):
    """Run a few lines after the functions of a node's scripts."""
    names = ("role", "environment", "credentials", "services")
    lines = [f'root="{root}" prefix=$root/opt/footfall settings=$root/etc/footfall state=$root/state logs=$root/log']
    lines += ["set -eEuo pipefail; kind='' role='' primary='' run='' credentials='' yarn='' power_off=''"]
    lines += ['fail() { echo "$1" >&2; exit 1; }; step() { echo "$*"; }', f"here={NODE}"]
    lines += [f". {NODE.parents[1]}/system_packages.sh", *(f". {NODE / name}.sh" for name in names)]
    environment = {**os.environ, "PATH": path or os.environ["PATH"]}
    command = ["/bin/bash", "-c", "\n".join([*lines, script])]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def snapshot(root):
    """All files below a folder: what they hold and when they were written. Logs tell of each run anew."""
    left_out = ("var/log", "__pycache__")
    files = [path for path in root.rglob("*") if path.is_file() and not any(each in str(path) for each in left_out)]
    return {str(path.relative_to(root)): (path.stat().st_mtime_ns, sha256(path.read_bytes())) for path in files}
