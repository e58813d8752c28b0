"""Results in S3: objects that are created once, sets of them, and what was asked."""
