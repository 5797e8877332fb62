"""How sure a comparison is: bootstrap intervals over common seeds, and over training seeds where there are several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
Statistic = Callable[..., Any]

CELLS: Final = 2**21
"""Numbers held at once while resampling."""


class Interval(NamedTuple):
    """An estimate and its confidence interval: all NaN where the baseline is 0, both ends NaN where there is only one episode."""

    value: float
    low: float
    high: float


def relative_difference(
    policy: ArrayLike,
    baseline: ArrayLike,
    statistic: Statistic = np.mean,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """Return statistic(policy) / statistic(baseline) - 1 with its percentile bootstrap interval (Efron, Tibshirani 1993).

    The episodes are *paired*: number e of both played the same instance with the same random draws, and they are resampled
    together. Where a side is a learned policy that was trained several times, its training runs are resampled as well,
    independently of the episodes that they share (a two-way bootstrap); the statistic is then averaged over runs.

    Args:
        policy: [E] or [runs, E] costs, one per episode.
        baseline: [E] or [runs, E] costs of the same episodes.
        statistic: ``np.mean`` or ``np.median``, or what takes an axis as they do.
        level: of confidence, in (0, 1).
        resamples: how many; equal arguments give an equal answer.
        seed: of the resampling.

    Raises:
        ValueError: where the episodes of the two are not equally many, or there are none.
    """
    sides = [np.atleast_2d(np.asarray(side, np.float64)) for side in (policy, baseline)]
    episodes = sides[0].shape[1]
    if sides[1].shape[1] != episodes or min(side.size for side in sides) == 0:
        raise ValueError(f"policy has {episodes} episodes and the baseline {sides[1].shape[1]}: must be equally many, and some")
    value = float(_relative(*(statistic(side, axis=-1).mean(keepdims=True) for side in sides))[0])
    if episodes == 1:
        return Interval(value, np.nan, np.nan)
    rng = np.random.default_rng(seed)
    parts, left = [], resamples
    while left > 0:
        count = min(left, max(1, CELLS // max(side.size for side in sides)))
        columns = rng.integers(episodes, size=(count, 1, episodes))
        parts.append(_relative(*(_resampled(side, columns, rng, statistic) for side in sides)))
        left -= count
    tail = (1 - level) / 2
    low, high = np.quantile(np.concatenate(parts), [tail, 1 - tail])
    return Interval(value, float(low), float(high))


def _resampled(side: FloatArray, columns: NDArray[np.int64], rng: np.random.Generator, statistic: Statistic) -> FloatArray:
    """[count] the statistic of each resample; ``columns`` [count, 1, E] are the episodes of each."""
    runs = len(side)
    rows = rng.integers(runs, size=(len(columns), runs, 1)) if runs > 1 else np.zeros((1, 1, 1), np.int64)
    result: FloatArray = statistic(side[rows, columns], axis=-1).mean(axis=-1)
    return result


def _relative(policy: FloatArray, baseline: FloatArray) -> FloatArray:
    ratio: FloatArray = np.full(policy.shape, np.nan)
    return np.divide(policy, baseline, out=ratio, where=baseline != 0) - 1.0
