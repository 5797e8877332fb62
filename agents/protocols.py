"""Who decides: the small protocols that rules and trained networks share."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Observation = NDArray[np.float32]
Mask = NDArray[np.bool_]


@runtime_checkable
class Prioritizer(Protocol):
    """Picks one candidate per seat. N seats are asked at once; each has at least two legal actions."""

    def pick(self, candidates: Observation, context: Observation, mask: Mask) -> NDArray[np.int32]:
        """Return [N] actions in 0..K from candidates [N, K, NUM_CANDIDATE], context [N, NUM_CONTEXT], mask [N, K+1]."""


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


@runtime_checkable
class Negotiator(Protocol):
    """Bids for one pick per seat. N seats are asked at once."""

    def bid(self, observation: Observation) -> NDArray[np.float64]:
        """Return [N] real bids, the highest is served first, from observation [N, NUM_NEGOTIATION]."""
