"""Footfall beside its peers: the same data, the same answers, time and memory."""
