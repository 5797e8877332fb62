"""Negotiation by formula: each rule turns what a negotiator sees [N, NUM_NEGOTIATION] into bids, float64 [N].

The highest bid is served first; ties go to the smallest dominant share, then to the lowest agent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.protocols import Observation
from agents.rules.registry import lookup, register, seen_hash, uniform
from envs.columns import NUM_CANDIDATE, Candidate, Context

Bids = NDArray[np.float64]
Bid = Callable[[Observation], Bids]

NEGOTIATORS: Final[dict[str, Bid]] = {}
rule = register(NEGOTIATORS)


@rule
def random(observation: Observation, seed: int = 0) -> Bids:
    """Any order, evenly: a hash of the seed and of what the seat sees."""
    return uniform(seen_hash(seed, observation))


@rule
def equal(observation: Observation) -> Bids:
    """Equal share: 1 / A - (dominant share held + share that the pick demands): max-min fairness (Bertsekas, Gallager 1992).

    First comes who would stay furthest below its equal share of the resources.
    """
    agents = np.expm1(_context(observation, Context.AGENTS))
    return (
        1.0 / np.maximum(agents, 1.0)
        - _context(observation, Context.OWN_SHARE)
        - _pick(observation, Candidate.SHARED_DEMAND)
    )


@rule
def fcfs(observation: Observation) -> Bids:
    """First come, first served: the pick that has been ready for longest (Conway, Maxwell, Miller 1967)."""
    return _pick(observation, Candidate.AGE_READY)


@rule
def drf(observation: Observation) -> Bids:
    """Dominant resource fairness: the smallest dominant share held comes first (Ghodsi et al. 2011)."""
    return 1.0 - _context(observation, Context.OWN_SHARE)


@rule
def urgency(observation: Observation) -> Bids:
    """Logarithm of weight over work left in the pick's job: WSRPT across agents (Schrage and Miller 1966, weighted)."""
    return _pick(observation, Candidate.WSRPT)


class RuleNegotiator:
    """A rule in the negotiator's place; see :class:`agents.protocols.Negotiator`."""

    def __init__(self, name: str, seed: int = 0) -> None:
        """Take the rule called ``name``; only ``random`` reads the seed. Raises RuleError where there is no such rule."""
        bid = lookup("negotiator", name, NEGOTIATORS)
        self._bid: Bid = bid if bid is not random else lambda observation: random(observation, seed)

    def bid(self, observation: Observation) -> Bids:
        """Return [N] real bids."""
        return self._bid(observation)


def negotiator(name: str, seed: int = 0) -> RuleNegotiator:
    """Return the rule called ``name``: ``drf``.

    Raises:
        RuleError: where there is no such rule.
    """
    return RuleNegotiator(name, seed)


def _pick(observation: Observation, name: Candidate) -> Bids:
    return observation[:, name].astype(np.float64)


def _context(observation: Observation, name: Context) -> Bids:
    return observation[:, NUM_CANDIDATE + name].astype(np.float64)
