"""Random draws as pure functions of (seed, what, index, attempt): docs/world.md, section 2."""

from __future__ import annotations

import math
from enum import IntEnum

MASK = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15


class What(IntEnum):
    """What is drawn."""

    NOISE_RADIUS = 1
    NOISE_ANGLE = 2
    FAILS = 3
    FAILS_AT = 4
    BREAKDOWN = 5
    REPAIR = 6
    EPISODE = 7
    INSTANCE = 8


def mix(z: int) -> int:
    """The splitmix64 finaliser (Steele, Lea, Flood 2014)."""
    z ^= z >> 30
    z = (z * 0xBF58476D1CE4E5B9) & MASK
    z ^= z >> 27
    z = (z * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def draw(seed: int, what: What, index: int, attempt: int) -> int:
    """A 64-bit integer."""
    h = mix((seed + GOLDEN) & MASK)
    for part in (what, index, attempt):
        h = mix(((h ^ part) + GOLDEN) & MASK)
    return h


def uniform(seed: int, what: What, index: int, attempt: int) -> float:
    """A number in (0, 1)."""
    return (float(draw(seed, what, index, attempt) >> 11) + 0.5) * 2.0**-53


def exponential(mean: float, seed: int, what: What, index: int, attempt: int) -> float:
    """A positive number of this mean."""
    return -mean * math.log(uniform(seed, what, index, attempt))


def noise(sigma: float, seed: int, task: int, attempt: int) -> float:
    """A lognormal factor of mean 1."""
    if sigma == 0:
        return 1.0
    radius = uniform(seed, What.NOISE_RADIUS, task, attempt)
    angle = uniform(seed, What.NOISE_ANGLE, task, attempt)
    z = math.sqrt(-2.0 * math.log(radius)) * math.cos(2.0 * math.pi * angle)
    return math.exp(sigma * z - 0.5 * sigma * sigma)
