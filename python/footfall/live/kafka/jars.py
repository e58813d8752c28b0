"""The jars of a local broker: Apache Kafka from Maven's repositories, once, in a cache folder of the user's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from footfall.errors import DefinitionError

KAFKA = "4.1.0"
# The logger that Kafka's own interface for logs is made for, in its version.
_LOGGER = "1.7.36"
_PATIENCE_S = 600
_LAST_LINES = 8
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>footfall</groupId><artifactId>broker</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{KAFKA}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>{_LOGGER}</version></dependency>
  </dependencies>
</project>
"""


def folder() -> Path:
    """Return the folder with the jars, which is filled first if it is not there.

    Raises
    ------
    DefinitionError
        If Maven is missing.
    ChildProcessError
        If Maven cannot fetch them; with the last lines that it said.
    """
    cache = _cache()
    jars = cache / f"kafka-{KAFKA}"
    if not jars.is_dir():
        _fetch(cache, jars)
    return jars


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    cache = Path(base).expanduser() / "footfall"
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Whoever can write jars there runs code as us.
    cache.chmod(0o700)
    return cache


def _fetch(cache: Path, jars: Path) -> None:
    with tempfile.TemporaryDirectory(dir=cache) as made:
        pom, libraries = Path(made, "pom.xml"), Path(made, "jars")
        pom.write_text(_POM, encoding="utf-8")
        _run([_maven(), "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={libraries}"])
        try:
            libraries.rename(jars)
        except OSError:
            # Somebody else of the same user was faster.
            if not jars.is_dir():
                raise


def _maven() -> str:
    maven = shutil.which("mvn")
    if maven is None:
        raise DefinitionError(
            f"footfall kafka local: Apache Kafka {KAFKA} comes by Maven, and no mvn is on the PATH; install it "
            "(Debian: apt-get install maven), or name a broker that runs by FOOTFALL_KAFKA"
        )
    return maven


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE_S)
    if done.returncode != 0:
        last = "\n".join(f"    {line}" for line in (done.stdout + done.stderr).splitlines()[-_LAST_LINES:])
        raise ChildProcessError(f"Maven could not fetch Apache Kafka {KAFKA} (exit code {done.returncode}):\n{last}")
