"""One round: picks, contest, commit; docs/world.md, section 5."""

from __future__ import annotations

import math
from collections.abc import Mapping

from envs.events import EventKind
from tests.reference.candidates import Choice, choice, reserve
from tests.reference.execution import start
from tests.reference.state import State


class Round:
    """The choices of all active agents, then their picks, then the contest about them."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.choices: dict[int, Choice] = {a: choice(state, a) for a, agent in enumerate(state.agents) if agent.active}
        self.acting = [a for a, own in self.choices.items() if len(own.legal()) >= 2 and not own.unasked]
        self.picks: dict[int, int] = {}
        """Task by agent, agents ascending."""
        self.passing: list[int] = []
        self.wanted: list[int] = []
        self.available: list[int] = []
        self.contested: list[int] = []
        self.participants: list[int] = []

    def is_open(self) -> bool:
        """Whether anybody could start anything; otherwise the epoch is over."""
        return any(own.startable or own.heads for own in self.choices.values())

    def pick(self, picked: Mapping[int, int | None]) -> None:
        """Take the picks of those who act (None: pass), add the moves of those who have one only, and see what is contested."""
        for a, own in self.choices.items():
            if not own.legal():
                continue
            task = picked[a] if a in picked else own.legal()[0]
            if task is None:
                self.passing.append(a)
            else:
                self.picks[a] = task
        self._contest()

    def _demand(self, a: int, r: int) -> int:
        return self.state.facts.tasks[self.picks[a]].demand[r]

    def _contest(self) -> None:
        state = self.state
        for r, shared in enumerate(state.facts.shared):
            demands = [self._demand(a, r) for a in self.picks]
            reserved = sum(state.facts.tasks[reservation.task].demand[r] for reservation in state.reservations)
            self.wanted.append(sum(demands))
            self.available.append(state.free_shared[r] - reserved)
            if shared and self.wanted[r] > self.available[r] and sum(demand > 0 for demand in demands) >= 2:
                self.contested.append(r)
        self.participants = [a for a in self.picks if any(self._demand(a, r) > 0 for r in self.contested)]

    def is_startable(self, a: int) -> bool:
        """Whether the pick of an agent is to start now."""
        return self.picks[a] in self.choices[a].startable

    def _estimate(self, a: int) -> float:
        return self.state.estimate(a, self.state.tasks[self.picks[a]])

    def _area(self, a: int) -> float:
        """What a pick takes of the shared resources: dominant share x mean tasks."""
        capacities = enumerate(self.state.facts.shared_capacity)
        share = max((self._demand(a, r) / capacity for r, capacity in capacities if capacity > 0), default=0.0)
        return share * (self._estimate(a) / self.state.scale)

    def _worth(self, a: int, bid: float) -> float:
        """A bid that the balance covers."""
        if self.state.scenario.negotiation.credits == 0:
            return bid
        area = self._area(a)
        return max(0.0, min(bid, self.state.agents[a].balance / area)) if area > 0 else max(0.0, bid)

    def commit(self, said: Mapping[int, float]) -> None:
        """Clear the round with the bids of the participants."""
        state = self.state
        bids = {a: self._worth(a, said[a]) if a in self.participants else -math.inf for a in self.picks}
        for a in self.participants:
            state.log_task(EventKind.RESOURCE_REQUEST, state.tasks[self.picks[a]], a, bids[a])
        if self.participants:
            state.price = 0.9 * state.price + 0.1 * max(bids[a] for a in self.participants)
        shares = [state.share(a) for a in range(state.num_agents)]
        winners = self._winners(bids)
        for a in self.passing:
            state.agents[a].active = False
        for a in sorted(winners, key=lambda a: (-bids[a], shares[a], a)):
            self._serve(a, bids[a])
        state.rounds += 1

    def _winners(self, bids: Mapping[int, float]) -> list[int]:
        """The agents whose pick nobody else gets."""

        def key(a: int) -> tuple[float, float, int]:
            return (-bids[a], self.state.now + self._estimate(a), a)

        return [
            a for a, t in self.picks.items() if a == min((b for b, other in self.picks.items() if other == t), key=key)
        ]

    def _serve(self, a: int, bid: float) -> None:
        state, task = self.state, self.state.tasks[self.picks[a]]
        if not self.is_startable(a):
            reserve(state, a, task)
            state.log_task(EventKind.RESERVATION, task, a, state.reservations[-1].expected_start)
        elif state.fits(a, task):
            paid = self._pay(a, bid)
            start(state, a, task, paid)

    def _pay(self, a: int, bid: float) -> float:
        """Charge a participant, and share out what it paid."""
        state = self.state
        if state.scenario.negotiation.credits == 0 or a not in self.participants:
            return 0.0
        paid = bid * self._area(a)
        state.agents[a].balance -= paid
        for agent in state.agents:
            agent.balance += paid / state.num_agents
        return paid
