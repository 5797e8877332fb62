"""Where worlds stand, as data: whole states as arrays, checked before use, and snapshots of single worlds."""
