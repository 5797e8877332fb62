"""Trained networks: their architecture, what they read, how they are kept on disk."""
