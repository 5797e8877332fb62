"""Plain text tables: columns as wide as their cells, numbers to the right, nothing that a pipe or a log would break."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from agents.evaluation.statistics import Interval

ABSENT: Final = "-"
"""Stands for a number that does not exist."""


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Lay out ``rows`` under ``header``; the first ``left`` columns start at the left, the others end at the right."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[c]) for line in lines) for c in range(len(header))]
    texts = [
        "  ".join(
            cell.ljust(width) if c < left else cell.rjust(width)
            for c, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    texts.insert(1, "-" * len(texts[0]))
    return "\n".join(text.rstrip() for text in texts)


def number(value: float, digits: int = 4) -> str:
    """Write a number with ``digits`` significant ones, thousands set apart: 0.8123, 1,234,000."""
    if not math.isfinite(value):
        return ABSENT
    places = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{min(places, digits)}f}"


def percent(interval: Interval) -> str:
    """Write a relative difference in per cent with its confidence interval, where it has one: -3.1 [-4.0, -2.2]."""
    value, low, high = (f"{100 * part:+.1f}" if math.isfinite(part) else ABSENT for part in interval)
    return value if ABSENT in (low, high) else f"{value} [{low}, {high}]"
