"""Training runs as players: what is trained several times plays once per run, what is a rule plays once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from math import isqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig, ListConfig

from agents.evaluation.play import Episodes, Results, play
from agents.evaluation.statistics import Interval, relative_difference
from agents.policies import RULES, SHIPPED, load_negotiator, load_prioritizer, policy_folder, roles_in
from agents.protocols import Negotiator, Prioritizer
from envs.scenario import Scenario
from experiments.plumbing.cli import UsageError
from experiments.reports.report import Figure

LEARNED: Final = "learned"
"""In the place of a rule's name: the policy of each run, with the other role of the same run where both are learned."""
ANOTHER: Final = "learned, another run"
"""The negotiator of every other run: do policies understand each other that never met?"""
OBJECTIVE: Final = "objective"
"""What the scenario says is to be small."""
SAME: Final = Interval(0.0, 0.0, 0.0)
"""What a side differs from itself."""


def policies(config: DictConfig) -> list[str]:
    """Return the folder of the policies of each training run that ``config.runs`` names; a shipped policy keeps its name.

    Raises:
        UsageError: where it names none, or what holds no policy.
    """
    names = config.runs if isinstance(config.runs, ListConfig) else [] if config.runs is None else [config.runs]
    if not names:
        raise UsageError(f"suite={config.suite} needs runs=[FOLDER,...], the folders of training runs")
    folders = {str(name): policy_folder(str(name)) for name in names}
    for name, folder in folders.items():
        if folder is None or not roles_in(folder):
            raise UsageError(
                f"runs has {name}, which holds no policy: must be the folder of a training run or of a shipped policy"
            )
    return [name if name.startswith(f"{SHIPPED}/") else str(folder) for name, folder in folders.items()]


def entrants(config: DictConfig, suite: str) -> list[str]:
    """Return what ``policies`` does or, where ``config.runs`` is empty, the suite's shipped policy, if there is one."""
    if config.runs:
        return policies(config)
    shipped = f"{SHIPPED}/{suite}"
    return [] if policy_folder(shipped) is None else [shipped]


def check_rules(config: DictConfig) -> tuple[str, str]:
    """Return the pair that ``config.rules`` names.

    Raises:
        UsageError, RuleError: where it names none, or what is none.
    """
    if not isinstance(config.rules, DictConfig) or not set(RULES) <= set(config.rules):
        raise UsageError(f"rules is {config.rules!r}, must be a mapping with prioritizer and negotiator")
    pair = str(config.rules.prioritizer), str(config.rules.negotiator)
    load_prioritizer(pair[0])
    load_negotiator(pair[1])
    return pair


@dataclass(frozen=True)
class Side:
    """A prioritizer and a negotiator by name, and what they achieved in each run."""

    prioritizer: str
    negotiator: str
    results: tuple[Results, ...]
    """[runs]; of rules alone, one."""

    @property
    def name(self) -> str:
        """For tables."""
        return f"{self.prioritizer} with {self.negotiator}"

    def column(self, metric: str) -> NDArray[np.float64]:
        """[runs, E] the objective, where ``metric`` is OBJECTIVE, or a scalar metric."""
        return np.stack(
            [results.objective if metric == OBJECTIVE else results.column(metric) for results in self.results]
        )

    def mean(self, metric: str) -> float:
        """The mean of that."""
        return float(self.column(metric).mean())

    @property
    def runs(self) -> int:
        """Training runs behind the results: fewer than these where every run plays with the partners of all others."""
        pairs = len(self.results)
        return (1 + isqrt(1 + 4 * pairs)) // 2 if self.negotiator == ANOTHER else pairs

    @property
    def schedules(self) -> int:
        """How many were played, and checked."""
        return sum(len(results.metrics) for results in self.results)

    @property
    def speed(self) -> float:
        """Decisions per second of wall time."""
        return sum(results.decisions for results in self.results) / sum(results.seconds for results in self.results)


@dataclass(frozen=True)
class Players:
    """Rules by name, and the policies of all runs."""

    prioritizers: list[Prioritizer]
    negotiators: list[Negotiator]

    @classmethod
    def of(cls, folders: list[str], negotiators: bool = True) -> Players:
        """Load the prioritizer of every run, and its negotiator, from the folders of their policies."""
        return cls(
            [load_prioritizer(folder) for folder in folders],
            [load_negotiator(folder) for folder in folders if negotiators],
        )

    def pairs(self, prioritizer: str, negotiator: str) -> list[tuple[Prioritizer, Negotiator]]:
        """Return who plays: one pair of rules, or one pair per run (per two different runs where ANOTHER is asked for)."""
        if LEARNED not in (prioritizer, negotiator):
            return [(load_prioritizer(prioritizer), load_negotiator(negotiator))]
        runs = range(len(self.prioritizers))
        seats = permutations(runs, 2) if negotiator == ANOTHER else [(run, run) for run in runs]
        return [
            (
                self.prioritizers[i] if prioritizer == LEARNED else load_prioritizer(prioritizer),
                self.negotiators[j] if negotiator in (LEARNED, ANOTHER) else load_negotiator(negotiator),
            )
            for i, j in seats
        ]

    def play(self, scenario: Scenario, episodes: Episodes, prioritizer: str, negotiator: str) -> Side:
        """Let them play the episodes, every schedule checked; errors as in ``agents.evaluation.play``."""
        return Side(
            prioritizer,
            negotiator,
            tuple(play(scenario, episodes, *pair) for pair in self.pairs(prioritizer, negotiator)),
        )


def difference(side: Side, to: Side, metric: str, cluster: NDArray[Any]) -> Interval:
    """Return the relative difference of the means of a metric, with its interval by ``cluster`` [E] and run; SAME to itself."""
    return SAME if side is to else relative_difference(side.column(metric), to.column(metric), cluster=cluster)


def cell(difference: Interval) -> Figure:
    """Write a difference for a table, in per cent."""
    return Figure.relative(difference, shown="= 0" if difference is SAME else None)
