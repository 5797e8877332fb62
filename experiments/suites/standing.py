"""What one contestant achieved in a whole suite, and tables of who is how much better than whom: paired, over common episodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agents.evaluation.statistics import Interval, relative_difference
from experiments.reports.outcome import Sheet
from experiments.reports.report import Cell
from experiments.suites.runs import Side, cell

Scores = NDArray[np.float64]

RULE: Final = "rule"
TUNED: Final = "tuned"
"""Comes with the repository, and is neither a rule nor a trained network."""
OTHER: Final = "other"
"""Plays in its own way and is no pair of policies."""
SEARCHED: Final = "searched"
"""Is LEARNED, with search."""
RULE_SEARCHED: Final = "rule, searched"
TUNED_SEARCHED: Final = "tuned, searched"


@dataclass(frozen=True)
class Standing:
    """What one contestant achieved in all contests."""

    name: str
    kind: str
    """RULE, TUNED, OTHER, LEARNED where something trained decides by itself, or SEARCHED, RULE_SEARCHED, TUNED_SEARCHED."""
    sides: list[Side]
    """[contests]."""
    references: list[Scores]
    """[contests] of [E]: 1 where scores are not measured against anything."""
    counted: NDArray[np.bool_]
    """[E] the episodes of ALL."""
    clusters: Sequence[NDArray[Any]]
    """[contests] of [E]: episodes with the same label, in whatever contests, are one observation."""

    @property
    def rule(self) -> bool:
        """Whether it is a pair of rules."""
        return self.kind == RULE

    @property
    def pair(self) -> tuple[str, str]:
        """Its prioritizer and its negotiator."""
        return self.sides[0].prioritizer, self.sides[0].negotiator

    def scores(self, metric: str) -> Scores:
        """[runs, episodes of ALL] a metric, as multiples of the reference where there is one."""
        return self.multiples(metric)[:, self.counted]

    def column(self, metric: str) -> Scores:
        """[runs, E] a metric over all contests."""
        return np.concatenate([side.column(metric) for side in self.sides], axis=1)

    def multiples(self, metric: str, contests: Iterable[int] | None = None) -> Scores:
        """[runs, E] a metric over some contests, or all, as multiples of the reference where there is one."""
        chosen = range(len(self.sides)) if contests is None else contests
        return np.concatenate([self.sides[c].column(metric) / self.references[c] for c in chosen], axis=1)

    def cluster(self, contests: Iterable[int] | None = None) -> NDArray[Any]:
        """[E] the labels over some contests, or all, beside ``multiples``."""
        return np.concatenate([self.clusters[c] for c in (range(len(self.sides)) if contests is None else contests)])

    def difference(self, to: Standing, metric: str, contests: Iterable[int] | None = None) -> Interval:
        """By how much the mean of a metric over some contests, or the episodes of ALL, exceeds that of another contestant."""
        if contests is None:
            return self.compared(to, self.scores(metric), to.scores(metric), self.cluster()[self.counted])
        chosen = list(contests)
        return self.compared(to, self.multiples(metric, chosen), to.multiples(metric, chosen), self.cluster(chosen))

    def compared(self, to: Standing, mine: Scores, its: Scores, cluster: NDArray[Any] | None = None) -> Interval:
        """By how much the mean of what was read off this contestant exceeds that of another one; both [runs, E] of the same episodes."""
        same = self.pair == to.pair and len(mine) == len(its) > 1
        cluster = self.cluster() if cluster is None else cluster
        return relative_difference(mine, its, cluster=cluster, independent=self.sides[0].runs, same_runs=same)

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


Rows = Mapping[str, Sequence[int]]
"""The contests of each row of a table, by its label."""


def duels(title: str, rows: Rows, to: Mapping[str, Standing], others: Sequence[Standing], metric: str) -> Sheet:
    """By how many per cent the mean ``metric`` of each of ``others`` exceeds that of ``to`` in its row."""
    cells: list[list[Cell]] = []
    for label, contests in rows.items():
        base = to[label]
        differences = [one.difference(base, metric, contests) for one in others]
        cells.append([label, str(len(base.cluster(contests))), base.name, *map(cell, differences)])
    return Sheet(title, ["", "episodes", "to", *(one.name for one in others)], cells)


def strongest(standings: Sequence[Standing], rows: Rows, metric: str) -> dict[str, Standing]:
    """The rules with the smallest mean in each row."""
    rules = [one for one in standings if one.rule]
    return {
        label: min(rules, key=lambda one: float(one.multiples(metric, contests).mean()))
        for label, contests in rows.items()
    }
