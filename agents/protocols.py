"""Who decides: the small protocols that rules and trained networks share."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from envs.players import Mask, Negotiator, Observation, Prioritizer, rules_of_play

__all__ = [
    "CompiledNegotiator",
    "CompiledPrioritizer",
    "Decider",
    "Mask",
    "Negotiator",
    "Observation",
    "Prioritizer",
    "Ranker",
    "Scorer",
    "rules_of_play",
]


@runtime_checkable
class Scorer(Prioritizer, Protocol):
    """A prioritizer that says how likely it is to take each action: what search at decision time needs."""

    def scores(self, candidates: Observation, context: Observation, mask: Mask) -> Observation:
        """Return [N, K+1] log-probabilities of the actions of N seats, -inf where an action is illegal; ``pick`` takes the largest."""


@runtime_checkable
class Ranker(Prioritizer, Protocol):
    """A prioritizer that says what it ranks candidates by, in units of its own."""

    def values(self, candidates: Observation, context: Observation) -> NDArray[np.float64]:
        """Return [N, K], the highest first; of absent candidates they mean nothing."""


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
