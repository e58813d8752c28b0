"""The verbs: up, down, status, list, image."""
