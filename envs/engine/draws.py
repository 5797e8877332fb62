"""Random draws as pure functions of (seed, what, index, attempt): common random numbers for every policy."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from envs.engine.compiled import entry, kernel

NOISE_RADIUS: Final = 1
NOISE_ANGLE: Final = 2
FAILS: Final = 3
FAILS_AT: Final = 4
BREAKDOWN: Final = 5
REPAIR: Final = 6
EPISODE: Final = 7
INSTANCE: Final = 8

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_M1: Final = np.uint64(0xBF58476D1CE4E5B9)
_M2: Final = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_TWO_53: Final = 2.0**-53


@kernel
def _mix(z: np.uint64) -> np.uint64:
    z = (z ^ (z >> _S30)) * _M1
    z = (z ^ (z >> _S27)) * _M2
    return z ^ (z >> _S31)


@kernel
def draw(seed: np.uint64, what: int, index: int, attempt: int) -> np.uint64:
    """Return 64 random bits (splitmix64; Steele, Lea and Flood 2014)."""
    h = _mix(np.uint64(seed) + _GOLDEN)
    h = _mix((h ^ np.uint64(what)) + _GOLDEN)
    h = _mix((h ^ np.uint64(index)) + _GOLDEN)
    return _mix((h ^ np.uint64(attempt)) + _GOLDEN)


@kernel
def uniform(seed: np.uint64, what: int, index: int, attempt: int) -> float:
    """Return a number strictly between 0 and 1."""
    return (float(draw(seed, what, index, attempt) >> _S11) + 0.5) * _TWO_53


@kernel
def exponential(mean: float, seed: np.uint64, what: int, index: int, attempt: int) -> float:
    """Return an exponentially distributed number of the given mean."""
    return -mean * math.log(uniform(seed, what, index, attempt))


@kernel
def noise(sigma: float, seed: np.uint64, task: int, attempt: int) -> float:
    """Return lognormal noise of mean 1 (Box and Muller 1958)."""
    if sigma == 0.0:
        return 1.0
    radius = math.sqrt(-2.0 * math.log(uniform(seed, NOISE_RADIUS, task, attempt)))
    z = radius * math.cos(2.0 * math.pi * uniform(seed, NOISE_ANGLE, task, attempt))
    return math.exp(sigma * z - 0.5 * sigma * sigma)


@entry
def seed_of(seed: np.uint64, what: int, index: int) -> np.uint64:
    """Return a seed derived from another one."""
    return draw(seed, what, index, 0)


@entry
def episode_seeds(seed: np.uint64, count: int) -> NDArray[np.uint64]:
    """Return [count] seeds of episodes."""
    seeds = np.empty(count, np.uint64)
    for k in range(count):
        seeds[k] = draw(seed, EPISODE, k, 0)
    return seeds
