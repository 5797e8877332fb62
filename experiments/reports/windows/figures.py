"""Figures of windows: each a function of sums, with its definition, and an interval from leaving one observation out after the other."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.evaluation.statistics import Interval, t_quantile
from envs.workloads.instance import FloatArray
from experiments.reports.report import Figure
from experiments.reports.tables import ABSENT, number
from experiments.reports.windows.measures import Column

Function = Callable[[FloatArray], float]
"""Of sums [Column]."""
NOTHING: Final = Interval(math.nan, math.nan, math.nan)
"""Not measured."""
EXECUTION, QUALITY, AUTONOMY = "execution efficiency", "decision quality", "autonomous capability"


@dataclass(frozen=True)
class Defined:
    """A figure and what it is."""

    composite: str
    """To which it belongs; its own name where it is one."""
    name: str
    unit: str
    definition: str
    of: Function
    least: float = 0.0
    most: float = math.inf
    """What it can be: intervals end there."""


def jackknife(of: Function, sums: FloatArray, cluster: NDArray[np.integer], level: float = 0.95) -> Interval:
    """Return a figure of sums [n, m] with its interval: observations of one cluster are left out together (Tukey 1958).

    Without at least two clusters there is no interval.
    """
    total = sums.sum(axis=0)
    value = of(total)
    parts = np.zeros((int(cluster.max(initial=-1)) + 1, sums.shape[1]))
    np.add.at(parts, cluster, sums)
    parts = parts[parts.any(axis=1)]
    n = len(parts)
    without = np.array([of(total - part) for part in parts] if n > 1 else [])
    if n < 2 or not np.isfinite([*without, value]).all():
        return Interval(value, math.nan, math.nan)
    half = float(t_quantile(level, n - 1) * math.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))
    return Interval(value, value - half, value + half)


def figure(interval: Interval, unit: str, least: float, most: float = math.inf) -> Figure:
    """Write a figure with its interval, which ends where the figure does."""
    value, low, high = interval
    if not math.isfinite(value):
        return Figure(math.nan, ABSENT, unit=unit)
    low, high = max(low, least), min(high, most)
    ends = f" [{number(low, 3)}, {number(high, 3)}]" if math.isfinite(interval.low) else ""
    return Figure(value, f"{number(value, 3)}{ends}", low if ends else math.nan, high if ends else math.nan, unit=unit)


def ratio(above: int, below: int, factor: float = 1.0) -> Function:
    """A quotient of two sums; NaN where there is nothing below."""

    def of(sums: FloatArray) -> float:
        return factor * float(sums[above] / sums[below]) if sums[below] > 0 else math.nan

    return of


def mean_of(*functions: Function) -> Function:
    """The geometric mean of percentages: of one that is 0, it is 0."""

    def of(sums: FloatArray) -> float:
        shares = [function(sums) / 100.0 for function in functions]
        if any(not math.isfinite(share) for share in shares):
            return math.nan
        return 100.0 * math.prod(max(0.0, share) for share in shares) ** (1.0 / len(shares))

    return of


def adaptation(sums: FloatArray) -> Interval:
    """By how many per cent expected durations err less once an agent knows a kind; by the delta method over tasks, which err one by one."""
    parts = []
    for error, count, square in (
        (Column.FIRST_ERROR, Column.FIRST, Column.FIRST_SQUARE),
        (Column.LATER_ERROR, Column.LATER, Column.LATER_SQUARE),
    ):
        n, mean = float(sums[count]), float(sums[error] / max(1.0, sums[count]))
        if n < 2 or mean <= 0:
            return NOTHING
        parts.append((n, mean, max(0.0, float(sums[square]) / n - mean**2) * n / (n - 1)))
    (few, first, spread), (many, later, other) = parts
    ratio_of = later / first
    half = t_quantile(0.95, few - 1) * ratio_of * math.sqrt(spread / (few * first**2) + other / (many * later**2))
    return Interval(100.0 * (1.0 - ratio_of), 100.0 * (1.0 - ratio_of - half), 100.0 * (1.0 - ratio_of + half))


def share(part: float, whole: float) -> Interval:
    """Per cent of a count, with the interval of Wilson (1927), which is one even where all were, or none."""
    if whole <= 0:
        return NOTHING
    p, z = part / whole, 1.96
    middle = (p + z**2 / (2 * whole)) / (1 + z**2 / whole)
    half = z / (1 + z**2 / whole) * math.sqrt(p * (1 - p) / whole + z**2 / (4 * whole**2))
    return Interval(100.0 * p, 100.0 * max(0.0, middle - half), 100.0 * min(1.0, middle + half))


USED: Final = ratio(Column.BUSY, Column.AVAILABLE, 100.0)
TIMELY: Final = ratio(Column.BOUND, Column.FLOW, 100.0)
FRUITFUL: Final = ratio(Column.USEFUL, Column.HELD, 100.0)
EFFICIENT: Final = mean_of(USED, TIMELY, FRUITFUL)
LOAD: Final = ratio(Column.OFFERED, Column.SECONDS, 100.0)

EXECUTION_FIGURES: Final = (
    Defined(EXECUTION, EXECUTION, "%", "geometric mean of the three below", EFFICIENT, most=100.0),
    Defined(
        EXECUTION,
        "resource utilisation",
        "%",
        "unit-seconds that tasks held of the bottleneck, the resource that was busiest, of all that it has",
        USED,
        most=100.0,
    ),
    Defined(
        EXECUTION,
        "time efficiency",
        "%",
        "lower bound / achieved: of the jobs done, weighted, the longest path at the durations that came, on the fastest agents, "
        "over the time from release to completion",
        TIMELY,
        most=100.0,
    ),
    Defined(
        EXECUTION,
        "cost effectiveness",
        "%",
        "of what attempts held (seconds x share of every resource), the part of those that ended well: the rest was paid for nothing",
        FRUITFUL,
        most=100.0,
    ),
)
RECOVERY_FIGURES: Final = (
    Defined(
        AUTONOMY,
        "time to recover",
        "s",
        "from the end of such an attempt to the next start of its task, mean",
        ratio(Column.WAITED, Column.RESTARTED),
    ),
    Defined(
        AUTONOMY, "loss per failure", "s", "time that the attempt had taken, mean", ratio(Column.LOST, Column.FAILURES)
    ),
)
