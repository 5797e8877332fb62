"""Who decides: the small protocols that rules and trained networks share."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from envs.scenario import Scenario

Observation = NDArray[np.float32]
Mask = NDArray[np.bool_]


@runtime_checkable
class Prioritizer(Protocol):
    """Picks one candidate per seat. N seats are asked at once; each has at least two legal actions.

    One that never reserves says so by an attribute ``reserving`` that is False: see :func:`rules_of_play`.
    """

    def pick(self, candidates: Observation, context: Observation, mask: Mask) -> NDArray[np.int32]:
        """Return [N] actions in 0..K from candidates [N, K, NUM_CANDIDATE], context [N, NUM_CONTEXT], mask [N, K+1]."""


@runtime_checkable
class Scorer(Prioritizer, Protocol):
    """A prioritizer that says how likely it is to take each action: what search at decision time needs."""

    def scores(self, candidates: Observation, context: Observation, mask: Mask) -> Observation:
        """Return [N, K+1] log-probabilities of the actions of N seats, -inf where an action is illegal; ``pick`` takes the largest."""


@runtime_checkable
class Negotiator(Protocol):
    """Bids for one pick per seat. N seats are asked at once."""

    def bid(self, observation: Observation) -> NDArray[np.float64]:
        """Return [N] real bids, the highest is served first, from observation [N, NUM_NEGOTIATION]."""


def rules_of_play(scenario: Scenario, prioritizer: Prioritizer) -> Scenario:
    """Return the scenario as a prioritizer plays it: one that never reserves plays without reservations.

    Else the world would have it reserve where it has nothing else to do, and would reserve in its place where that is its only move.
    Where agents may pass, it passes instead; and a queue that blocks has its heads reserved, whoever chooses them: both stay as they
    are. Draws are the same.
    """
    needs_none = not getattr(prioritizer, "reserving", True)
    if not needs_none or scenario.allow_pass or scenario.reservations.blocking:
        return scenario
    return replace(scenario, reservations=replace(scenario.reservations, allowed=False))


class Decider(Protocol):
    """A policy of one role, compiled: see :mod:`agents.compiled`."""

    function: int
    """Address of what the engine calls, see ``envs.engine.compiled.decide``."""

    @property
    def mind(self) -> int | NDArray[np.int64]:
        """Address of what that knows, or one for each of B worlds; it lives as long as the decider."""

    def scratch(self, room: int) -> int:
        """Return how many float32 numbers of scratch it needs for ``room`` candidates, or for as many agents."""


@runtime_checkable
class CompiledPrioritizer(Prioritizer, Protocol):
    """One that the engine can ask without coming back to Python."""

    def compile_picks(self) -> Decider:
        """Return the same policy, compiled, as it is now."""


@runtime_checkable
class CompiledNegotiator(Negotiator, Protocol):
    """One that the engine can ask without coming back to Python."""

    def compile_bids(self) -> Decider:
        """Return the same policy, compiled, as it is now."""
