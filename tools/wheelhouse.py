"""Packs all that a node installs into one folder, so that it needs no index, no registry and no clone of the project.

    python tools/wheelhouse.py [--wheel FILE] [--machine x86_64|aarch64] [--glibc 2.34] [--extras LIST] [--out DIR]

For the Python that runs this, whose version decides which packages there are, and for one machine. The folder is flat:

    *.whl              our wheel and what all its extras ask for; Node is among them
    requirements.lock  every package by version and hash: pip install --no-index --find-links . --no-deps
                       --require-hashes -r requirements.lock
    proxy.tar.gz       the hub's proxy, node_modules of configurable-http-proxy
    node.tar.gz        bootstrap.sh, deploy/ and notebooks/
    bootstrap.sh       what a node runs first
    manifest           as sha256sum writes it, of every other file; its own hash names the whole

The same files in give the same bytes out. The folder that was there stays until the new one is whole.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Optional

ROOT = Path(__file__).resolve().parent.parent
LOCK, MANIFEST = "requirements.lock", "manifest"
EXTRAS = "aws,charts,dask,hub,kafka,notebook,pandas,report,spark"
# Amazon Linux 2023 has glibc 2.34; wheels of manylinux begin with 2.5.
NEWEST_GLIBC, OLDEST_MINOR = "2.34", 5
# PyPI has no wheel of it. It is Python and Java: one that is made here is for all machines.
SOURCE_ONLY = "pyspark"
# Spark 3.5, which EMR 7 has, does not take pandas 3.
BOUNDS = ("pandas<3",)
NOT_PACKED = ("__pycache__", ".ipynb_checkpoints")


def main() -> int:
    """Make the folder, say what is in it, and return the exit code."""
    given = arguments()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".wheelhouse-", dir=given.out.parent) as scratch:
        folder = Path(scratch) / "wheelhouse"
        folder.mkdir()
        wheel = given.wheel or newest_wheel(ROOT / "build" / "wheels", given.machine)
        fetch(wheel, given.extras, given.machine, given.glibc, folder)
        pack_project(folder)
        finish(folder, given.machine)
        shutil.rmtree(given.out, ignore_errors=True)
        folder.rename(given.out)
    files = [*given.out.iterdir()]
    size = sum(file.stat().st_size for file in files)
    print(f"{given.out}: {len(files)} files, {size / 1e6:,.0f} MB, wheelhouse-{name_of(given.out)}")
    return 0


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--wheel", type=Path, help="Footfall's; else the newest of build/wheels")
    parser.add_argument("--machine", choices=["x86_64", "aarch64"], default=platform.machine())
    parser.add_argument("--glibc", default=NEWEST_GLIBC, metavar="2.N", help="the oldest that nodes have")
    parser.add_argument("--extras", default=EXTRAS)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "wheelhouse")
    return parser.parse_args()


def newest_wheel(folder: Path, machine: str) -> Path:
    """Return our wheel for a machine that was built last."""
    there = sorted(folder.glob(f"footfall-*{machine}.whl"), key=lambda file: file.stat().st_mtime)
    if not there:
        raise SystemExit(f"{folder}: has no wheel for {machine}; `make wheel` builds one, --wheel FILE names it")
    return there[-1]


def fetch(wheel: Path, extras: str, machine: str, glibc: str, folder: Path) -> None:
    """Have pip resolve all requirements for the machine and lay their wheels into `folder`."""
    if "spark" in extras.split(","):
        # Zip files tell times: this one's are the same each time.
        epoch = {**os.environ, "SOURCE_DATE_EPOCH": "315532800"}
        pip("wheel", "--no-deps", "--wheel-dir", str(folder), pinned(SOURCE_ONLY), environment=epoch)
    platforms = [option for tag in tags(machine, glibc) for option in ("--platform", tag)]
    # The first of its line: some packages want a later one than nodes have.
    python = f"{sys.version_info.major}.{sys.version_info.minor}.0"
    only = ["--only-binary", ":all:", "--find-links", str(folder), "--python-version", python, *platforms]
    pip("download", "--dest", str(folder), *only, f"{wheel}[{extras}]", *BOUNDS)


def pip(*words: str, environment: Optional[dict[str, str]] = None) -> None:
    """Run pip of this Python."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words]
    if subprocess.run(command, env=environment).returncode:
        raise SystemExit(f"pip {words[0]}: failed, as it says above")


