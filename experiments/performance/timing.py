"""Repeated measurements on noisy machines: what is compared takes turns, and the median counts."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from experiments.reports.outcome import Sheet
from experiments.reports.tables import ABSENT, number

SECONDS: Final = "s"
"""The unit of what should be small; every other one is of what should be large."""
_LOOPS: Final = 100_000


@dataclass(frozen=True)
class Goal:
    """What a measurement should reach, and where that number comes from."""

    value: float
    at_most: bool
    source: str


@dataclass(frozen=True)
class Measurement:
    """One line of a table of measurements."""

    name: str
    unit: str
    runs: list[float]
    """Empty where it could not be measured."""
    goal: Goal | None = None
    paces: list[float] | None = None
    """Of the machine just before each run, see :func:`pace`."""

    @property
    def value(self) -> float:
        """The median run, NaN without any."""
        return median(self.runs) if self.runs else math.nan

    @property
    def relative(self) -> float:
        """The median of what runs took or did beside the calibration loop, which hardly depends on the machine; NaN without any."""
        if not self.paces:
            return math.nan
        runs = zip(self.runs, self.paces, strict=True)
        return median(run * pace if self.unit == SECONDS else run / pace for run, pace in runs)

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None where there is nothing to say."""
        if self.goal is None or not self.runs:
            return None
        return self.value <= self.goal.value if self.goal.at_most else self.value >= self.goal.value


def pace() -> float:
    """Return how fast the machine is just now: rounds per second of a loop in plain Python, which no change of ours makes any faster."""
    x, start = 1, time.perf_counter()
    for _ in range(_LOOPS):
        x = (x * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
    return _LOOPS / (time.perf_counter() - start)


def take_turns(tasks: Mapping[str, Callable[[], float]], repeats: int, bar: Any) -> dict[str, list[float]]:
    """Run every task ``repeats`` times, A B A B and not A A B B, and return the results of each; ``bar`` shows it."""
    bar.total = (bar.total or 0) + repeats * len(tasks)
    runs: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, task in tasks.items():
            bar.set_description(name)
            runs[name].append(task())
            bar.update()
    return runs


def sheet(title: str, measurements: list[Measurement]) -> Sheet:
    """Lay measurements out: median, range, goal."""
    rows = []
    for m in measurements:
        low, high = (number(end(m.runs), 3) if m.runs else ABSENT for end in (min, max))
        goal = ABSENT if m.goal is None else f"{'<=' if m.goal.at_most else '>='} {number(m.goal.value, 3)}"
        met = {None: ABSENT, True: "yes", False: "NO"}[m.met]
        rows.append([m.name, number(m.value, 3), f"{low} to {high}", str(len(m.runs)), m.unit, goal, met])
    return Sheet(title, ["", "median", "range", "runs", "unit", "goal", "met"], rows)


def numbers(measurements: list[Measurement]) -> list[dict[str, Any]]:
    """Return measurements in the types that JSON has."""
    return [
        {
            "name": m.name,
            "unit": m.unit,
            "median": m.value if m.runs else None,
            "relative": m.relative if m.paces else None,
            "runs": m.runs,
            "goal": m.goal and {"value": m.goal.value, "at_most": m.goal.at_most, "source": m.goal.source},
            "met": m.met,
        }
        for m in measurements
    ]
