"""Worlds that play on under a policy: compiled where the policy is, and asked from Python, all worlds at once, where it is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agents.policy import CompiledNegotiator, CompiledPrioritizer, Decider, Negotiator, Prioritizer
from envs.engine.codes import Phase
from envs.engine.layout import COMPLETION
from envs.world import Outputs, World

Choose = Callable[[Outputs, NDArray[np.int32], NDArray[np.float64]], None]
"""Writes the decisions of all acting seats into picks and bids [B, A]."""
FOREVER: Final = np.iinfo(np.int64).max


def decide(out: Outputs, prioritizer: Prioritizer, negotiator: Negotiator, picks: NDArray[np.int32], bids: NDArray[np.float64]) -> None:
    """Write the decisions of all acting seats into ``picks`` [B, A] and ``bids`` [B, A]; each role is asked once."""
    asked = _seats(out, Phase.PRIORITISE)
    if asked.any():
        picks[asked] = prioritizer.pick(out.candidates[asked], out.context[asked], out.mask[asked])
    asked = _seats(out, Phase.NEGOTIATE)
    if asked.any():
        bids[asked] = negotiator.bid(out.negotiation[asked])


class Completions:
    """A completion in each of B worlds."""

    def __init__(self, world: World, choose: Choose, prioritizer: Decider | None = None, negotiator: Decider | None = None) -> None:
        """Have compiled deciders play ``world``; ``choose`` decides for roles without one."""
        self._world, self._choose = world, choose
        count, agents = world.out.acting.shape
        self.records = np.zeros(count, COMPLETION)
        """[B] COMPLETION."""
        self.picks, self.bids = np.zeros((count, agents), np.int32), np.zeros((count, agents))
        self.own = np.zeros((count, agents))
        """[B, A] what the agents have paid."""
        self._deciders = prioritizer, negotiator
        self.records["own"] = _rows_of(self.own)
        size = [0]
        for role, decider in (("prioritizer", prioritizer), ("negotiator", negotiator)):
            if decider is not None:
                self.records[role], self.records[f"{role}_mind"] = decider.function, decider.mind
                size.append(decider.scratch(max(world.candidates, agents)))
        self._scratch = np.zeros((count, max(size)), np.float32)
        self.records["scratch"] = _rows_of(self._scratch)
        self.records["limit"], self.records["rounds"] = np.inf, FOREVER

    @classmethod
    def by(cls, world: World, prioritizer: Prioritizer, negotiator: Negotiator) -> Completions:
        """Have two policies play, compiled where they can be."""
        return cls(
            world,
            lambda out, picks, bids: decide(out, prioritizer, negotiator, picks, bids),
            prioritizer.compile_picks() if isinstance(prioritizer, CompiledPrioritizer) else None,
            negotiator.compile_bids() if isinstance(negotiator, CompiledNegotiator) else None,
        )

    def run(self, count: int) -> None:
        """Play the first ``count`` worlds to their ends, from where they stand after a reset."""
        out, worlds = self._world.out, range(count)
        self.records["at"] = self.records["given"] = self.records["decisions"] = 0
        self.records["cost"], self.own[:] = out.team_cost, out.own_cost
        while True:
            out = self._world.play_on(self.records, self.picks, self.bids, worlds)
            if (out.phase[:count] == Phase.OVER).all():
                return
            self._choose(out, self.picks, self.bids)
            self.records["given"] = self.records["at"] + 1


def _seats(out: Outputs, phase: Phase) -> NDArray[np.bool_]:
    seats: NDArray[np.bool_] = out.acting & (out.phase == phase)[:, None]
    return seats


def _rows_of(array: NDArray[Any]) -> NDArray[np.int64]:
    """[B] the addresses of rows."""
    return array.ctypes.data + np.arange(len(array)) * array.strides[0]
