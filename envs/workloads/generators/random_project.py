"""Random projects (RCPSP) in the manner of ProGen: what policies for PSPLIB's projects are trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from envs.workloads.drawing import integer, number, require, stream
from envs.workloads.instance import Instance
from envs.workloads.readers.psplib import project_instance
from envs.workloads.source import MAX_CELLS, MAX_UNITS

ENDS: Final = 3
"""Activities at the start of a project, and at its end; also the most direct predecessors, and successors, of an activity."""
MOST_ACTIVITIES: Final = 2_000
"""The time to draw a network grows with the square."""


@dataclass(frozen=True)
class RandomProject:
    """Projects as ProGen draws them (Kolisch, Sprecher, Drexl 1995), with PSPLIB's parameters (Kolisch and Sprecher 1997).

    Each project draws its size and one value of each of the three lists. Durations and demands are uniform integers from 1.
    """

    activities_min: int = 30
    activities_max: int = 90
    """Without the dummies that mark start and end."""
    resources: int = 4
    complexities: tuple[float, ...] = (1.5, 1.8, 2.1)
    """Network complexity: edges per activity, the dummies and their edges counted. No edge follows from others."""
    factors: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    """Resource factor: share of the resources that an activity needs, in the mean; each needs one at least."""
    strengths: tuple[float, ...] = (0.1, 0.2, 0.3, 0.5, 0.7)
    """Resource strength: 0: capacity for the most demanding activity alone; 1: for all that could run at once if it were unlimited."""
    duration_max: int = 10
    """Seconds."""
    demand_max: int = 10
    """Units."""

    def __post_init__(self) -> None:
        require(
            integer(self.activities_min, 1, MOST_ACTIVITIES),
            self,
            "activities_min",
            f"an integer in 1..{MOST_ACTIVITIES}",
        )
        most = integer(self.activities_max, self.activities_min, MOST_ACTIVITIES)
        require(most, self, "activities_max", f"an integer in activities_min, {self.activities_min}..{MOST_ACTIVITIES}")
        require(
            integer(self.resources, 1, MAX_CELLS // MOST_ACTIVITIES),
            self,
            "resources",
            f"an integer in 1..{MAX_CELLS // MOST_ACTIVITIES}",
        )
        for name, high in (("complexities", ENDS), ("factors", 1), ("strengths", 1)):
            values = getattr(self, name)
            require(
                len(values) > 0 and all(number(value, 0, high) for value in values),
                self,
                name,
                f"one or more numbers in 0..{high}",
            )
        for name in ("duration_max", "demand_max"):
            require(integer(getattr(self, name), 1, MAX_UNITS), self, name, f"an integer in 1..{MAX_UNITS}")

    def instance(self, seed: int) -> Instance:
        """Draw one instance; seeds are >= 0."""
        rng = stream(seed)
        count = int(rng.integers(self.activities_min, self.activities_max, endpoint=True))
        complexity, factor, strength = (
            float(rng.choice(values)) for values in (self.complexities, self.factors, self.strengths)
        )
        network = _network(rng, count, complexity)
        duration = rng.integers(1, self.duration_max, count, endpoint=True)
        demand = rng.integers(1, self.demand_max, (count, self.resources), endpoint=True) * _needs(
            rng, count, self.resources, factor
        )
        least, most = demand.max(axis=0), _peak(network, duration, demand)
        capacity = np.maximum(
            least + np.rint(strength * (most - least)).astype(int), 1
        )  # a resource that none needs has a unit
        return project_instance(
            f"random-project-{count}-{seed}",
            capacity=capacity.tolist(),
            duration=duration.tolist(),
            demand=demand.tolist(),
            edges=network.edges,
            names=[str(activity + 1) for activity in range(count)],
        )


class Network:
    """A precedence graph that only takes edges which neither follow from others nor make others follow. Sets are bits of integers."""

    def __init__(self, count: int) -> None:
        """Start without edges; an edge leads from a lower to a higher activity."""
        self.edges: list[tuple[int, int]] = []
        self.after: list[int] = [0] * count
        """Direct successors of each activity."""
        self.before: list[int] = [0] * count
        """Direct predecessors."""
        self._behind = [0] * count
        self._ahead = [0] * count

    def takes(self, a: int, b: int) -> bool:
        """Whether the edge from a to b may be added."""
        if self.after[a].bit_count() == ENDS or self.before[b].bit_count() == ENDS or self._behind[a] >> b & 1:
            return False
        behind = self._behind[b] | 1 << b
        return not any(self.after[activity] & behind for activity in _members(self._ahead[a] | 1 << a))

    def add(self, a: int, b: int) -> None:
        """Add it."""
        self.edges.append((a, b))
        self.after[a] |= 1 << b
        self.before[b] |= 1 << a
        ahead, behind = self._ahead[a] | 1 << a, self._behind[b] | 1 << b
        for activity in _members(ahead):
            self._behind[activity] |= behind
        for activity in _members(behind):
            self._ahead[activity] |= ahead


def _members(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def _network(rng: np.random.Generator, count: int, complexity: float) -> Network:
    """Everybody but the first gets a predecessor, everybody but the last a successor; then edges until there are enough."""
    network = Network(count)
    last = max(count - ENDS, 0)
    for b in range(ENDS, count):
        _one(rng, network, [(a, b) for a in range(min(b, last))])
    for a in range(last):
        if not network.after[a]:
            _one(rng, network, [(a, b) for b in range(max(a + 1, ENDS), count)])
    loose = network.before.count(0) + network.after.count(0)  # the edges of the dummies
    wanted = round(complexity * (count + 2)) - loose
    pairs = np.stack(np.triu_indices(count, 1), axis=1)
    inner = pairs[(pairs[:, 0] < last) & (pairs[:, 1] >= ENDS)]
    for a, b in rng.permutation(inner).tolist():
        if len(network.edges) >= wanted:
            break
        if network.takes(a, b):
            network.add(a, b)
    return network


def _one(rng: np.random.Generator, network: Network, pairs: list[tuple[int, int]]) -> None:
    """Add one of the edges, where the network takes any."""
    possible = [pair for pair in pairs if network.takes(*pair)]
    if possible:
        network.add(*possible[int(rng.integers(len(possible)))])


def _needs(rng: np.random.Generator, count: int, resources: int, factor: float) -> NDArray[np.bool_]:
    """[T, R] who needs what: one resource each, then others at random until the factor is reached."""
    needs = np.zeros((count, resources), np.bool_)
    needs[np.arange(count), rng.integers(resources, size=count)] = True
    others = rng.permutation(np.flatnonzero(~needs))
    needs.flat[others[: max(round(factor * needs.size) - count, 0)]] = True
    return needs


def _peak(network: Network, duration: NDArray[np.int64], demand: NDArray[np.int64]) -> NDArray[np.int64]:
    """[R] the most units in use at once if everything starts as early as precedence lets it."""
    start = np.zeros_like(duration)
    for a, b in sorted(network.edges):
        start[b] = max(start[b], start[a] + duration[a])
    running = (start[None] <= start[:, None]) & (start[:, None] < (start + duration)[None])
    peak: NDArray[np.int64] = (running.astype(np.int64) @ demand).max(axis=0)
    return peak
