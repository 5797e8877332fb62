"""How long tasks really take: what was seen per agent and kind, shrunk towards the estimates, and the limits that follow."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

from agents.operation.site.conversion import observe
from agents.operation.site.situation import Seen

PRIOR_COUNT: Final = 5.0
PRIOR_STD: Final = 0.5
"""As in :class:`envs.Knowledge`."""
NORMAL: Final = NormalDist()


class Pace:
    """Durations of an execution, as multiples of their estimates: lognormal per agent and kind."""

    def __init__(self) -> None:
        """Begin with the prior alone."""
        self._seen: dict[tuple[str, str], list[float]] = {}

    def know(self, seen: Seen) -> None:
        """Begin with what is believed of an agent and kind already."""
        known = [float(seen.count), seen.mean, seen.m2]
        for ratio in seen.ratios:
            observe(known, math.log(ratio))
        self._seen[seen.agent, seen.kind] = known

    def learn(self, agent: str, kind: str, estimate: float, took: float) -> None:
        """Take in one duration, seconds."""
        if estimate > 0 and took > 0:
            observe(self._seen.setdefault((agent, kind), [0.0, 0.0, 0.0]), math.log(took / estimate))

    def _normal(self, agent: str, kind: str) -> tuple[float, float]:
        """Mean and standard deviation of the logarithm."""
        count, mean, m2 = self._seen.get((agent, kind), (0.0, 0.0, 0.0))
        whole = count + PRIOR_COUNT
        between = PRIOR_COUNT * count / whole * mean**2
        return count * mean / whole, math.sqrt((m2 + between + PRIOR_COUNT * PRIOR_STD**2) / whole)

    def limit(self, agent: str, kind: str, estimate: float, chance: float) -> float:
        """Seconds that a task takes at most with this chance."""
        mean, std = self._normal(agent, kind)
        return estimate * math.exp(mean + std * NORMAL.inv_cdf(chance))

    def expected(self, agent: str, kind: str, estimate: float) -> float:
        """Seconds that a task is expected to take."""
        mean, std = self._normal(agent, kind)
        return estimate * math.exp(mean + std**2 / 2)
