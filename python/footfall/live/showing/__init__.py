"""What is seen of it: frames of the live map, and a user's day followed through the detector."""
