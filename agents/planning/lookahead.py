"""Lookahead in one episode: at every decision the likeliest alternatives are completed by the policy, and the best plan is kept.

The pilot method (Duin and Voss 1999), or a rollout algorithm (Bertsekas, Tsitsiklis, Wu 1997), with an incumbent: it is followed
unless an alternative's completion costs less. Alternatives of later decisions on the incumbent's path are launched before
earlier ones have landed: their worth depends on the path alone. A better plan that is found earlier makes them void.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.planning.completions import NOTHING, Flight, Landed, Plan


class Alternative(NamedTuple):
    """One seat's pick of one round of the incumbent, replaced."""

    pilot: Pilot
    """Whose it is."""
    at: int
    """The round."""
    number: int
    """Its place among the round's alternatives; of equally good ones the first is followed."""
    seat: int
    picks: NDArray[np.int32]
    """[A] of the round."""


class Pilot:
    """The lookahead of one episode; it holds two worlds of the flight, which stand at the episode's start."""

    def __init__(self, flight: Flight, root: int, leader: int, incumbent: Plan) -> None:
        """Take the held worlds and a plan of the whole episode, whose ``choices`` say what is tried."""
        self._flight, self._root, self._leader = flight, root, leader
        self.incumbent = incumbent
        """The best plan so far."""
        self._base = 0
        """The round where the root stands: everything before it is settled."""
        self._head = 0
        """The round where the leader stands."""
        self._changed: set[int] = set()
        """Seats whose picks of the root's round are no longer the first incumbent's; they are not tried again."""
        self._todo = self._alternatives()
        """What is still to be launched from the leader's round, the last first."""
        self._flying: dict[int, int] = {}
        """Round -> alternatives of it that are in flight."""
        self._better: dict[int, tuple[Alternative, Plan]] = {}
        """Round -> the best alternative of it that beats the incumbent, and its completion."""

    @property
    def settled(self) -> bool:
        """Whether no alternative is left."""
        return self._base == len(self.incumbent.picks)

    def launch(self) -> bool:
        """Send the next alternative on its way; False where none is left on the incumbent's path."""
        while not self._todo:
            if self._head + 1 >= len(self.incumbent.picks):
                return False
            self._flight.move(self._leader, self.incumbent.picks[self._head], self.incumbent.bids[self._head])
            self._head += 1
            self._todo = self._alternatives()
        alternative = self._todo.pop()
        self._flight.launch(self._leader, alternative, first=(alternative.picks, self.incumbent.bids[self._head]))
        self._flying[self._head] = self._flying.get(self._head, 0) + 1
        return True

    def land(self, landed: Landed) -> None:
        """Take the completion of an alternative."""
        alternative: Alternative = landed.tag
        at, cost = alternative.at, landed.plan.cost
        self._flying[at] -= 1
        if at not in self._better:
            if cost < self.incumbent.cost:
                self._better[at] = alternative, landed.plan
        elif (cost, alternative.number) < (self._better[at][1].cost, self._better[at][0].number):
            self._better[at] = alternative, landed.plan

    def settle(self) -> None:
        """Move the root up to the first round with an alternative that has not landed; a better plan found on the way is followed."""
        while not self.settled and self._launched(self._base) and not self._flying.get(self._base):
            if self._base in self._better:
                self._follow(*self._better[self._base])
                return
            self._flight.move(self._root, self.incumbent.picks[self._base], self.incumbent.bids[self._base])
            self._base += 1
            self._changed.clear()

    def _launched(self, at: int) -> bool:
        """Whether no alternative of a round is still to be launched."""
        return at < self._head or (at == self._head and not self._todo)

    def _follow(self, alternative: Alternative, tail: Plan) -> None:
        """Take over a better plan; the root's round is looked at again, for the other seats."""
        old, at = self.incumbent, self._base
        self.incumbent = Plan(
            tail.cost,
            np.concatenate([old.picks[:at], alternative.picks[None], tail.picks]),
            np.concatenate([old.bids[: at + 1], tail.bids]),
            np.concatenate([old.choices[: at + 1], tail.choices]),
        )
        self._flight.cancel(self)
        self._flight.fork(self._root, self._leader)
        self._head = at
        self._changed.add(alternative.seat)
        self._todo = self._alternatives()
        self._flying.clear()
        self._better.clear()

    def _alternatives(self) -> list[Alternative]:
        """What is to be tried where the leader stands, the likeliest actions last."""
        picks, choices = self.incumbent.picks[self._head], self.incumbent.choices[self._head]
        fixed = self._changed if self._head == self._base else ()
        tried: list[Alternative] = []
        for ranked in choices.T:
            for seat in np.flatnonzero((ranked != NOTHING) & (ranked != picks)):
                if seat not in fixed:
                    changed = picks.copy()
                    changed[seat] = ranked[seat]
                    tried.append(Alternative(self, self._head, len(tried), int(seat), changed))
        return tried[::-1]
