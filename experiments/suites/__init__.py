"""Protocols of published problems. ``suite.py`` says what a suite is, ``frame.py`` runs one; every other module is one suite."""

from __future__ import annotations

from typing import Final

PROBLEMS: Final = (
    "job_shop",
    "flexible_job_shop",
    "stochastic_job_shop",
    "project",
    "batch_queue",
    "shared_cluster",
    "workflow",
)
MEASURED: Final = ("speed", "growth", "decisions", "calibration", "run", "service", "engine", "windows")
SUITES: Final = (
    dict.fromkeys(MEASURED, "performance")
    | dict.fromkeys(("published", *PROBLEMS), "suites")
    | {"public_logs": "adapting", "drift": "studies", "optimizer": "studies", "stability": "studies"}
)
"""Names of modules, and the package of ``experiments`` that has them; each has ``benchmark(config) -> Outcome``."""
