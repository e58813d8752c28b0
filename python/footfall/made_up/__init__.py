"""A made-up town, and people on its streets."""
