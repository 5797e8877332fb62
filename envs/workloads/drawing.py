"""What the generators share: checked parameters, a seeded stream of draws, and a clock that follows the time of day."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from envs.workloads.instance import WorkloadError

FloatArray = NDArray[np.float64]


def require(ok: bool, owner: object, name: str, bound: str) -> None:
    """Raise WorkloadError naming the parameter ``name`` of ``owner``, its value and the ``bound`` that it broke."""
    if not ok:
        raise WorkloadError(f"{type(owner).__name__}.{name} is {getattr(owner, name)!r}, must be {bound}")


def integer(value: object, low: int, high: float = math.inf) -> bool:
    """Whether ``value`` is an integer in [low, high]."""
    return isinstance(value, int | np.integer) and low <= int(value) <= high


def number(value: object, low: float = 0.0, high: float = math.inf) -> bool:
    """Whether ``value`` is a finite number in [low, high]."""
    return isinstance(value, int | float | np.number) and math.isfinite(value) and low <= float(value) <= high


def stream(seed: int) -> np.random.Generator:
    """Return the draws of one instance: counter-based, so equal seeds give equal draws in every process.

    Raises:
        WorkloadError: where the seed is negative.
    """
    if seed < 0:
        raise WorkloadError(f"seed of an instance is {seed}, must be >= 0")
    return np.random.Generator(np.random.Philox(key=seed))


class CyclicClock:
    """Time change of a periodic arrival rate: jobs that arrive evenly in its *progress* arrive at that rate in time.

    The rate is piecewise constant over equal parts of the period, and is scaled to mean 1: both run as fast in the long run.
    """

    def __init__(self, rate: FloatArray, period: float) -> None:
        """Take the ``rate`` of each part, > 0, and the ``period`` in seconds."""
        self._period = period
        self._time = np.linspace(0.0, period, rate.size + 1)
        self._progress = np.concatenate([[0.0], np.cumsum(rate)]) * (period / rate.sum())
        self._progress[-1] = period

    def progress(self, time: FloatArray) -> FloatArray:
        """Return how far the clock is at each ``time`` in seconds >= 0."""
        whole = np.floor(time / self._period) * self._period
        return np.asarray(whole + np.interp(time - whole, self._time, self._progress))

    def time(self, progress: FloatArray) -> FloatArray:
        """Return the seconds at which the clock reaches each ``progress`` >= 0; the inverse of :meth:`progress`."""
        whole = np.floor(progress / self._period) * self._period
        return np.asarray(whole + np.interp(progress - whole, self._progress, self._time))
