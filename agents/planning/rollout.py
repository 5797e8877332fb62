"""Lookahead where the future is uncertain: alternatives are completed by the policy in futures that agents can imagine.

A rollout algorithm (Bertsekas, Tsitsiklis, Wu 1997) under common random numbers. Nothing is planned beyond the next pick: the
policy's own pick is followed unless a likely alternative costs less in the mean over the futures, by more than luck explains.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.compiled.completions import NOTHING, Completions, compiled
from agents.evaluation.play import Choose, decide
from agents.planning.completions import likeliest
from agents.planning.futures import Imagination
from agents.planning.settings import Search
from agents.protocols import Negotiator, Scorer
from envs.engine.codes import Phase
from envs.world import Outputs, World

Picks = NDArray[np.int32]
Table = NDArray[np.float32]
Weighed = Callable[[int, NDArray[np.float64]], None]


def look_ahead(
    prioritizer: Scorer, negotiator: Negotiator, how: Search, weighed: Weighed | None = None
) -> Callable[[World, int], Choose]:
    """Return what :func:`agents.evaluation.play_by` needs to play with lookahead; samples, starts, beam and seconds do not count.

    ``weighed`` is told of every decision what its options cost: the episode's number, and [options, futures], the policy's own pick first.
    """
    return lambda world, first: _Looker(world, first, prioritizer, negotiator, how, weighed)


class _Looker:
    """Decides in the worlds of one batch of episodes."""

    def __init__(
        self,
        world: World,
        first: int,
        prioritizer: Scorer,
        negotiator: Negotiator,
        how: Search,
        weighed: Weighed | None,
    ) -> None:
        self._world, self._first, self._how, self._weighed = world, first, how, weighed
        self._prioritizer, self._negotiator = prioritizer, negotiator
        self._imagined: Imagination | None = None
        self._completions: Completions | None = None

    def __call__(self, out: Outputs, picks: NDArray[np.int32], bids: NDArray[np.float64]) -> None:
        """Write the decisions of all acting seats."""
        if (out.acting & (out.phase == Phase.NEGOTIATE)[:, None]).any():
            decide(out, self._prioritizer, self._negotiator, picks, bids)
        asked = out.acting & (out.phase == Phase.PRIORITISE)[:, None]
        if not asked.any():
            return
        choices = np.full((*asked.shape, self._how.choices), NOTHING, np.int32)
        scores = self._prioritizer.scores(out.candidates[asked], out.context[asked], out.mask[asked])
        picks[asked], choices[asked] = scores.argmax(axis=1), likeliest(scores, self._how.choices)
        options = {int(b): _options(picks[b], choices[b]) for b in np.flatnonzero(asked.any(axis=1))}
        world, state = self._imagination(out), self._world.get_state()
        table = _by_task(out, asked, scores, max(i.num_tasks for i in self._world.instances))
        group: dict[int, Picks] = {}
        for b, tried in options.items():
            if (sum(map(len, group.values())) + len(tried)) * self._how.futures > world.num_worlds:
                self._choose(world, out, state, group, table, picks)
                group = {}
            group[b] = tried
        self._choose(world, out, state, group, table, picks)

    def _imagination(self, out: Outputs) -> Imagination:
        """The worlds in which this batch's futures are imagined, with room for all options of any of its worlds."""
        if self._imagined is None:
            instances = self._world.instances
            most = (1 + out.acting.shape[1] * (self._how.choices - 1)) * self._how.futures
            here, slots = [instances[i] for i in out.instance], max(self._how.slots, most)
            self._imagined = Imagination(self._world.scenario, here, instances, slots, unseen=self._how.ranked)
        return self._imagined

    def _choose(
        self,
        world: Imagination,
        out: Outputs,
        state: dict[str, NDArray[Any]],
        group: dict[int, Picks],
        table: Table,
        picks: Picks,
    ) -> None:
        """Write the best options of a group of real worlds, given the picks [n, A] that are tried in each, the policy's own first."""
        futures = self._how.futures
        at, places = 0, {}
        for b, tried in group.items():
            draw = np.random.default_rng([self._how.seed, self._first + int(out.entry[b]), int(out.steps[b])])
            for future, seed in enumerate(draw.integers(2**63, size=futures)):
                world.imagine(state, b, at + future, int(seed))
            slots = np.arange(at + futures, at + len(tried) * futures)
            world.fork(at + (slots - at) % futures, slots)
            places[b] = slice(at, at + len(tried) * futures)
            at += len(tried) * futures
        first = np.concatenate([np.repeat(tried, futures, axis=0) for tried in group.values()])
        if self._how.ranked:
            costs = world.complete(
                first, np.concatenate([np.repeat(table[[b]], len(group[b]) * futures, axis=0) for b in group])
            )
        else:
            costs = self._complete(world, first)
        for b, tried in group.items():
            of_options = costs[places[b]].reshape(-1, futures)
            picks[b] = tried[_best(of_options, self._how.caution)]
            if self._weighed is not None:
                self._weighed(self._first + int(out.entry[b]), of_options)

    def _complete(self, world: World, first: Picks) -> NDArray[np.float64]:
        """[n] the costs of playing the picks [n, A] in the first n worlds, and then what the policy does."""
        if self._completions is None:
            self._completions = Completions(world, self._decide, *compiled(self._prioritizer, self._negotiator))
        flown, count = self._completions, len(first)
        flown.start(slice(count), 0.0, given=1)
        flown.picks[:count, 0] = first
        flown.play_on(range(count))
        return flown.records["cost"][:count].copy()

    def _decide(self, out: Outputs, picks: NDArray[np.int32], bids: NDArray[np.float64]) -> None:
        decide(out, self._prioritizer, self._negotiator, picks, bids)


def _by_task(out: Outputs, asked: NDArray[np.bool_], scores: Table, tasks: int) -> Table:
    """[B, T] the scores [N, K+1] of the seats that are asked, by task, the best of its seats; -inf where it is shown to none."""
    shown = out.task[asked]
    table = np.full((len(out.phase), tasks), -np.inf, np.float32)
    seat, place = np.nonzero(shown != NOTHING)
    np.maximum.at(table, (np.nonzero(asked)[0][seat], shown[seat, place]), scores[seat, place])
    return table


def _best(costs: NDArray[np.float64], caution: float) -> int:
    """The option with the least mean cost [n, futures] among those that are better than the first by more than luck explains."""
    gain = costs[0] - costs
    error = gain.std(axis=1, ddof=1) / np.sqrt(gain.shape[1]) if gain.shape[1] > 1 else np.zeros(len(gain))
    mean = gain.mean(axis=1)
    return int(np.where(mean > caution * error, mean, 0.0).argmax())


def _options(picks: Picks, choices: NDArray[np.int32]) -> Picks:
    """[n, A] the policy's own picks [A] of a round, and those in which one seat takes one of its other choices [A, m]."""
    options = [picks.copy()]
    for seat, rank in zip(*np.nonzero((choices != NOTHING) & (choices != picks[:, None])), strict=True):
        changed = picks.copy()
        changed[seat] = choices[seat, rank]
        options.append(changed)
    return np.stack(options)
