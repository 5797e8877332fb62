"""Worlds that play on under a policy: compiled where the policy is, and asked from Python, all worlds at once, where it is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agents.protocols import CompiledNegotiator, CompiledPrioritizer, Decider, Negotiator, Prioritizer
from envs.engine.codes import Phase
from envs.engine.layout import COMPLETION
from envs.world import Outputs, World

Choose = Callable[[Outputs, NDArray[np.int32], NDArray[np.float64]], None]
"""Writes the decisions of all acting seats into picks and bids [B, A]."""
Decided = tuple[NDArray[np.int32], NDArray[np.float64]]
"""Picks and bids [rounds, A]."""
FOREVER: Final = np.iinfo(np.int64).max
NOTHING: Final = -1
"""Stands for an action that does not exist."""


def decide(
    out: Outputs, prioritizer: Prioritizer, negotiator: Negotiator, picks: NDArray[np.int32], bids: NDArray[np.float64]
) -> None:
    """Write the decisions of all acting seats into ``picks`` [B, A] and ``bids`` [B, A]; each role is asked once."""
    asked = _seats(out, Phase.PRIORITISE)
    if asked.any():
        picks[asked] = prioritizer.pick(out.candidates[asked], out.context[asked], out.mask[asked])
    asked = _seats(out, Phase.NEGOTIATE)
    if asked.any():
        bids[asked] = negotiator.bid(out.negotiation[asked])


class Completions:
    """A completion in each of B worlds: how they play on, and what comes of it."""

    def __init__(
        self,
        world: World,
        choose: Choose,
        prioritizer: Decider | None = None,
        negotiator: Decider | None = None,
        *,
        kept: int = 0,
        noted: int = 0,
    ) -> None:
        """Have compiled deciders play ``world``; ``choose`` decides for roles without one.

        Decisions are kept where there is room for ``kept`` rounds at the start, with the ``noted`` likeliest actions of each seat.
        """
        self._world, self._choose = world, choose
        count, agents = world.out.acting.shape
        self.records = np.zeros(count, COMPLETION)
        """[B] COMPLETION."""
        self.picks = np.zeros((count, max(kept, 1), agents), np.int32)
        """[B, rounds, A]; one round where nothing is kept."""
        self.bids = np.zeros(self.picks.shape)
        self.choices = np.full((*self.picks.shape, noted), NOTHING, np.int32)
        """[B, rounds, A, noted] the likeliest actions of each prioritizer that was asked, the likeliest first; NOTHING behind the last."""
        self.own = np.zeros((count, agents))
        """[B, A] what the agents have paid."""
        self._given = np.zeros(count, np.int64)
        self._deciders = prioritizer, negotiator
        size = [0]
        for role, decider in (("prioritizer", prioritizer), ("negotiator", negotiator)):
            if decider is not None:
                self.records[role], self.records[f"{role}_mind"] = decider.function, decider.mind
                size.append(decider.scratch(max(world.candidates, agents)))
        self._scratch = np.zeros((count, max(size)), np.float32)
        for name, array in (("own", self.own), ("scratch", self._scratch), ("choices", self.choices)):
            self.records[name] = _rows_of(array)
        self.records["noted"], self.records["limit"], self.records["rounds"] = noted, np.inf, kept or FOREVER

    @classmethod
    def by(cls, world: World, prioritizer: Prioritizer, negotiator: Negotiator) -> Completions:
        """Have two policies play, compiled where they can be."""
        return cls(
            world,
            lambda out, picks, bids: decide(out, prioritizer, negotiator, picks, bids),
            *compiled(prioritizer, negotiator),
        )

    @classmethod
    def of(cls, world: World, decided: Sequence[Decided]) -> Completions:
        """Have the first worlds play what was decided beforehand, from a reset on: picks and bids [rounds, A] of each to its end."""
        longest = max((len(picks) for picks, _ in decided), default=0)
        made = cls(world, _lost, kept=longest + 1)
        for b, (picks, bids) in enumerate(decided):
            made._given[b] = len(picks)
            made.picks[b, : len(picks), : picks.shape[1]], made.bids[b, : len(bids), : bids.shape[1]] = picks, bids
        return made

    def start(self, worlds: Any, cost: Any, given: Any = None) -> None:
        """Start completions in some worlds, where the team has paid ``cost``; the first ``given`` rounds are decided already."""
        given = self._given[worlds] if given is None else given
        for name, value in (("at", 0), ("decisions", 0), ("given", given), ("cost", cost)):
            self.records[name][worlds] = value

    def play_on(self, worlds: range) -> None:
        """Play some worlds to their ends or to their limits."""
        chosen = slice(worlds.start, worlds.stop)
        records = self.records[chosen]
        while True:
            count, _, agents = self.picks.shape
            out = self._world.play_on(
                self.records, self.picks.reshape(-1, agents), self.bids.reshape(-1, agents), worlds
            )
            waiting = np.zeros(count, np.bool_)
            waiting[chosen] = (out.phase[chosen] != Phase.OVER) & (records["cost"] < records["limit"])
            if not waiting.any():
                return
            if (full := waiting[chosen] & (records["at"] == records["rounds"])).any():
                self._make_room()
                waiting[chosen] &= ~full
            self._ask(out, waiting)

    def _ask(self, out: Outputs, waiting: NDArray[np.bool_]) -> None:
        """Have the decisions written that worlds wait for."""
        if not waiting.any():
            return
        worlds = np.arange(len(waiting))
        at = self.records["at"] % self.picks.shape[1]
        picks, bids = self.picks[worlds, at], self.bids[worlds, at]
        self._choose(out._replace(acting=out.acting & waiting[:, None]), picks, bids)
        self.picks[waiting, at[waiting]], self.bids[waiting, at[waiting]] = picks[waiting], bids[waiting]
        self.records["given"][waiting] = self.records["at"][waiting] + 1

    def _make_room(self) -> None:
        """Double the rounds that are kept."""
        for name in ("picks", "bids", "choices"):
            array = getattr(self, name)
            setattr(self, name, np.concatenate([array, np.full_like(array, NOTHING)], axis=1))
        self.records["choices"], self.records["rounds"] = _rows_of(self.choices), self.picks.shape[1]


def compiled(prioritizer: Prioritizer, negotiator: Negotiator) -> tuple[Decider | None, Decider | None]:
    """Return two policies compiled, or None where one is not to be compiled."""
    return (
        prioritizer.compile_picks() if isinstance(prioritizer, CompiledPrioritizer) else None,
        negotiator.compile_bids() if isinstance(negotiator, CompiledNegotiator) else None,
    )


def _lost(out: Outputs, picks: NDArray[np.int32], bids: NDArray[np.float64]) -> None:
    raise ValueError("what was decided beforehand ends before its episode does")


def _seats(out: Outputs, phase: Phase) -> NDArray[np.bool_]:
    seats: NDArray[np.bool_] = out.acting & (out.phase == phase)[:, None]
    return seats


def _rows_of(array: NDArray[Any]) -> NDArray[np.int64]:
    """[B] the addresses of rows."""
    return array.ctypes.data + np.arange(len(array)) * array.strides[0]
