"""Footfall on its engines, beside what an expert writes for Spark and for Dask without it."""
