"""Plain tables and the numbers in them."""

from __future__ import annotations

import math

import pytest

from agents.evaluation.statistics import Interval
from experiments.reports.tables import ABSENT, number, percent, table


def test_layout() -> None:
    """Protects alignment: names to the left, numbers to the right, a rule under the header, nothing behind the last column."""
    lines = table(["name", "cost"], [["a", "1.0"], ["longer", "12.0"]]).splitlines()
    assert lines == ["name    cost", "------------", "a        1.0", "longer  12.0"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.81234, "0.8123"),
        (12.3456, "12.35"),
        (1234567.8, "1,234,568"),
        (-3.14159, "-3.142"),
        (math.nan, ABSENT),
        (1e-9, "0.0000"),
    ],
)
def test_number(value: float, text: str) -> None:
    """Protects significant digits at every size, and from printing "nan"."""
    assert number(value) == text


def test_percent() -> None:
    """Protects the sign, which says who is better."""
    assert percent(Interval(-0.031, -0.04, 0.002)) == "-3.1 [-4.0, +0.2]"
    assert percent(Interval(0.1, math.nan, math.nan)) == "+10.0"
    assert percent(Interval(math.nan, math.nan, math.nan)) == ABSENT
