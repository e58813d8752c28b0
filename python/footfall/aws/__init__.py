"""Footfall on AWS; importing it asks nothing of AWS."""
