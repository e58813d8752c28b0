"""Whether suggestions were worth it: the back-test, its baselines and intervals, chances, tuning, lift."""
