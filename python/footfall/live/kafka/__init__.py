"""Kafka: a broker to try it on, history played into a topic, and suggestions from topic to topic, exactly once.

None of it imports the client before it is used.
"""

from footfall.live.kafka import client
from footfall.live.kafka.feed import Fed, feed
from footfall.live.kafka.local import broker
from footfall.live.kafka.loop import run
from footfall.live.kafka.settings import Settings
from footfall.live.kafka.topics import Topics

__all__ = ["Fed", "Settings", "Topics", "broker", "client", "feed", "run"]
