"""What a user knows of a site at one instant: its schema, its checks, and the way into the world and back."""
