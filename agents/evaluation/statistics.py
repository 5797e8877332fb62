"""How sure a comparison is: intervals by instance and by training run, from few of either.

A difference is uncertain for several reasons at once: which instances were drawn and, on each side, which training runs. Each of these
sources has a variance of its own, measured by leaving out one instance, or one run, after the other (the jackknife), and a quantile of
Student's t with its own, often few, degrees of freedom: one less than there are runs, or instances of equal weight (a few that make up
most of the cost count for few). The squares of the half-widths add up: the t interval where one source rules, and rather too wide where
several do (Cochran and Cox 1957 would take the weighted mean of the quantiles, which is less). How well this holds is in
docs/statistics.md, and in a test.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

INTERVALS: Final = "95 % intervals are paired, by instance and by training run, with t quantiles (docs/statistics.md)."
"""Said below tables."""
RESAMPLES: Final = 2_000
"""Of the episodes of a median: its interval's width is then right to 2 %."""
POINTS: Final = 20_001
"""At which the density of t is integrated: quantiles are right to six digits."""
FARTHEST: Final = 12.0
"""Deviations beyond which a t distribution that is nearly normal has nothing left."""


class Interval(NamedTuple):
    """An estimate and its confidence interval: all NaN where the baseline is 0, both ends NaN where there is only one episode."""

    value: float
    low: float
    high: float


def relative_difference(
    policy: ArrayLike,
    baseline: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    independent: int | None = None,
    same_runs: bool = False,
    level: float = 0.95,
) -> Interval:
    """Return mean(policy) / mean(baseline) - 1 with its interval.

    The episodes are *paired*: number e of both played the same instance with the same random draws. Episodes of one *cluster*, those of
    the same instance or of instances that share their draws, are one observation; where all are of one, every episode counts by
    itself, and the interval is about that instance alone. A side that was trained several times varies by run as well. One that was
    trained once stands for that policy, and not for what another run would have found.

    Args:
        policy: [E] or [runs, E] costs, one per episode.
        baseline: [E] or [runs, E] costs of the same episodes.
        cluster: [E] labels; None: every episode is one by itself.
        independent: training runs behind the policy's rows where these are more, as where each plays with the partners of all others.
        same_runs: whether row r of both sides is the same training run.
        level: of confidence, in (0, 1).

    Raises:
        ValueError: where the episodes of the two are not equally many, or there are none.
    """
    sides = _sides(policy, baseline)
    by_run = [side.mean(axis=1) for side in sides]
    means = [float(each.mean()) for each in by_run]
    value = float(_ratio(*means))
    index = _index(cluster, sides[0].shape[1])
    size = np.bincount(index)
    if len(size) == 1:
        return Interval(value - 1.0, np.nan, np.nan)
    totals = [np.bincount(index, side.sum(axis=0)).astype(np.float64) for side in sides]
    without = [
        (total.sum() - total) / (size.sum() - size) / len(side) for total, side in zip(totals, sides, strict=True)
    ]
    squares = [_square(_ratio(*without), len(size), min(map(_effective, totals)), level)]
    alone = [(each.sum() - each) / (len(each) - 1) if len(each) > 1 else each for each in by_run]
    if same_runs:
        squares += [_square(_ratio(*alone), len(alone[0]), len(alone[0]), level)]
    else:
        of_policy, of_baseline = independent or len(alone[0]), len(alone[1])
        squares += [_square(_ratio(alone[0], means[1]), of_policy, of_policy, level)]
        squares += [_square(_ratio(means[0], alone[1]), of_baseline, of_baseline, level)]
    half = float(np.sqrt(sum(squares)))
    return Interval(value - 1.0, value - 1.0 - half, value - 1.0 + half)


def difference_of_medians(
    policy: ArrayLike, baseline: ArrayLike, *, cluster: ArrayLike | None = None, level: float = 0.95
) -> Interval:
    """Return median(policy) / median(baseline) - 1 of [E] costs with its interval: the deviation is that of the bootstrap by cluster.

    Args and errors as in ``relative_difference``; equal arguments give equal answers.
    """
    sides = np.concatenate(_sides(policy, baseline))
    index = _index(cluster, sides.shape[1])
    members = np.split(np.argsort(index, kind="stable"), np.cumsum(np.bincount(index))[:-1])
    value = float(_ratio(*np.median(sides, axis=1)))
    if len(members) == 1:
        return Interval(value - 1.0, np.nan, np.nan)
    rng = np.random.default_rng(0)
    drawn = (
        np.concatenate([members[c] for c in rng.integers(len(members), size=len(members))]) for _ in range(RESAMPLES)
    )
    medians = np.array([np.median(sides[:, chosen], axis=1) for chosen in drawn])
    half = (
        t_quantile(level, len(members) - 1)
        * float(_ratio(*medians.T).std())
        * np.sqrt(len(members) / (len(members) - 1))
    )
    return Interval(value - 1.0, value - 1.0 - half, value - 1.0 + half)


@lru_cache
def t_quantile(level: float, degrees: float) -> float:
    """Return what the size of a variable of Student's t stays below with probability ``level``: 1.96 for many degrees of freedom."""
    end = min(np.pi / 2, FARTHEST / np.sqrt(degrees))
    angle = np.linspace(0.0, end, POINTS)  # t = sqrt(degrees) tan(angle) has a density of cos(angle) ** (degrees - 1)
    density = np.cos(angle) ** (degrees - 1)
    below = np.cumsum((density[1:] + density[:-1]) / 2)
    return float(np.sqrt(degrees) * np.tan(np.interp(level * below[-1], below, angle[1:])))


def _sides(policy: ArrayLike, baseline: ArrayLike) -> list[FloatArray]:
    """Both as [runs, E]."""
    sides = [np.atleast_2d(np.asarray(side, np.float64)) for side in (policy, baseline)]
    episodes, others = (side.shape[1] for side in sides)
    if others != episodes or min(side.size for side in sides) == 0:
        raise ValueError(f"policy has {episodes} episodes and the baseline {others}: must be equally many, and some")
    return sides


def _index(cluster: ArrayLike | None, episodes: int) -> NDArray[np.int64]:
    """[E] the number of each episode's cluster; where there is but one, every episode is one."""
    if cluster is None:
        return np.arange(episodes)
    labels, index = np.unique(np.asarray(cluster), return_inverse=True)
    if len(index) != episodes:
        raise ValueError(f"cluster has {len(index)} labels and there are {episodes} episodes: must be equally many")
    return np.arange(episodes) if len(labels) == 1 else index


def _square(ratios: FloatArray, independent: int, effective: float, level: float) -> float:
    """The square of a half-width, by the jackknife: from the ratios without each observation [n], of which so many are independent."""
    if independent < 2:
        return 0.0
    variance = (len(ratios) - 1) ** 2 * ratios.var(ddof=1) / independent
    return float(t_quantile(level, max(1.0, effective - 1.0)) ** 2 * variance)


def _effective(totals: FloatArray) -> float:
    """How many equal observations say as much about a variance as these, of which few may make up most of the sum (Kish 1965)."""
    squares = float((totals**2).sum())
    return float(totals.sum() ** 2 / squares) if squares > 0 else float(len(totals))


def _ratio(policy: FloatArray | float, baseline: FloatArray | float) -> FloatArray:
    numerator, denominator = np.broadcast_arrays(np.asarray(policy, np.float64), np.asarray(baseline, np.float64))
    ratio: FloatArray = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=ratio, where=denominator != 0)
    return ratio
