"""Worlds in flight: a policy completes many episodes side by side, each from wherever another world stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.compiled.completions import NOTHING, Completions, compiled
from agents.evaluation.play import Episodes
from agents.noise import GUMBEL, noise
from agents.protocols import Negotiator, Scorer
from envs.engine import draws
from envs.engine.codes import Phase
from envs.scenario import Scenario
from envs.world import Outputs, World

ROUNDS: Final = 256
"""For which there is room at first."""


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


class _Launched(NamedTuple):
    """A completion that has not begun."""

    source: int
    """The held world that it goes on from."""
    tag: Any
    first: tuple[NDArray[np.int32], NDArray[np.float64]] | None
    """Picks and bids [A] of its first round."""
    key: int
    """What a sampled one draws by; NOTHING: it is the policy's own."""
    limit: float
    """It is given up when it costs so much."""


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
        self._seed, self._temperature = seed, temperature
        entry = np.arange(held + slots) % len(episodes.seeds)
        self._world.schedule(episodes.seeds[entry], episodes.instance[entry])
        out = self._world.reset()
        self._cost = out.team_cost[:held].copy()
        self._picks = np.zeros(out.acting.shape, np.int32)
        self._bids = np.zeros(out.acting.shape, np.float64)
        self._held, self._slots = held, slots
        deciders = compiled(prioritizer, negotiator)
        self._completions = Completions(self._world, self._decide, *deciders, kept=ROUNDS, noted=width)
        self._launched: list[_Launched] = []
        self.decisions = 0
        """Choices that seats made in flight."""

    @property
    def room(self) -> int:
        """Free slots."""
        return self._slots - len(self._launched)

    def launch(
        self,
        source: int,
        tag: Any,
        *,
        first: tuple[NDArray[np.int32], NDArray[np.float64]] | None = None,
        key: int = NOTHING,
        limit: float = np.inf,
    ) -> None:
        """Have the episode of a held world completed in a free slot, from where it will stand at the next step.

        Args:
            source: the held world.
            tag: to know it by when it lands.
            first: picks and bids [A] of the first round.
            key: >= 0 draws the policy's picks, instead of taking the likeliest; equal keys draw the same.
            limit: what cannot cost less is given up.
        """
        self._launched.append(_Launched(source, tag, first, key, limit))

    def fork(self, source: int, onto: int) -> None:
        """Have a held world go on from where another one stands."""
        self._world.fork(np.array([source]), np.array([onto]))
        self._cost[onto] = self._cost[source]

    def move(self, b: int, picks: NDArray[np.int32], bids: NDArray[np.float64]) -> None:
        """Play one round [A], [A] in one held world."""
        self._picks[b], self._bids[b] = picks, bids
        self._cost[b] += self._world.step(self._picks, self._bids, range(b, b + 1)).team_cost[b]

    def step(self) -> list[Landed]:
        """Complete what was launched, in that order."""
        launched, self._launched = self._launched, []
        if not launched:
            return []
        slots = np.arange(self._held, self._held + len(launched))
        sources = np.array([each.source for each in launched])
        self._world.fork(sources, slots)
        flown, records = self._completions, self._completions.records
        flown.start(slots, self._cost[sources], np.array([each.first is not None for each in launched]))
        records["limit"][slots] = [each.limit for each in launched]
        keys = [draws.seed_of(np.uint64(self._seed), GUMBEL, max(each.key, 0)) for each in launched]
        records["key"][slots] = np.array(keys, np.uint64) ^ self._world.out.seed[slots]
        records["temperature"][slots] = [self._temperature if each.key >= 0 else 0.0 for each in launched]
        for slot, each in zip(slots, launched, strict=True):
            if each.first is not None:
                flown.picks[slot, 0], flown.bids[slot, 0] = each.first
        flown.play_on(range(slots[0], slots[-1] + 1))
        self.decisions += int(records["decisions"][slots].sum())
        return [
            Landed(each.tag, self._plan(int(slot), each.first is not None))
            for slot, each in zip(slots, launched, strict=True)
        ]

    def _decide(self, out: Outputs, picks: NDArray[np.int32], bids: NDArray[np.float64]) -> None:
        """Write the actions of the seats that are asked from Python, and the likeliest ones."""
        asked = out.acting & (out.phase == Phase.PRIORITISE)[:, None]
        choices = self._completions.choices
        at = self._completions.records["at"]
        world = np.flatnonzero(out.acting.any(axis=1))
        choices[world, at[world]] = NOTHING
        if asked.any():
            world, seat = np.nonzero(asked)
            scores = self._prioritizer.scores(out.candidates[asked], out.context[asked], out.mask[asked])
            choices[world, at[world], seat] = likeliest(scores, choices.shape[-1])
            temperature = self._completions.records["temperature"][world]
            if temperature.any():
                keys = self._completions.records["key"][world]
                scores += (temperature[:, None] * noise(keys, out.steps[world], seat, scores.shape[1])).astype(
                    np.float32
                )
            picks[asked] = scores.argmax(axis=1)
        bidding = out.acting & (out.phase == Phase.NEGOTIATE)[:, None]
        if bidding.any():
            bids[bidding] = self._negotiator.bid(out.negotiation[bidding])

    def _plan(self, b: int, first: int) -> Plan:
        """What was decided behind the first round."""
        record, flown = self._completions.records[b], self._completions
        rounds = slice(first, int(record["at"]))
        return Plan(
            float(record["cost"]),
            flown.picks[b, rounds].copy(),
            flown.bids[b, rounds].copy(),
            flown.choices[b, rounds].copy(),
        )


def follow(plans: Sequence[Plan]) -> Callable[[World, int], Completions]:
    """Return what :func:`agents.evaluation.play_by` needs to play plans [E] of the same episodes."""
    decided = [(plan.picks, plan.bids) for plan in plans]
    return lambda world, first: Completions.of(world, decided[first : first + world.num_worlds])


def likeliest(scores: NDArray[np.float32], width: int) -> NDArray[np.int32]:
    """[N, width] the actions with the largest scores, in that order; NOTHING where fewer are legal."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :width].astype(np.int32)
    order[np.isneginf(np.take_along_axis(scores, order, axis=1))] = NOTHING
    if order.shape[1] < width:
        order = np.pad(order, ((0, 0), (0, width - order.shape[1])), constant_values=NOTHING)
    return order
