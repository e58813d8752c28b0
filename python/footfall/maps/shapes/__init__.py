"""What is drawn of the data: places, hexagons, tracks, corridors, approaches, as layers."""
