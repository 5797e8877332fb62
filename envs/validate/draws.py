"""The random draws of ``docs/world.md`` section 2, once more: what the attempts and outages of a log should have been."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from envs.scenario import Uncertainty
from envs.workloads.instance import FloatArray, Instance

NOISE_RADIUS, NOISE_ANGLE, FAILS, FAILS_AT, BREAKDOWN, REPAIR = range(1, 7)

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64 (Steele, Lea, Flood 2014), modulo 2^64."""
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


def uniform(seed: int, what: int, index: NDArray[Any], attempt: NDArray[Any]) -> FloatArray:
    """[N] draws in (0, 1), one per index and attempt."""
    h = _mix(np.array([seed % 2**64], np.uint64) + _GOLDEN)
    for part in (np.array([what]), index, attempt):
        h = _mix((h ^ part.astype(np.uint64)) + _GOLDEN)
    uniforms: FloatArray = ((h >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    return uniforms


def _exponential(mean: float, seed: int, what: int, index: NDArray[Any], attempt: NDArray[Any]) -> FloatArray:
    return -mean * np.log(uniform(seed, what, index, attempt))


def occurrence(values: NDArray[np.int32]) -> NDArray[np.int64]:
    """[N] how many equal values stand before each."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    count = np.empty(values.size, np.int64)
    count[order] = np.arange(values.size) - np.searchsorted(ordered, ordered)
    return count


def first_breakdowns(seed: int, agents: int, u: Uncertainty) -> list[float]:
    """[A] seconds."""
    every = np.arange(agents)
    breakdowns: list[float] = _exponential(
        u.mean_time_between_failures, seed, BREAKDOWN, every, np.zeros_like(every)
    ).tolist()
    return breakdowns


def outages(seed: int, agent: NDArray[np.int32], u: Uncertainty) -> Iterator[tuple[float, float]]:
    """Per breakdown, in their order: seconds to the repair, and from there to the agent's next breakdown."""
    k = occurrence(agent)
    repair = _exponential(u.mean_time_to_repair, seed, REPAIR, agent, k)
    uptime = _exponential(u.mean_time_between_failures, seed, BREAKDOWN, agent, k + 1)
    return zip(repair.tolist(), uptime.tolist(), strict=True)


def noise(seed: int, task: NDArray[Any], attempt: NDArray[Any], sigma: float) -> FloatArray:
    """[N] lognormal factors of mean 1 of the durations of attempts."""
    radius = np.sqrt(-2.0 * np.log(uniform(seed, NOISE_RADIUS, task, attempt)))
    z = radius * np.cos(2.0 * np.pi * uniform(seed, NOISE_ANGLE, task, attempt))
    factors: FloatArray = np.exp(sigma * z - 0.5 * sigma * sigma)
    return factors


def attempts(
    seed: int, task: NDArray[np.int32], agent: NDArray[np.int32], nominal: FloatArray, i: Instance, u: Uncertainty
) -> Iterator[tuple[float, float, bool]]:
    """Per start, in their order: seconds from progress 0, the share of them that the attempt lasts, and whether it fails."""
    k = occurrence(task)
    full = nominal * i.task_ratio[task] / i.speed[agent, i.task_kind[task]]
    if u.duration_sigma > 0:
        full = full * noise(seed, task, k, u.duration_sigma)
    fails = uniform(seed, FAILS, task, k) < u.failure_probability
    share = np.where(fails, uniform(seed, FAILS_AT, task, k), 1.0)
    return zip(full.tolist(), share.tolist(), fails.tolist(), strict=True)
