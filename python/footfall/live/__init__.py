"""Live: who is walking towards which shop, and what to suggest."""
