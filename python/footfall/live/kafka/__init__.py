"""Kafka: a broker to try it on, history played into a topic, and suggestions from topic to topic, exactly once."""