def pinned(name: str) -> str:
    """Return the requirement of the version of a package that the tests run."""
    found = re.search(rf'"({name}==[\w.]+)', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    if found is None:
        raise SystemExit(f"pyproject.toml: the tests name no version of {name}")
    return found[1]


def tags(machine: str, glibc: str) -> Iterator[str]:
    """Yield the platforms whose wheels run on a machine with such a glibc, the newest first.

    Examples
    --------
    >>> list(tags("aarch64", "2.17"))[:2]
    ['manylinux_2_17_aarch64', 'manylinux2014_aarch64']
    """
    major, _, minor = glibc.partition(".")
    if major != "2" or not minor.isdecimal():
        raise SystemExit(f"--glibc {glibc}: is written 2.N")
    for each in range(int(minor), OLDEST_MINOR - 1, -1):
        yield f"manylinux_2_{each}_{machine}"
        if each == 17:
            yield f"manylinux2014_{machine}"
    yield f"linux_{machine}"


def pack_project(folder: Path) -> None:
    """Lay what is not a Python package into `folder`."""
    proxy = ROOT / "build" / "hub" / "node_modules"
    if not proxy.is_dir():
        raise SystemExit(f"{proxy}: is not there; `make hub-proxy` fetches the hub's proxy")
    tar(folder / "proxy.tar.gz", proxy.parent, ["node_modules"])
    tar(folder / "node.tar.gz", ROOT, ["bootstrap.sh", "deploy", "notebooks"])
    shutil.copyfile(ROOT / "bootstrap.sh", folder / "bootstrap.sh")


def tar(target: Path, root: Path, names: Iterable[str]) -> None:
    """Write files and folders of `root`, in order, of no user and no time."""
    with (
        target.open("wb") as file,
        gzip.GzipFile("", "wb", mtime=0, fileobj=file) as packed,
        tarfile.open(mode="w", fileobj=packed, format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in names:
            for path in sorted(walk(root / name)):
                archive.add(path, str(path.relative_to(root)), recursive=False, filter=anonymous)


def walk(path: Path) -> Iterator[Path]:
    """Yield a file, or a folder with all below it that belongs to the project."""
    if path.name in NOT_PACKED:
        return
    yield path
    if path.is_dir() and not path.is_symlink():
        for below in path.iterdir():
            yield from walk(below)


def anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out who packed it and when; of rights, whether it can be run."""
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry


def finish(folder: Path, machine: str) -> None:
    """Write the lock and the manifest of a folder."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    head = f"# python {python}\n# machine {machine}\n"
    (folder / LOCK).write_text(head + "".join(locked(folder)), encoding="utf-8")
    files = sorted(file for file in folder.iterdir() if file.name != MANIFEST)
    size = sum(file.stat().st_size for file in files)
    lines = [f"{sha256(file)}  {file.name}\n" for file in files]
    head += f"# {len(files)} files, {size} bytes\n"
    (folder / MANIFEST).write_text(head + "".join(lines), encoding="utf-8")


def locked(folder: Path) -> list[str]:
    """Return a line for each wheel: name, version, hash. One package in two versions is an error."""
    found: dict[str, str] = {}
    for wheel in sorted(folder.glob("*.whl")):
        name, version = wheel.name.split("-")[:2]
        name = re.sub(r"[-_.]+", "-", name).lower()
        if name in found:
            raise SystemExit(f"{folder}: has {name} twice, {found[name].split()[0]} and {wheel.name}")
        found[name] = f"{name}=={version} --hash=sha256:{sha256(wheel)}\n"
    return [found[name] for name in sorted(found)]


def sha256(file: Path) -> str:
    """Return the hash of a file."""
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def name_of(folder: Path) -> str:
    """Return what names a wheelhouse wherever it is kept: the beginning of its manifest's hash."""
    return sha256(folder / MANIFEST)[:16]


if __name__ == "__main__":
    sys.exit(main())
