"""Lookahead in one episode: at every decision the likeliest alternatives are completed by the policy, and the best plan is kept.

The pilot method (Duin and Voss 1999), or a rollout algorithm (Bertsekas, Tsitsiklis, Wu 1997), with an incumbent: it is followed
unless an alternative's completion costs less.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.compiled.completions import NOTHING
from agents.planning.completions import Flight, Landed, Plan


class Alternative(NamedTuple):
    """One seat's pick of one round of the incumbent, replaced."""

    pilot: Pilot
    """Whose it is."""
    number: int
    """Its place among the round's alternatives; of equally good ones the first is followed."""
    seat: int
    picks: NDArray[np.int32]
    """[A] of the round."""


class Pilot:
    """The lookahead of one episode; it holds a world of the flight, which stands at the episode's start."""

    def __init__(self, flight: Flight, root: int, incumbent: Plan) -> None:
        """Take the held world and a plan of the whole episode, whose ``choices`` say what is tried."""
        self._flight, self._root = flight, root
        self.incumbent = incumbent
        """The best plan so far."""
        self._base = 0
        """The round where the root stands: everything before it is settled."""
        self._changed: set[int] = set()
        """Seats whose picks of that round are no longer the first incumbent's; they are not tried again."""
        self._todo = self._alternatives()
        """What is still to be launched, the last first."""
        self._flying = 0
        self._better: tuple[Alternative, Plan] | None = None
        """The best alternative that beats the incumbent, and its completion."""

    @property
    def settled(self) -> bool:
        """Whether no alternative is left."""
        return self._base == len(self.incumbent.picks)

    def launch(self) -> bool:
        """Send the next alternative on its way; False where none is left until all have landed."""
        if not self._todo:
            return False
        alternative = self._todo.pop()
        first = alternative.picks, self.incumbent.bids[self._base]
        self._flight.launch(self._root, alternative, first=first, limit=self.incumbent.cost)
        self._flying += 1
        return True

    def land(self, landed: Landed) -> None:
        """Take the completion of an alternative."""
        self._flying -= 1
        best = (self.incumbent.cost, -1) if self._better is None else (self._better[1].cost, self._better[0].number)
        if (landed.plan.cost, landed.tag.number) < best:
            self._better = landed.tag, landed.plan

    def settle(self) -> None:
        """Follow the best alternative, or else go on along the incumbent, up to the next round with alternatives."""
        while not (self.settled or self._todo or self._flying):
            if self._better is not None:
                self._follow(*self._better)
                self._better = None
            else:
                self._flight.move(self._root, self.incumbent.picks[self._base], self.incumbent.bids[self._base])
                self._base += 1
                self._changed.clear()
            self._todo = self._alternatives()

    def _follow(self, alternative: Alternative, tail: Plan) -> None:
        """Take over a better plan; the root's round is looked at again, for the other seats."""
        old, at = self.incumbent, self._base
        self.incumbent = Plan(
            tail.cost,
            np.concatenate([old.picks[:at], alternative.picks[None], tail.picks]),
            np.concatenate([old.bids[: at + 1], tail.bids]),
            np.concatenate([old.choices[: at + 1], tail.choices]),
        )
        self._changed.add(alternative.seat)

    def _alternatives(self) -> list[Alternative]:
        """What is to be tried where the root stands, the likeliest actions last."""
        if self.settled:
            return []
        picks, choices = self.incumbent.picks[self._base], self.incumbent.choices[self._base]
        tried: list[Alternative] = []
        for ranked in choices.T:
            for seat in np.flatnonzero((ranked != NOTHING) & (ranked != picks)):
                if seat not in self._changed:
                    changed = picks.copy()
                    changed[seat] = ranked[seat]
                    tried.append(Alternative(self, len(tried), int(seat), changed))
        return tried[::-1]
