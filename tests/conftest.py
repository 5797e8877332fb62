"""Fixtures that several test modules share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

settings.register_profile(
    "same", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("long" if os.environ.get("PARLEY_LONG") else "same")
"""Every run tries the same examples; with PARLEY_LONG they are others, and many more."""


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The optional folder of public workloads: PARLEY_DATA, or shared/data beside the project."""
    path = Path(os.environ.get("PARLEY_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip("public workloads absent: set PARLEY_DATA to their folder")
    return path
