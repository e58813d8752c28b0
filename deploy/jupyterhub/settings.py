"""Reads hub.toml: every setting has its kind, and what cannot hold is an error before the hub starts."""

from __future__ import annotations

import grp
import ipaddress
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from zoneinfo import ZoneInfo

import tomllib


@dataclass(frozen=True)
class Data:
    """The data set of a group of this machine."""

    group: str
    root: str
    tz: str = "UTC"


@dataclass(frozen=True)
class Hub:
    """What hub.toml says; the file there explains each."""

    users: list[str]
    admins: list[str]
    data: list[Data]
    address: str = "127.0.0.1"
    port: int = 800
    certificate: str = ""
    key: str = ""
    hub_port: int = 801
    idle_minutes: float = 60
    hours: float = 24
    language: str = "en"
    memory: str = "4G"
    cpus: float = 2
    state: str = "/var/lib/footfall-hub"
    watcher: str = ""

    @property
    def url(self) -> str:
        """Where browsers find the hub."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{'https' if self.certificate else 'http'}://{host}:{self.port}/"

    @property
    def idle_seconds(self) -> int:
        """After how long what is idle ends."""
        return max(1, round(60 * self.idle_minutes))

    @property
    def every_seconds(self) -> int:
        """How often is asked what is idle."""
        return min(300, max(1, self.idle_seconds // 5))


def read(path: Path) -> Hub:
    """Return the settings of a file; leave with a message if they cannot hold."""
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
        return _checked(told)
    except (OSError, ValueError, TypeError) as error:
        sys.exit(f"{path}: {error}")


def _checked(told: dict) -> Hub:
    data = [Data(**_known(Data, each)) for each in told.pop("data", [])]
    hub = Hub(**{"users": [], "admins": [], **_known(Hub, told)}, data=data)
    if not hub.users and not hub.admins:
        raise ValueError("users = []: nobody could log in; name them")
    if bool(hub.certificate) != bool(hub.key):
        raise ValueError("certificate and key: one without the other")
    if not hub.certificate and not ipaddress.ip_address(hub.address).is_loopback:
        raise ValueError(f"address = {hub.address!r}: passwords would go in clear text; give certificate and key")
    for each in hub.data:
        _check_data(each)
    return hub


def _check_data(data: Data) -> None:
    try:
        grp.getgrnam(data.group)
        ZoneInfo(data.tz)
    except KeyError as error:
        raise ValueError(f"data of {data.group!r}: {error.args[0]}") from None
    if "://" not in data.root and not Path(data.root).is_dir():
        raise ValueError(f"data of {data.group!r}: there is no folder {data.root}")


def _known(kind: type, told: dict) -> dict:
    """Return what was told, each of the kind that a setting has."""
    kinds = {"str": str, "int": int, "float": (int, float), "list[str]": list}
    wanted = {field.name: field.type for field in fields(kind)}
    for name, value in told.items():
        if name not in wanted:
            raise ValueError(f"{name}: there is no such setting; there are {', '.join(wanted)}")
        if not isinstance(value, kinds[wanted[name]]) or isinstance(value, bool):
            raise ValueError(f"{name} = {value!r}: must be {wanted[name]}")
    return told
