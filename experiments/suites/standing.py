"""What one contestant achieved in a whole suite."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from experiments.suites.runs import Side

Scores = NDArray[np.float64]

RULE: Final = "rule"
TUNED: Final = "tuned"
"""Comes with the repository, and is neither a rule nor a trained network."""
OTHER: Final = "other"
"""Plays in its own way and is no pair of policies."""
SEARCHED: Final = "searched"
"""Is LEARNED, with search."""


@dataclass(frozen=True)
class Standing:
    """What one contestant achieved in all contests."""

    name: str
    kind: str
    """RULE, TUNED, OTHER, SEARCHED, or LEARNED where something trained decides by itself."""
    sides: list[Side]
    """[contests]."""
    references: list[Scores]
    """[contests] of [E]: 1 where scores are not measured against anything."""
    counted: NDArray[np.bool_]
    """[E] the episodes of ALL."""

    @property
    def rule(self) -> bool:
        """Whether it is a pair of rules."""
        return self.kind == RULE

    @property
    def pair(self) -> tuple[str, str]:
        """Its prioritizer and its negotiator."""
        return self.sides[0].prioritizer, self.sides[0].negotiator

    def scores(self, measure: str) -> Scores:
        """[runs, episodes of ALL] a measure, as multiples of the reference where there is one."""
        return self.multiples(measure)[:, self.counted]

    def column(self, measure: str) -> Scores:
        """[runs, E] a measure over all contests."""
        return np.concatenate([side.column(measure) for side in self.sides], axis=1)

    def multiples(self, measure: str, contests: Iterable[int] | None = None) -> Scores:
        """[runs, E] a measure over some contests, or all, as multiples of the reference where there is one."""
        chosen = range(len(self.sides)) if contests is None else contests
        return np.concatenate([self.sides[c].column(measure) / self.references[c] for c in chosen], axis=1)

    @cached_property
    def seconds(self) -> float:
        """Wall time per episode and run."""
        results = [each for side in self.sides for each in side.results]
        return sum(each.seconds for each in results) / sum(len(each.metrics) for each in results)

    @cached_property
    def decision(self) -> float:
        """Wall seconds per decision of the schedules; of all their time where nobody had a choice."""
        results = [each for side in self.sides for each in side.results]
        return sum(each.seconds for each in results) / max(1, sum(each.decisions for each in results))
