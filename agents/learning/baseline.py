"""The rules that a learner is measured against, what they cost on each episode of a list, and that cost's path over time as a baseline."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.evaluation.play import Episodes, decide
from agents.learning.config import Learner
from agents.policies import PRIORITIZER
from agents.protocols import Negotiator, Prioritizer, rules_of_play
from agents.rules import conditional, index
from agents.rules import negotiator as negotiation_rule
from agents.rules import prioritizer as dispatching_rule
from envs.engine.codes import Phase
from envs.scenario import Scenario
from envs.world import Outputs, World

GRID: Final = 256
"""Intervals, equal in time, at whose ends the cost path of an episode is known; in between it is interpolated."""

AHEAD: Final = (1.0, 4.0, 15.0, 60.0)
"""Mean tasks from now in which a critic knows what the rule pays."""
HINDSIGHT: Final = len(AHEAD) + 4
"""What ``Bank.hindsight`` tells a critic of each decision."""

Floats = NDArray[np.float64]
Rules = tuple[Prioritizer, Negotiator]


class Purpose(IntEnum):
    """What a run draws seeds for: no two purposes ever get the same ones."""

    TORCH = 0
    TRAINING = 1
    EVALUATION = 2
    CHOICE = 3


def derive(seed: int, purpose: Purpose, number: int = 0) -> int:
    """The seed of the number-th thing that a run draws for a purpose."""
    return int(np.random.default_rng([seed, purpose, number]).integers(2**63))


def rules(learner: Learner) -> Rules:
    """The rules, or tuned indices, that the learner is measured against, and that play the roles it does not learn.

    Raises:
        RuleError: for a name that is neither a rule's nor that of a folder with an index.
    """
    prioritizer, negotiator = (Path(name) for name in (learner.episodes.prioritizer, learner.episodes.negotiator))
    return (
        conditional.load(prioritizer / index.FILE)
        if (prioritizer / index.FILE).is_file()
        else dispatching_rule(learner.episodes.prioritizer),
        conditional.load(negotiator / index.FILE)
        if (negotiator / index.FILE).is_file()
        else negotiation_rule(learner.episodes.negotiator),
    )


def learned_in(scenario: Scenario, learner: Learner, prioritizer: Prioritizer) -> Scenario:
    """Return what the learner plays in: where no prioritizer is learned, the rules of play are those of the rule in its place."""
    return scenario if PRIORITIZER in learner.roles else rules_of_play(scenario, prioritizer)


def costs_of(
    world: World,
    episodes: Episodes,
    prioritizer: Prioritizer,
    negotiator: Negotiator,
    watch: Callable[[Outputs], None] | None = None,
) -> Floats:
    """Play every episode once and return the team's cost of each [N]; ``watch`` sees the outputs after every step.

    The World must hold the episodes' instances and reset automatically.
    """
    world.schedule(episodes.seeds, episodes.instance)
    out = world.reset()
    picks, bids = np.zeros(out.acting.shape, np.int32), np.zeros(out.acting.shape, np.float64)
    running, cost = out.team_cost.copy(), np.full(len(episodes.seeds), np.nan)
    if watch is not None:
        watch(out)
    while np.isnan(cost).any():
        decide(out, prioritizer, negotiator, picks, bids)
        out = world.step(picks, bids)
        running += out.team_cost
        if watch is not None:
            watch(out)
        over = out.phase == Phase.OVER
        cost[out.entry[over]] = running[over]
        running[over] = 0.0
    return cost


def mean_task(episodes: Episodes) -> float:
    """Mean nominal duration of all tasks in seconds: the unit of time constants."""
    return float(np.concatenate([instance.option_nominal for instance in episodes.instances]).mean())


class Bank:
    """Episodes and the cost path of a rule on each: the baseline of a learner on the same episode.

    Under common random numbers nothing in it depends on what the learner does. Without a discount, subtracting it from what the learner
    earns therefore leaves the gradient of the episode's return unbiased, where the episode comes to its end, and takes away most of its
    variance. With a discount it does not: the learner's own times decide at which moments the path is read, and its end when the rest
    of it is paid. docs/learning.md says what that means.
    """

    def __init__(self, world: World, episodes: Episodes, prioritizer: Prioritizer, negotiator: Negotiator) -> None:
        """Play the rule on every episode in a World as ``costs_of`` needs it."""
        number = len(episodes.seeds)
        self._unit = mean_task(episodes)
        self._places = np.argsort(episodes.seeds)
        self._seeds = episodes.seeds[self._places]
        self._paths = np.zeros((number, GRID + 1, world.num_agents))
        self._ends = np.ones(number)
        self._watched: list[tuple[Floats, Floats]] = []
        self._since = np.zeros(world.num_worlds, np.int64)
        self.team_cost = costs_of(world, episodes, prioritizer, negotiator, self._watch)
        """[N] of the rule."""
        self._watched.clear()

    def places(self, seeds: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return where in the list the episodes with these ``seeds`` [n] are, whichever of the list a world has on its schedule."""
        return self._places[np.searchsorted(self._seeds, seeds)]

    def cost(self, entry: NDArray[np.integer], agent: NDArray[np.int64], time: Floats) -> Floats:
        """What the rule had cost an agent (own and team's mixed as in its reward) by some time of an episode; all [n]."""
        place = np.clip(time / self._ends[entry], 0.0, 1.0) * GRID
        before = np.minimum(place.astype(np.int64), GRID - 1)
        left, right = self._paths[entry, before, agent], self._paths[entry, before + 1, agent]
        path: Floats = left + (right - left) * (place - before)
        return path

    def total(self, entry: NDArray[np.integer], agent: NDArray[np.int64]) -> Floats:
        """What the rule had cost an agent at its end of an episode; all [n]."""
        total: Floats = self._paths[entry, GRID, agent]
        return total

    def hindsight(
        self, entry: NDArray[np.integer], agent: NDArray[np.int64], time: Floats, lead: Floats, rate: Floats
    ) -> Floats:
        """What tells how an episode goes on, whatever is decided now [n, HINDSIGHT]; all else [n].

        It is what the rule pays in the next AHEAD mean tasks and until its end, the ``lead`` over it so far, the ``rate`` at which the team
        pays, and the time. All of it is known before the decision, or does not depend on it: a critic that reads it biases nothing.
        """
        so_far = self.cost(entry, agent, time)
        ahead = [self.cost(entry, agent, time + span * self._unit) - so_far for span in AHEAD]
        return np.stack((*ahead, self.total(entry, agent) - so_far, lead, rate, time / self._unit), axis=1)

    def _watch(self, out: Outputs) -> None:
        self._watched.append((out.time.copy(), -out.reward))
        for b in np.flatnonzero(out.phase == Phase.OVER):
            steps = self._watched[self._since[b] :]
            time = np.array([times[b] for times, _ in steps])
            cost = np.cumsum([costs[b] for _, costs in steps], axis=0)
            entry, end = out.entry[b], max(time[-1], np.finfo(np.float64).tiny)
            self._ends[entry] = end
            for agent in range(cost.shape[1]):
                self._paths[entry, :, agent] = np.interp(np.linspace(0.0, end, GRID + 1), time, cost[:, agent])
            self._since[b] = len(self._watched)
