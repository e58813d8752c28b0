"""Spark: from Kafka to Kafka on a cluster, by the same detector.

    messages --mapInArrow: Intake--> packets of fixes, by bucket of users
             --applyInPandasWithState: Buckets--> packets of suggestions; one state a bucket
             --foreachBatch: Batches--> one transaction of Kafka, with the number of the batch

None of it imports Spark or Kafka's client before it is used.
"""

from footfall.live.spark.placing import OnSpark
from footfall.live.spark.query import run

__all__ = ["OnSpark", "run"]
