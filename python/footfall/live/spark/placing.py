"""Where a query of Spark runs, and what it remembers where: all that a caller can set beside `Settings`, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from footfall.engines import cluster, connect
from footfall.engines.protocol import Adapter
from footfall.errors import DefinitionError
from footfall.inputs import options
from footfall.live.kafka.local import jars

ENGINE = "spark"
_MOST_BUCKETS = 10_000
_GROUP = "org.apache.spark"
#: Of the states of a batch, those of so many batches before are kept, too.
_KEPT_BATCHES = 10
_ROWS_AT_ONCE = 20_000
# Java does little here itself, and its second compiler takes more of two cores than all the work.
_QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


@dataclass(frozen=True)
class OnSpark:
    """Where a query runs.

    Attributes
    ----------
    checkpoint : str
        The folder of its states and its place in the topic, which all workers reach: of one group and topic alone.
    engine : str
        ``spark``: one master and two workers, which are started; or ``spark://host:port`` of a master.
    buckets : int
        Into how many the users are divided, each with one state: as many tasks may work at once. It stays.
    batch_most : int
        The most messages of one batch.
    insecure : bool
        Go to other machines, too, without a secret.

    Raises
    ------
    DefinitionError
        If one makes no sense.

    Examples
    --------
    >>> OnSpark("checkpoint").buckets
    64
    """

    checkpoint: str
    engine: str = ENGINE
    buckets: int = 64
    batch_most: int = 100_000
    insecure: bool = False

    def __post_init__(self) -> None:
        if not self.checkpoint:
            raise DefinitionError("checkpoint: name the folder where the query keeps its states (--checkpoint FOLDER)")
        if self.engine != ENGINE and not self.engine.startswith(f"{ENGINE}://"):
            raise DefinitionError(
                f"engine = {self.engine!r}: live suggestions run on {ENGINE}, a cluster that is started, or on "
                f"{ENGINE}://HOST:PORT; without an engine, in this process"
            )
        options.whole("batch_most", self.batch_most, at_least=1)
        if options.whole("buckets", self.buckets, at_least=1) > _MOST_BUCKETS:
            raise DefinitionError(f"buckets = {self.buckets}: must be at most {_MOST_BUCKETS:,}")
        if "://" not in self.checkpoint:
            object.__setattr__(self, "checkpoint", str(Path(self.checkpoint).expanduser().absolute()))

    def connect(self) -> Adapter:
        """Return the cluster, of a session that can read Kafka.

        Raises
        ------
        DefinitionError
            If Spark, Java or Maven is missing, or a worker has another version of Footfall.
        """
        cluster.check_installed(ENGINE)
        told = {**_settings(), "spark.jars": ",".join(map(str, sorted(_connector().glob("*.jar"))))}
        address = self.engine.removeprefix(ENGINE).removeprefix("://") if self.engine != ENGINE else ""
        if not address:
            return connect.local(ENGINE, {**told, **_of_own_cluster()})
        return connect.remote(ENGINE, address, insecure=self.insecure, settings=told)


def _settings() -> Mapping[str, Any]:
    return {
        "spark.sql.streaming.minBatchesToRetain": _KEPT_BATCHES,
        "spark.sql.execution.arrow.maxRecordsPerBatch": _ROWS_AT_ONCE,
        "spark.sql.streaming.stopTimeout": "30s",
    }


def _of_own_cluster() -> Mapping[str, Any]:
    return {f"spark.{who}.extraJavaOptions": _QUICK for who in ("driver", "executor")}


def _connector() -> Path:
    """Return the folder with what Spark reads Kafka by, in Spark's own version."""
    from pyspark import __version__ as spark

    from footfall.engines.cluster.spark import scala_version

    scala = scala_version()
    names = [f"{name}_{scala}" for name in ("spark-sql-kafka-0-10", "spark-token-provider-kafka-0-10")]
    return jars.folder(
        jars.Jars(
            f"spark-kafka-{spark}_{scala}",
            "footfall live --engine spark",
            f"Spark's connector for Kafka, {spark},",
            ((_GROUP, names[0], spark),),
            (*names, "kafka-clients", "commons-pool2"),
            "or copy the folder ~/.cache/footfall of a machine that has it",
        )
    )
