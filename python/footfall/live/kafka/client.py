"""How to reach a broker: librdkafka's settings, from files, from the command line and from the environment."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from footfall import extras
from footfall.errors import DefinitionError

#: The environment's name for a file of settings, or for the addresses of brokers.
VARIABLE = "FOOTFALL_KAFKA"
_BOOTSTRAP, _PROTOCOL = "bootstrap.servers", "security.protocol"
_SECRET = re.compile(r"password|secret|\.pem$|\.key$|oauthbearer\.config")
_LOOPBACK = re.compile(r"(?:[A-Z_]+://)?(?:127\.\d+\.\d+\.\d+|localhost|\[::1\])(?::\d+)?", re.IGNORECASE)
# What goes wrong comes back as an error, or is noted; librdkafka's own log is for those who ask for it.
_LOGGER = logging.getLogger("footfall.kafka")
_LOGGER.addHandler(logging.NullHandler())
_LOGGER.propagate = False
#: What exactly-once rests on, so that nobody may say otherwise.
OURS = {
    "auto.offset.reset",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "enable.idempotence",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "isolation.level",
    "partition.assignment.strategy",
    "transactional.id",
}


def settings(
    bootstrap: str | None = None, files: Iterable[str | os.PathLike[str]] = (), pairs: Iterable[str] = ()
) -> dict[str, str]:
    """Return librdkafka's settings; of one that is said twice, the later holds: file, pair, `bootstrap`.

    Parameters
    ----------
    bootstrap : str, optional
        Addresses of brokers, ``host:port`` with commas between.
    files : iterable of path
        Files of lines ``name=value``, with librdkafka's names; lines that begin with ``#`` are comments.
    pairs : iterable of str
        ``name=value``; a password stands in a file, since others see command lines.

    Returns
    -------
    dict of str to str
        If no address is given, those that ``FOOTFALL_KAFKA`` names: a file of settings, or addresses.

    Raises
    ------
    DefinitionError
        If no address is given, a line is no setting, a setting is one that Footfall decides, or brokers are on other
        machines and nothing says how what goes there is kept from others.

    Examples
    --------
    >>> from footfall.live.kafka import client
    >>> client.settings("127.0.0.1:9092", pairs=["client.id=lunch"])
    {'client.id': 'lunch', 'bootstrap.servers': '127.0.0.1:9092'}
    """
    found: dict[str, str] = {}
    for path in files:
        found |= _of_file(Path(path).expanduser())
    for pair in pairs:
        found |= _of_pair(pair)
    if bootstrap is not None:
        found[_BOOTSTRAP] = bootstrap
    if _BOOTSTRAP not in found:
        found = {**_of_environment(), **found}
    _check(found)
    return found


def as_file(lines: Mapping[str, str]) -> str:
    """Return the text of a file of settings."""
    return "".join(f"{name}={value}\n" for name, value in lines.items())


def for_java(client: Mapping[str, str]) -> dict[str, str]:
    """Return the same connection for clients in Java; Spark's source and sink take it with ``kafka.`` before.

    Examples
    --------
    >>> from footfall.live.kafka import client
    >>> client.for_java({"bootstrap.servers": "127.0.0.1:9092", "client.id": "lunch"})
    {'bootstrap.servers': '127.0.0.1:9092'}
    """
    names = {_BOOTSTRAP: _BOOTSTRAP, _PROTOCOL: _PROTOCOL, "ssl.ca.location": "ssl.truststore.location"}
    java = {names[name]: value for name, value in client.items() if name in names}
    if _PROTOCOL in java:
        java[_PROTOCOL] = java[_PROTOCOL].upper()
    if "ssl.truststore.location" in java:
        java["ssl.truststore.type"] = "PEM"
    return {**java, **_login(client)}


def _login(client: Mapping[str, str]) -> dict[str, str]:
    mechanism = client.get("sasl.mechanism", client.get("sasl.mechanisms"))
    if mechanism is None or "sasl.username" not in client:
        return {}
    kind = "plain.Plain" if mechanism == "PLAIN" else "scram.Scram"
    name, password = (_quoted(client.get(f"sasl.{key}", "")) for key in ("username", "password"))
    module = f"org.apache.kafka.common.security.{kind}LoginModule"
    return {"sasl.mechanism": mechanism, "sasl.jaas.config": f"{module} required username={name} password={password};"}


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def check_installed() -> None:
    """Raise DefinitionError if the client is not there; it says what to install."""
    extras.need("kafka", "confluent_kafka", by="Kafka")


class Connections:
    """Makes clients of one broker, and remembers the last that librdkafka said of it.

    Attributes
    ----------
    trouble : str
        The last error of a connection; empty if there was none.
    """

    def __init__(self, client: Mapping[str, str]) -> None:
        check_installed()
        self.client = dict(client)
        self.trouble = ""

    def consumer(self, **own: Any) -> Any:
        """Return a consumer."""
        from confluent_kafka import Consumer

        return self._made(Consumer, own)

    def producer(self, **own: Any) -> Any:
        """Return a producer."""
        from confluent_kafka import Producer

        return self._made(Producer, own)

    def admin(self) -> Any:
        """Return a client that makes topics; keep it in a variable, since a request ends with it."""
        from confluent_kafka.admin import AdminClient

        return self._made(AdminClient, {})

    def _made(self, kind: Any, own: Mapping[str, Any]) -> Any:
        from confluent_kafka import KafkaException

        def note(error: Any) -> None:
            self.trouble = error.str()

        said = {**{name.replace("_", "."): value for name, value in own.items()}, **self.client}
        try:
            return kind({**said, "error_cb": note, "logger": _LOGGER})
        except KafkaException as error:
            raise DefinitionError(f"Kafka's settings: {error.args[0].str()}") from error


def passes(error: Any) -> bool:
    """Return whether a consumer gets over an error by itself."""
    from confluent_kafka import KafkaError

    return error.retriable() or error.code() in (
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TIMED_OUT,
    )


def _of_file(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionError(f"--kafka-config {str(path)!r}: cannot be read: {error}") from None
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    return dict(_split(line, f"{path}, line {number}") for number, line in lines if line and line[0] not in "#!")


def _of_pair(pair: str) -> dict[str, str]:
    name, value = _split(pair, "--kafka")
    if _SECRET.search(name):
        raise DefinitionError(f"--kafka {name}=...: others see command lines; write it in a file: --kafka-config FILE")
    return {name: value}


def _split(line: str, where: str) -> tuple[str, str]:
    name, sign, value = line.partition("=")
    if not sign or not name.strip():
        # The line may be a password.
        raise DefinitionError(f"{where}: is not written name=value")
    return name.strip(), value.strip()


def _of_environment() -> dict[str, str]:
    named = os.environ.get(VARIABLE)
    if not named:
        raise DefinitionError(
            "Kafka: no broker is named; give --bootstrap HOST:PORT or --kafka-config FILE with bootstrap.servers, or "
            f"set {VARIABLE} (`footfall kafka local` starts one and says what to set)"
        )
    path = Path(named).expanduser()
    if path.is_file():
        return _of_file(path)
    if os.sep in named:
        raise DefinitionError(f"{VARIABLE}: there is no file {named}; has the broker been stopped?")
    return {_BOOTSTRAP: named}


def _check(found: Mapping[str, str]) -> None:
    for name in sorted(OURS & set(found)):
        raise DefinitionError(
            f"Kafka's settings: {name} is decided by Footfall, since exactly-once rests on it; leave it out"
        )
    if not found.get(_BOOTSTRAP):
        raise DefinitionError(f"Kafka's settings: no {_BOOTSTRAP}; give --bootstrap HOST:PORT")
    far = [each for each in found[_BOOTSTRAP].split(",") if not _LOOPBACK.fullmatch(each.strip())]
    if far and _PROTOCOL not in found:
        raise DefinitionError(
            f"Kafka at {far[0].strip()}: say how what goes there is kept from others: {_PROTOCOL}=SASL_SSL or SSL, "
            f"or {_PROTOCOL}=PLAINTEXT if the network is yours alone"
        )
