"""Worlds in flight: a policy completes many episodes side by side, each from wherever another world stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.evaluation.play import Choose, Episodes
from agents.protocols import Negotiator, Scorer
from envs.engine.codes import Phase
from envs.scenario import Scenario
from envs.world import Outputs, World

NOTHING: Final = -1
"""Stands for an action that does not exist."""


class Plan(NamedTuple):
    """What is decided in one episode, or in its last rounds, and what the whole episode costs by it."""

    cost: float
    picks: NDArray[np.int32]
    """[rounds, A]."""
    bids: NDArray[np.float64]
    """[rounds, A]."""
    choices: NDArray[np.int32]
    """[rounds, A, m] the likeliest actions of each prioritizer that was asked, the likeliest first; NOTHING behind the last."""


class Landed(NamedTuple):
    """A completion that has reached its end."""

    tag: Any
    """What it was launched with."""
    plan: Plan
    """From its first round in flight on."""


class _Round(NamedTuple):
    """What was decided in one round in all B worlds."""

    picks: NDArray[np.int32]
    """[B, A]."""
    bids: NDArray[np.float64]
    """[B, A]."""
    choices: NDArray[np.int32]
    """[B, A, m]."""


class Flight:
    """Worlds of which the first ``held`` move one by one, as told, and the others, the slots, complete what was launched in them.

    Held world h stands at the start of episode ``h mod E``.
    """

    def __init__(
        self,
        scenario: Scenario,
        episodes: Episodes,
        prioritizer: Scorer,
        negotiator: Negotiator,
        *,
        held: int,
        slots: int,
        width: int,
        seed: int,
        temperature: float,
    ) -> None:
        """Make the worlds; ``width`` is m of ``Plan.choices``, ``seed`` and ``temperature`` those of sampled completions."""
        self._world = World(scenario, held + slots, instances=episodes.instances, auto_reset=False)
        self._prioritizer, self._negotiator = prioritizer, negotiator
        self._width = width
        self._temperature = temperature
        self._random = np.random.default_rng(seed)
        entry = np.arange(held + slots) % len(episodes.seeds)
        self._world.schedule(episodes.seeds[entry], episodes.instance[entry])
        out = self._world.reset()
        self._cost = out.team_cost.copy()
        self._picks = np.zeros(out.acting.shape, np.int32)
        self._bids = np.zeros(out.acting.shape, np.float64)
        self._slots = range(held, held + slots)
        self._tags: list[Any] = [None] * (held + slots)
        self._flying, self._sampled = np.zeros((2, held + slots), np.bool_)
        self._born = np.zeros(held + slots, np.int64)
        self._history: list[_Round] = []
        self._round = 0
        self.decisions = 0
        """Choices that seats made in flight."""
        out.phase[held:] = Phase.OVER

    @property
    def room(self) -> int:
        """Free slots."""
        return len(self._slots) - int(self._flying.sum())

    def launch(
        self, source: int, tag: Any, *, first: tuple[NDArray[np.int32], NDArray[np.float64]] | None = None, sampled: bool = False
    ) -> None:
        """Complete the episode of a held world in a free slot, from where it stands or from behind a ``first`` round [A], [A]."""
        slot = next(b for b in self._slots if not self._flying[b])
        self.fork(source, slot)
        self._tags[slot], self._flying[slot], self._sampled[slot], self._born[slot] = tag, True, sampled, self._round
        if first is not None:
            self.move(slot, *first)

    def fork(self, source: int, onto: int) -> None:
        """Have a world go on from where another one stands."""
        self._world.fork(np.array([source]), np.array([onto]))
        self._cost[onto] = self._cost[source]

    def move(self, b: int, picks: NDArray[np.int32], bids: NDArray[np.float64]) -> None:
        """Play one round [A], [A] in one world."""
        self._picks[b], self._bids[b] = picks, bids
        self._cost[b] += self._world.step(self._picks, self._bids, range(b, b + 1)).team_cost[b]

    def cancel(self, owner: object) -> None:
        """Give up the completions whose tags start with ``owner``."""
        for b in self._slots:
            if self._flying[b] and self._tags[b][0] is owner:
                self._world.out.phase[b] = Phase.OVER
                self._flying[b] = False

    def step(self) -> list[Landed]:
        """Play one round in every slot and return what has reached its end."""
        self._decide()
        out = self._world.step(self._picks, self._bids, self._slots)
        self._round += 1
        self._cost[self._slots] += out.team_cost[self._slots]
        landed = []
        for b in np.flatnonzero(self._flying & (out.phase == Phase.OVER)):
            landed.append(Landed(self._tags[b], self._plan(int(b))))
            self._flying[b] = False
        self._forget()
        return landed

    def _decide(self) -> None:
        """Write the actions of all seats that are asked, and remember them."""
        out = self._world.out
        mine = out.acting & self._flying[:, None]
        asked = mine & (out.phase == Phase.PRIORITISE)[:, None]
        choices = np.full((*asked.shape, self._width), NOTHING, np.int32)
        if asked.any():
            scores = self._prioritizer.scores(out.candidates[asked], out.context[asked], out.mask[asked])
            if self._width:
                choices[asked] = likeliest(scores, self._width)
            sampled = np.broadcast_to(self._sampled[:, None], asked.shape)[asked]
            scores[sampled] += self._temperature * self._random.gumbel(size=(int(sampled.sum()), scores.shape[1]))  # the Gumbel trick
            self._picks[asked] = scores.argmax(axis=1)
        bidding = mine & (out.phase == Phase.NEGOTIATE)[:, None]
        if bidding.any():
            self._bids[bidding] = self._negotiator.bid(out.negotiation[bidding])
        self.decisions += int(mine.sum())
        self._history.append(_Round(self._picks.copy(), self._bids.copy(), choices))

    def _plan(self, b: int) -> Plan:
        past = self._history[int(self._born[b]) - self._round :] if self._born[b] < self._round else []
        agents = self._world.num_agents
        picks = np.array([rows.picks[b] for rows in past], np.int32).reshape(-1, agents)
        bids = np.array([rows.bids[b] for rows in past], np.float64).reshape(-1, agents)
        choices = np.array([rows.choices[b] for rows in past], np.int32).reshape(len(past), agents, self._width)
        return Plan(float(self._cost[b]), picks, bids, choices)

    def _forget(self) -> None:
        """Drop the rounds that no completion in flight has seen."""
        oldest = int(self._born[self._flying].min()) if self._flying.any() else self._round
        del self._history[: len(self._history) - (self._round - oldest)]


def follow(plans: Sequence[Plan]) -> Callable[[World, int], Choose]:
    """Return what :func:`agents.evaluation.play_by` needs to play plans [E] of the same episodes."""

    def chooser(_: World, first: int) -> Choose:
        def choose(out: Outputs, picks: NDArray[np.int32], bids: NDArray[np.float64]) -> None:
            for b in np.flatnonzero(out.phase != Phase.OVER):
                followed, at = plans[first + int(out.entry[b])], int(out.steps[b])
                agents = followed.picks.shape[1]
                picks[b, :agents], bids[b, :agents] = followed.picks[at], followed.bids[at]

        return choose

    return chooser


def likeliest(scores: NDArray[np.float32], width: int) -> NDArray[np.int32]:
    """[N, width] the actions with the largest scores, in that order; NOTHING where fewer are legal."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :width].astype(np.int32)
    order[np.isneginf(np.take_along_axis(scores, order, axis=1))] = NOTHING
    if order.shape[1] < width:
        order = np.pad(order, ((0, 0), (0, width - order.shape[1])), constant_values=NOTHING)
    return order
