"""Engines, notebooks and Kafka: what is installed, and whether what the environment names is there."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import footfall
from footfall import extras
from footfall.doctor.findings import Finding, absent, fine, wrong
from footfall.doctor.patient import Patient
from footfall.engines.cluster import credentials, java
from footfall.errors import DefinitionError
from footfall.live.kafka import client
from footfall.notebook import spec
from footfall.notebook.namespace import ENGINE

_CONNECT_SECONDS = 3.0
_PYTHON_SECONDS = 60
_WORKER = "import sys, footfall; print('%d.%d' % sys.version_info[:2], footfall.__version__)"
_FOR_OTHERS = 0o077
# Functions on Arrow data of Spark 3 were written for pandas 1 and 2.
_SPARK_OF_PANDAS_3, _LAST_OF_SPARK_3 = 4, 2


def java_there(_: Patient) -> Finding:
    """See whether Java runs Spark and Kafka."""
    needed = extras.is_there("pyspark")
    try:
        path = java.find("Spark")
        java.check("Spark")
    except DefinitionError as error:
        do = f"install Java {java.VERSION} or later, or let JAVA_HOME name it"
        return wrong(str(error), do) if needed else absent(str(error), do)
    return fine(f"{(java.run(path, '-version').splitlines() or ['?'])[0]}, {path}")


def dask(patient: Patient) -> Finding:
    """See whether Dask is installed, and the scheduler answers that the environment names."""
    if not extras.is_there("distributed"):
        return absent("not installed", extras.how_to_install("dask"))
    return _reached("dask", f"distributed {metadata.version('distributed')}", patient)


def spark(patient: Patient) -> Finding:
    """See whether Spark is installed with a pandas that it takes, and whether its workers' Python has this Footfall."""
    if not extras.is_there("pyspark"):
        return absent("not installed", extras.how_to_install("spark"))
    pyspark, pandas = metadata.version("pyspark"), metadata.version("pandas")
    seen = f"pyspark {pyspark}"
    if _major(pyspark) < _SPARK_OF_PANDAS_3 and _major(pandas) > _LAST_OF_SPARK_3:
        return wrong(f"{seen} does not take pandas {pandas}", f"install 'pandas<{_LAST_OF_SPARK_3 + 1}'")
    chosen = patient.environment.get("PYSPARK_PYTHON")
    if chosen:
        told, here = _of_workers(chosen), f"{sys.version_info[0]}.{sys.version_info[1]} {footfall.__version__}"
        if told != here:
            return wrong(
                f"{seen}; workers run {chosen}: Python and Footfall {told}, not {here}",
                f"set PYSPARK_PYTHON={sys.executable}, and install the same wheel on all nodes",
            )
    return _reached("spark", seen, patient)


def _major(version: str) -> int:
    return int(version.partition(".")[0])


def _of_workers(python: str) -> str:
    """Return the versions of Python and Footfall that a worker would have."""
    path = shutil.which(python)
    if path is None:
        return "there is no such file"
    done = subprocess.run([path, "-c", _WORKER], capture_output=True, text=True, timeout=_PYTHON_SECONDS)
    return done.stdout.strip() or (done.stderr.strip().splitlines() or ["it says nothing"])[-1]


def _reached(name: str, seen: str, patient: Patient) -> Finding:
    """Return whether the cluster of this kind answers, if the environment names one."""
    engine = patient.environment.get(ENGINE, "")
    kind, _, address = engine.partition("://")
    if kind.partition("+")[0] != name or not address:
        return fine(f"{seen}; {ENGINE} names no address of it")
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        return wrong(
            f"{seen}; nobody answers at {engine}: {error}", "is the cluster up, and the address in its network?"
        )
    return fine(f"{seen}; {engine} answers")


def keys(patient: Patient) -> Finding:
    """See whether the keys of clusters are there, and their owner's alone."""
    named = patient.environment.get(credentials.VARIABLE)
    if not named:
        return absent(f"{credentials.VARIABLE} names no folder")
    for folder in map(Path, named.split(":")):
        if not folder.is_dir():
            return wrong(f"there is no folder {folder}", f"has the cluster been stopped? Unset {credentials.VARIABLE}")
        readable = sorted(str(path) for path in _readable_by_others(folder))
        if readable:
            return wrong(f"others can read {readable[0]}", f"chmod go= {readable[0]}, and make new keys")
    return fine(named)


def _readable_by_others(folder: Path) -> Iterator[Path]:
    if folder.stat().st_mode & _FOR_OTHERS:
        yield from (path for path in folder.iterdir() if path.is_file() and path.stat().st_mode & _FOR_OTHERS)


def kernel(_: Patient) -> Finding:
    """See whether notebooks find our kernel, and the Python that it starts is there."""
    if not extras.is_there("ipykernel"):
        return absent("not installed", extras.how_to_install("notebook"))
    found = list(spec.installed())
    if not found:
        return absent("no kernelspec of Footfall's", "footfall kernel install")
    first = found[0]
    if shutil.which(first.python) is None:
        return wrong(f"{first.folder} starts {first.python}, which is not there", "footfall kernel install")
    return fine(f"{first.folder}, {first.python}")


def kafka(patient: Patient) -> Finding:
    """See whether Kafka's client is installed, and the settings that the environment names are their owner's alone."""
    if not extras.is_there("confluent_kafka"):
        return absent("not installed", extras.how_to_install("kafka"))
    seen = f"confluent-kafka {metadata.version('confluent-kafka')}"
    named = patient.environment.get(client.VARIABLE)
    if not named:
        return fine(f"{seen}; {client.VARIABLE} names no settings")
    if not Path(named).is_file():
        return wrong(f"{seen}; there is no file {named}", f"has the broker been stopped? Unset {client.VARIABLE}")
    if Path(named).stat().st_mode & _FOR_OTHERS:
        return wrong(f"{seen}; others can read the password in {named}", f"chmod 600 {named}")
    return fine(f"{seen}; {named}")
