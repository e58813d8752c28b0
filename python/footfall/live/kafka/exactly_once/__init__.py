"""Exactly once: partitions with their states, one transaction a batch, and taking up where it ended."""
