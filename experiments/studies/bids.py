"""Bids that are changed on their way: rounded to levels, cut into levels, or raised by one agent that wants to be served first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.evaluation.play import Choose, Episodes, decide, play
from agents.protocols import Negotiator, Observation, Prioritizer
from agents.rules.levels import Cut, borders
from envs.engine.codes import Phase
from envs.scenario import Scenario
from envs.world import Outputs, World

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rounded:
    """A learned negotiator that is held to the levels that it was trained with."""

    negotiator: Negotiator

    def bid(self, observation: Observation) -> Floats:
        """Return [N] whole bids."""
        return np.rint(self.negotiator.bid(observation))


@dataclass
class _Overheard:
    """A negotiator whose bids are written down."""

    negotiator: Negotiator
    bids: list[Floats] = field(default_factory=list)

    def bid(self, observation: Observation) -> Floats:
        bids = self.negotiator.bid(observation)
        self.bids.append(bids)
        return bids


def overhear(negotiator: Negotiator, prioritizer: Prioritizer, scenario: Scenario, episodes: Episodes) -> Floats:
    """Return every bid [N] that is made in some episodes, which should not be those that are scored."""
    overheard = _Overheard(negotiator)
    play(scenario, episodes, prioritizer, overheard)
    return np.concatenate(overheard.bids)


def cut(negotiator: Negotiator, bids: Floats, levels: int) -> Cut:
    """Return the negotiator with ``levels`` levels that are equally common among ``bids`` [N]."""
    return Cut(negotiator, borders(bids, levels))


TOP: Final = 15.0
"""The highest of 16 levels."""


def deviator(episode: int, agents: int) -> int:
    """The agent that bids for itself in an episode: each in turn."""
    return episode % agents


def with_deviator(prioritizer: Prioritizer, negotiator: Negotiator, world: World, first: int) -> Choose:
    """Decide as two policies do, but that in every episode one agent, whatever its pick is worth, bids the top level."""
    worlds = np.arange(world.num_worlds)
    agents = np.array([deviator(first + int(b), world.num_agents) for b in worlds])

    def choose(out: Outputs, picks: NDArray[np.int32], bids: Floats) -> None:
        decide(out, prioritizer, negotiator, picks, bids)
        bidding = out.acting[worlds, agents] & (out.phase == Phase.NEGOTIATE)
        bids[worlds[bidding], agents[bidding]] = TOP

    return choose
