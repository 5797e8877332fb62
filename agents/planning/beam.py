"""Beam search in one episode: at every decision the likeliest alternatives of several plans are completed by the policy.

Simulation-guided beam search (Choo et al. 2022): a partial plan is worth what its completion costs, not how likely it is. Every plan
has been completed before it is expanded, and is the first of its own children: the best one is never lost. Many plans differ in
nothing that costs, and would crowd out all others: of those that cost the same, the others come behind the first of every cost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.compiled.completions import NOTHING
from agents.planning.completions import Flight, Landed, Plan


class Member(NamedTuple):
    """A plan of the whole episode; of its decisions, the first ones are settled."""

    world: int
    """The held world that stands before its round."""
    plan: Plan
    at: int
    """The round of the next decision; behind the last one: all are settled."""
    seat: int
    """The seat that decides next in that round; those below it have decided."""


class Alternative(NamedTuple):
    """Another pick for a member's next decision."""

    pilot: Beam
    """Whose it is."""
    number: int
    """Its place among all alternatives of the beam: of equally good ones the first is kept."""
    parent: Member
    picks: NDArray[np.int32]
    """[A] of the round."""


class Beam:
    """The beam of one episode; it holds a world of the flight for each of its plans, which stand at the episode's start."""

    def __init__(self, flight: Flight, worlds: Sequence[int], plans: Sequence[Plan]) -> None:
        """Take the held worlds, and plans of the whole episode to start from, the cheapest first; there may be fewer of them."""
        self._flight, self._worlds = flight, worlds
        self.incumbent = plans[0]
        """The best plan so far."""
        self._members = [self._next(Member(world, plan, 0, 0)) for world, plan in zip(worlds, plans, strict=False)]
        """At most as many as worlds, all with equally many decisions settled."""
        self._todo = self._alternatives()
        """What is still to be launched, the last first."""
        self._flying = 0
        self._landed: list[tuple[Alternative, Plan]] = []
        """Alternatives and their completions."""

    @property
    def settled(self) -> bool:
        """Whether no decision is left."""
        return not (self._todo or self._flying or self._landed)

    def launch(self) -> bool:
        """Send the next alternative on its way; False where none is left until all have landed."""
        if not self._todo:
            return False
        alternative = self._todo.pop()
        parent = alternative.parent
        self._flight.launch(parent.world, alternative, first=(alternative.picks, parent.plan.bids[parent.at]))
        self._flying += 1
        return True

    def land(self, landed: Landed) -> None:
        """Take the completion of an alternative."""
        self._flying -= 1
        self._landed.append((landed.tag, landed.plan))
        if landed.plan.cost < self.incumbent.cost:
            self.incumbent = _whole(landed.tag, landed.plan)

    def settle(self) -> None:
        """Keep the best plans and go on to their next decisions, once all alternatives have landed."""
        if self._landed and not self._todo and not self._flying:
            self._members = [self._next(member) for member in self._placed(self._best())]
            self._todo = self._alternatives()
            self._landed.clear()

    def _alternatives(self) -> list[Alternative]:
        """What is to be tried in the members' next decisions, the likeliest actions of the best members last."""
        tried: list[Alternative] = []
        for member in self._members:
            if member.at < len(member.plan.picks):
                for action in member.plan.choices[
                    member.at, member.seat, _untried(member.plan, member.at)[member.seat]
                ]:
                    picks = member.plan.picks[member.at].copy()
                    picks[member.seat] = action
                    tried.append(Alternative(self, len(tried), member, picks))
        return tried[::-1]

    def _best(self) -> list[Member]:
        """The children that are kept, still in the worlds of their parents."""
        children: list[tuple[Member, Alternative | None, Plan]] = [
            (member, None, member.plan) for member in self._members
        ]
        children += [
            (alternative.parent, alternative, tail)
            for alternative, tail in sorted(self._landed, key=lambda each: each[0].number)
        ]
        alike: Counter[float] = Counter()
        ranks = []
        for place, (_, _, plan) in enumerate(children):
            ranks.append((alike[plan.cost], plan.cost, place))
            alike[plan.cost] += 1
        best = []
        for *_, place in sorted(ranks)[: len(self._worlds)]:
            parent, alternative, plan = children[place]
            whole = plan if alternative is None else _whole(alternative, plan)
            best.append(parent._replace(plan=whole, seat=parent.seat + 1))
        return best

    def _placed(self, members: Iterable[Member]) -> list[Member]:
        """The members in a world each: the first of its parent's children stays there, the others take those that are free."""
        members = list(members)
        free = [world for world in self._worlds if all(world != member.world for member in members)]
        placed: dict[int, Member] = {}
        for member in members:
            world = free.pop() if member.world in placed else member.world
            if world != member.world:
                self._flight.fork(member.world, world)
            placed[world] = member._replace(world=world)
        return list(placed.values())

    def _next(self, member: Member) -> Member:
        """The member where it has to decide again, or at its end; its world moves on."""
        world, plan, at, seat = member
        while at < len(plan.picks):
            open_seats = np.flatnonzero(_untried(plan, at)[seat:].any(axis=1))
            if len(open_seats):
                return Member(world, plan, at, seat + int(open_seats[0]))
            self._flight.move(world, plan.picks[at], plan.bids[at])
            at, seat = at + 1, 0
        return Member(world, plan, at, seat)


def _untried(plan: Plan, at: int) -> NDArray[np.bool_]:
    """[A, m] which choices of a round are actions that the plan does not take."""
    choices = plan.choices[at]
    untried: NDArray[np.bool_] = (choices != NOTHING) & (choices != plan.picks[at, :, None])
    return untried


def _whole(alternative: Alternative, tail: Plan) -> Plan:
    """The plan that an alternative and its completion make."""
    (_, old, at, _), picks = alternative.parent, alternative.picks[None]
    return Plan(
        tail.cost,
        np.concatenate([old.picks[:at], picks, tail.picks]),
        np.concatenate([old.bids[: at + 1], tail.bids]),
        np.concatenate([old.choices[: at + 1], tail.choices]),
    )
