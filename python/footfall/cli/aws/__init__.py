"""The commands that speak to AWS."""
