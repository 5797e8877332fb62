"""What plays a role: the small protocols that rules, trained networks and partners in one-role views share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from envs.engine.codes import Phase
from envs.scenario import Scenario
from envs.world import Outputs, World

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


class FirstLegal:
    """The prioritizer that takes whatever is shown first."""

    def pick(self, candidates: Observation, context: Observation, mask: Mask) -> NDArray[np.int32]:
        """Return each seat's first legal action."""
        first: NDArray[np.int32] = mask.argmax(axis=1).astype(np.int32)
        return first


class EqualBids:
    """The negotiator that leaves it to the world's order of equal bids."""

    def bid(self, observation: Observation) -> NDArray[np.float64]:
        """Return 0 for everybody."""
        return np.zeros(len(observation))


PHASES: Final = {"prioritizer": Phase.PRIORITISE, "negotiator": Phase.NEGOTIATE}
"""The roles by name, and when they are asked."""


class Partner:
    """The policy that plays the other role in views of one role."""

    def __init__(self, role: str, other: Prioritizer | Negotiator | None = None) -> None:
        """Let ``other`` play the role that is not ``role``; by default ``EqualBids`` or ``FirstLegal``.

        Raises:
            ValueError: there is no such role.
            TypeError: ``other`` cannot play the other one.
        """
        if role not in PHASES:
            raise ValueError(f"role is {role!r}, must be {' or '.join(PHASES)}")
        self.phase: Phase = PHASES[role]
        self._prioritizer: Prioritizer | None = None
        self._negotiator: Negotiator | None = None
        if role == "prioritizer":
            self._negotiator = EqualBids() if other is None else other  # type: ignore[assignment]  # checked below
        else:
            self._prioritizer = FirstLegal() if other is None else other  # type: ignore[assignment]
        if not (isinstance(self._prioritizer, Prioritizer) or isinstance(self._negotiator, Negotiator)):
            how = "bid" if role == "prioritizer" else "pick"
            raise TypeError(
                f"other is a {type(other).__name__}, must be able to play beside a {role}: to {how}(), see envs.players"
            )

    def rules(self, scenario: Scenario) -> Scenario:
        """Return the scenario as it is played with this partner, see :func:`rules_of_play`."""
        return scenario if self._prioritizer is None else rules_of_play(scenario, self._prioritizer)

    def rounds(self, world: World, picks: NDArray[np.int32], bids: NDArray[np.float64]) -> Iterator[Outputs]:
        """Play a world of one until the role is asked or the episode is over, yielding what every round said.

        Args:
            world: World(scenario, 1, auto_reset=False).
            picks: [1, A], written where prioritizers are asked.
            bids: [1, A], written where negotiators are.
        """
        out = world.out
        while out.phase[0] not in (self.phase, Phase.OVER):
            asked = out.acting[0]
            if self._prioritizer is not None:
                picks[0, asked] = self._prioritizer.pick(
                    out.candidates[0, asked], out.context[0, asked], out.mask[0, asked]
                )
            elif self._negotiator is not None:
                bids[0, asked] = self._negotiator.bid(out.negotiation[0, asked])
            yield world.step(picks, bids)
