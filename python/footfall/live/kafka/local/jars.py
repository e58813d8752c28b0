"""Jars from Maven's repositories, once, in a cache folder of the user's own: a local broker's, Spark's connector."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from footfall.errors import DefinitionError

KAFKA = "4.1.0"
# The logger that Kafka's own interface for logs is made for, in its version.
_LOGGER = "1.7.36"
_PATIENCE_S = 600
_LAST_LINES = 8
_DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"
_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>footfall</groupId><artifactId>jars</artifactId><version>1</version>
  <dependencies>{}</dependencies>
</project>
"""
_OTHERWISE = "or name a broker that runs by FOOTFALL_KAFKA"


@dataclass(frozen=True)
class Jars:
    """What Maven is asked for.

    Attributes
    ----------
    name : str
        Of the folder; it tells the versions.
    who, what : str
        Who needs them, and what they are, for messages.
    needed : tuple of (str, str, str)
        Group, artifact and version.
    only : tuple of str
        Of these and what they need, these artifacts; all if empty.
    otherwise : str
        What to do where there is no Maven.
    """

    name: str
    who: str
    what: str
    needed: tuple[tuple[str, str, str], ...]
    only: tuple[str, ...] = ()
    otherwise: str = _OTHERWISE


_BROKER = Jars(
    f"kafka-{KAFKA}",
    "footfall kafka local",
    f"Apache Kafka {KAFKA}",
    (("org.apache.kafka", "kafka_2.13", KAFKA), ("org.slf4j", "slf4j-simple", _LOGGER)),
)


def folder(asked: Jars = _BROKER) -> Path:
    """Return the folder with the jars, which is filled first if it is not there.

    Raises
    ------
    DefinitionError
        If Maven is missing.
    ChildProcessError
        If Maven cannot fetch them; with the last lines that it said.
    """
    cache = _cache()
    jars = cache / asked.name
    if not jars.is_dir():
        _fetch(cache, jars, asked)
    return jars


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    cache = Path(base).expanduser() / "footfall"
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Whoever can write jars there runs code as us.
    cache.chmod(0o700)
    return cache


def _fetch(cache: Path, jars: Path, asked: Jars) -> None:
    with tempfile.TemporaryDirectory(dir=cache) as made:
        pom, libraries = Path(made, "pom.xml"), Path(made, "jars")
        pom.write_text(_POM.format("".join(_DEPENDENCY.format(*each) for each in asked.needed)), encoding="utf-8")
        only = [f"-DincludeArtifactIds={','.join(asked.only)}"] if asked.only else []
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={libraries}", *only]
        _run([_maven(asked), "-q", "-B", "-f", str(pom), *goal], asked.what)
        try:
            libraries.rename(jars)
        except OSError:
            # Somebody else of the same user was faster.
            if not jars.is_dir():
                raise


def _maven(asked: Jars) -> str:
    maven = shutil.which("mvn")
    if maven is None:
        raise DefinitionError(
            f"{asked.who}: {asked.what} comes by Maven, and no mvn is on the PATH; install it (Debian: apt-get install "
            f"maven), {asked.otherwise}"
        )
    return maven


def _run(command: list[str], what: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE_S)
    if done.returncode != 0:
        last = "\n".join(f"    {line}" for line in (done.stdout + done.stderr).splitlines()[-_LAST_LINES:])
        raise ChildProcessError(f"Maven could not fetch {what} (exit code {done.returncode}):\n{last}")
