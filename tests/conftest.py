"""Fixtures that several test modules share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The optional folder of public workloads: PARLEY_DATA, or shared/data beside the project."""
    path = Path(os.environ.get("PARLEY_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip("public workloads absent: set PARLEY_DATA to their folder")
    return path
