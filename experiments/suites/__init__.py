"""Protocols of published problems. ``suite.py`` says what a suite is, ``frame.py`` runs one; every other module is one suite."""
