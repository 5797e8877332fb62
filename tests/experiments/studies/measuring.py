"""Runs ``parley benchmark`` as a user does and reads what it writes."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from experiments import benchmark


def measured(monkeypatch: pytest.MonkeyPatch, out: Path, *arguments: str) -> dict[str, Any]:
    """What ``parley benchmark`` with these arguments writes."""
    monkeypatch.setattr(sys, "argv", ["parley benchmark", *arguments, f"out={out}"])
    benchmark.main()
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


def cells(out: Path, heading: str) -> dict[str, list[str]]:
    """The rows of a table of the Markdown file beside ``out``, by their first cells; ``heading`` is the first words of its title."""
    text = re.split(rf"## {re.escape(heading)}\b", out.with_suffix(".md").read_text(encoding="utf-8"))[1].split("##")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return {row[0]: row[1:] for row in rows}
