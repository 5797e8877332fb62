"""The slow twin: the world of docs/world.md written a second time, in plain Python objects, for the tests to compare with."""
