"""A broker on this machine, and the jars that it is made of."""
