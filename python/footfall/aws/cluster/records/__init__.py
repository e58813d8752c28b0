"""What AWS and the workspace know of a group: its machines, its lock, its hours and their price."""
