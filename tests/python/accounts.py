"""Accounts of this machine that a test makes and takes away, and a Python with our packages that they can read."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import machine
import pytest
import strangers

import footfall

TOOLS = ("useradd", "userdel", "groupadd", "groupdel", "chpasswd", "setpriv")
#: Where everybody may write.
SHARED = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))
WHERE_FROM = "./bootstrap.sh --tests, as root, installs it"


@dataclass(frozen=True)
class Account:
    """An account, its password, and the Python that it can read."""

    name: str
    password: str
    home: Path
    python: Path

    @property
    def uid(self):
        return pwd.getpwnam(self.name).pw_uid

    @property
    def become(self):
        """What to put before a command to run it as this account, with no rights but its own."""
        user = pwd.getpwnam(self.name)
        return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups", "--inh-caps=-all"]

    def says(self, script, *arguments):
        """What a Python script of this account prints."""
        return strangers.said(strangers.start(script, *arguments, home=self.home, account=self))


def skip_unless_possible():
    """Skip a test where it can make no accounts."""
    machine.skip_unless_possible("accounts of this machine", TOOLS, WHERE_FROM)


def readable_python():
    """A Python of this version that everybody can run, which a virtual environment's may not be."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    asked = f"import sqlite3, ssl, venv, sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    for path in (Path(sys.base_prefix) / "bin" / version, Path("/usr/bin") / version, Path("/usr/local/bin") / version):
        with suppress(OSError):
            if subprocess.run([path, "-c", asked], user=strangers.NOBODY, group=strangers.NOBODY, extra_groups=[],
                              capture_output=True, cwd="/").returncode == 0:  # fmt: skip
                return path
    pytest.skip(f"there is no {version} that other users can read, such as Debian's python3 with python3-venv")


def make_environment(folder):
    """Make a virtual environment with what is installed here, without a network, and return its Python.

    Packages that others cannot read where they are get there as links, where the file system can: write none in place.
    """
    subprocess.run([readable_python(), "-m", "venv", "--without-pip", folder], check=True, timeout=60)
    packages, ours = Path(sysconfig.get_path("purelib")), Path(footfall.__file__).parent
    there = folder / packages.relative_to(sys.prefix)
    if strangers.can_read(packages / "jupyterhub" / "__init__.py") and strangers.can_read(ours / "__init__.py"):
        (there / "all.pth").write_text(f"{ours.parent}\nimport site; site.addsitedir({str(packages)!r})\n")
    else:
        link_packages(packages, ours, there)
    for shared in ("etc/jupyter", "share/jupyter", "share/jupyterhub"):
        copy_tree(Path(sys.prefix) / shared, folder / shared, "-a")
    return folder / "bin" / "python"


def link_packages(packages, ours, there):
    copy_tree(packages, there, "-al")
    copy_tree(ours, there / "footfall", "-rlL")
    for pointer in there.glob("footfall*.pth"):
        pointer.unlink()


def copy_tree(source, target, options):
    """Copy a folder's content; as files where they cannot be links."""
    target.mkdir(parents=True, exist_ok=True)
    command = ["cp", options, f"{source}/.", target]
    if subprocess.run(command, capture_output=True, timeout=300).returncode != 0:
        subprocess.run(["cp", "-rpLf", f"{source}/.", target], check=True, timeout=300)


@contextmanager
def made(folder, python, *, group=None):
    """An account with a home in a folder, as Debian makes it: everybody may enter. All of it is gone afterwards."""
    name = f"footfall-{secrets.token_hex(4)}"
    account = Account(name, secrets.token_urlsafe(16), folder / name, python)
    more = ["--groups", group] if group else []
    command = [
        "useradd",
        "--create-home",
        "--home-dir",
        account.home,
        "--shell",
        "/bin/bash",
        "--key",
        "HOME_MODE=0755",
    ]
    subprocess.run([*command, *more, name], check=True, capture_output=True)
    try:
        subprocess.run(["chpasswd"], input=f"{name}:{account.password}", text=True, check=True)
        yield account
    finally:
        end_all(account.uid)
        remove_files(account.uid, *SHARED)
        subprocess.run(["userdel", "--remove", "--force", name], capture_output=True, check=False)


@contextmanager
def made_group():
    """A group of this machine, for a while."""
    name = f"footfall-{secrets.token_hex(4)}"
    subprocess.run(["groupadd", name], check=True)
    try:
        yield name
    finally:
        subprocess.run(["groupdel", name], check=False, capture_output=True)


def processes_of(uid):
    """The processes of a user that are not done, with their commands."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            if folder.stat().st_uid == uid and state != "Z":
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


def end_all(uid):
    """End all processes of a user, and those that they start meanwhile."""
    until = time.monotonic() + 20
    while (left := processes_of(uid)) and time.monotonic() < until:
        for process in left:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.05)


def files_of(uid, *folders):
    """All files and folders of a user: those at the top of some folders, and what is below those of theirs."""
    found = []
    for path in (path for folder in folders for path in folder.iterdir()):
        with suppress(OSError):
            if path.lstat().st_uid == uid:
                found += [path, *(path.rglob("*") if path.is_dir() and not path.is_symlink() else [])]
    return found


def remove_files(uid, *folders):
    """Remove what a user has at the top of some folders."""
    for path in files_of(uid, *folders):
        with suppress(OSError):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
