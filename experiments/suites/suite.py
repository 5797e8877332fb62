"""What a suite is: who plays what by which rules of play, how it is scored, and what others have published."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig

from agents.evaluation.play import Episodes, Results
from agents.planning.settings import Search
from envs.scenario import Scenario
from experiments.reports.outcome import Sheet
from experiments.suites.standing import Standing

Pairing = tuple[str, str]
"""Names of a prioritizer and a negotiator."""


@dataclass(frozen=True)
class Contest:
    """Episodes that everybody plays by the same rules of play."""

    scenario: Scenario
    episodes: Episodes
    classes: dict[str, list[str]]
    """For each view of the suite, the row [E] of its table in which an episode is counted."""
    reference: NDArray[np.float64] | None = None
    """[E] what scores are measured against, the best known value or a bound: the tables then show by how much they exceed it."""
    to_bound: NDArray[np.bool_] | None = None
    """[E] where that is a bound, which no schedule may reach: such episodes are kept apart from the others. None: nowhere."""
    cluster: Sequence[str] | None = None
    """[E] labels: episodes with the same one, in whatever contests, share an instance or its draws, and intervals count them as one
    observation. None: every instance of the contest is one."""

    def clusters(self, number: int) -> NDArray[np.str_]:
        """[E] labels that episodes of other contests have only where that is meant; ``number`` is the place of this one."""
        own = [f"{number}:{instance}" for instance in self.episodes.instance] if self.cluster is None else self.cluster
        return np.array(own, np.str_)


ESTIMATES: Final = "estimates"
"""A class for contests that are the same but for what deciders are told; those who know most come last."""
TO_BOUND: Final = "to bound"
"""Marks rows whose reference is a lower bound."""


class Published(NamedTuple):
    """What somebody else achieved."""

    method: str
    source: str
    row: str
    """What it was measured on; where a table has a row of that name, the two can be compared."""
    value: float
    """In the unit of the suite's tables."""
    rule: str = ""
    """The rule of ours that it is, played by the same builder of schedules: ties others' instances to ours."""


@dataclass(frozen=True)
class Suite:
    """A protocol."""

    name: str
    title: str
    contests: Callable[[DictConfig], list[Contest]]
    """What is played: in the folder that ``config.path`` names or, without one, in the public data."""
    views: tuple[str, ...]
    """Each a table: how the episodes are grouped."""
    rules: tuple[Pairing, ...]
    """Pairs of rules."""
    learned: tuple[Pairing, ...]
    """Pairs with LEARNED in the place of what is trained; searches improve the first of them, the best rules and what is tuned."""
    metrics: tuple[str, ...]
    """Of :class:`agents.evaluation.metrics.Metrics`, or OBJECTIVE; the first is the score. Less is better."""
    unit: str
    """Of the tables: what the score is, or what it exceeds."""
    searches: tuple[Search, ...] = (Search(samples=128), Search(choices=3))
    """What is searched where nothing else is asked for."""
    tuned: tuple[Pairing, ...] = ()
    """Pairs that come with the repository and are neither rules nor trained networks."""
    others: Mapping[str, Callable[[Scenario, Episodes], Results]] = field(default_factory=dict)
    """What plays episodes in its own way and is no pair of policies, by name: every schedule checked as well."""
    tables: Callable[[list[Contest], list[Standing]], list[Sheet]] | None = None
    """The suite's own, behind those of the frame."""
    published: tuple[Published, ...] = ()
    notes: tuple[str, ...] = ()
