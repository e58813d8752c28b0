"""What leaves: tables and times as people read them, progress, and files that are written whole."""
