"""What lies below the data: the city's own map, a user's tiles or shapes, land and borders of the world."""
