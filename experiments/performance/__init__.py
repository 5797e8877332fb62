"""How fast the world is, and how it grows."""
