"""Policies that decide inside the engine's compiled loop: completions that do not come back to Python between rounds."""
