"""The machine: its Python, its C library, and what listens where others reach it."""

from __future__ import annotations

import os
import platform
import socket
import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from footfall.doctor.findings import Finding, absent, fine, wrong
from footfall.doctor.patient import Patient

_PYTHON, _GLIBC = (3, 9), (2, 17)
_LISTENING = "0A"
_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_PROBE_SECONDS = 2.0
#: What whoever reaches it can use without a key, and what closes it. Others, such as sshd, ask who one is.
_OPEN_DOORS = {
    1099: ("Java's remote management", "switch it off"),
    4040: ("a page of a Spark application", "spark.ui.enabled=false, or SPARK_LOCAL_IP=127.0.0.1"),
    6066: ("Spark's port for submitting jobs", "spark.master.rest.enabled=false"),
    8001: ("the API of the hub's proxy", "bind it to 127.0.0.1"),
    8081: ("the hub itself", "bind it to 127.0.0.1; ssh -L reaches it"),
    8787: ("Dask's page", "start the scheduler with --no-dashboard, or --dashboard-address 127.0.0.1:8787"),
    8888: ("a notebook server", "start it with --ip 127.0.0.1; ssh -L reaches it"),
    9092: ("a Kafka broker", "bind its listener to 127.0.0.1, or let it ask for a password"),
}
_SCHEDULER = 8786


@dataclass(frozen=True, order=True)
class Listener:
    """A port that is listened on at an address."""

    port: int
    address: str

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return self.address.startswith("127.") or self.address in ("::1", "::ffff:127.0.0.1")


def python(_: Patient) -> Finding:
    """See which Python this is."""
    seen = f"{platform.python_version()}, {sys.executable}"
    if sys.version_info < _PYTHON:
        return wrong(seen, "Footfall needs Python 3.9 or newer")
    return fine(seen)


def glibc(_: Patient) -> Finding:
    """See whether compiled wheels run on this system's C library."""
    if sys.platform != "linux":
        return absent(f"{platform.system()} has none")
    name, _blank, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if name != "glibc" or len(numbers) < 2:
        return wrong(f"{platform.libc_ver()[0] or 'another C library'}", "wheels are for glibc; build from source")
    if numbers < _GLIBC:
        return wrong(f"glibc {version}", "wheels need glibc 2.17 or newer; build from source")
    return fine(f"glibc {version}, {platform.machine()}")


def ports(_: Patient) -> Finding:
    """See what others on the network reach, and whether it asks them for a key."""
    if not Path(_TABLES[0]).exists():
        return absent("which ports are open is told by Linux only", "lsof -iTCP -sTCP:LISTEN")
    beyond = sorted({each for each in listeners() if not each.is_loopback})
    if not beyond:
        return fine("none beyond loopback")
    for each in beyond:
        door = _door(each)
        if door is not None:
            return wrong(f"{each.port} at {each.address} is open beyond loopback: {door[0]}", door[1])
    return fine(f"beyond loopback: {', '.join(sorted({str(each.port) for each in beyond}, key=int))}")


def _door(listener: Listener) -> tuple[str, str] | None:
    if listener.port == _SCHEDULER and not speaks_tls(listener):
        return (
            "a Dask scheduler without TLS, where anybody runs code",
            "start it with --tls-ca-file, --tls-cert, --tls-key",
        )
    return _OPEN_DOORS.get(listener.port)


def speaks_tls(listener: Listener) -> bool:
    """Return whether what listens answers TLS; whose certificate it shows does not matter here."""
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listener.address, listener.address)
    try:
        with socket.create_connection((host, listener.port), _PROBE_SECONDS) as plain, anybody.wrap_socket(plain):
            return True
    except ssl.SSLError as error:
        # Who wants our certificate has spoken TLS.
        return "ALERT" in (error.reason or "")
    except OSError:
        return False


def listeners() -> Iterator[Listener]:
    """Yield what listens on TCP, by the system's own tables."""
    for table in _TABLES:
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except FileNotFoundError:  # a system without IPv6
            continue
        for line in lines:
            _, local, _, state, *_ = line.split()
            if state == _LISTENING:
                address, _, port = local.partition(":")
                yield Listener(int(port, 16), _address(address))


def _address(hexadecimal: str) -> str:
    """Return an address as people write it; the tables have 32 bits at a time, in the machine's order."""
    raw = bytes.fromhex(hexadecimal)
    words = (raw[start : start + 4] for start in range(0, len(raw), 4))
    packed = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)
