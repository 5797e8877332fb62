"""How a rollout changes the policies: three methods, chosen by configuration, that all collect first and integrate then."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.logger import Logger

from agents.evaluation.play import Episodes, draw_episodes
from agents.learning.baseline import Bank, Purpose, derive, mean_task, play
from agents.learning.buffer import Array
from agents.learning.checkpoint import below, part, plain
from agents.learning.collect import Collector, Finished
from agents.learning.config import GROUP, PPO, Learner, LearnerError
from agents.learning.curriculum import easy_first, opened
from agents.learning.experience import Clock, Experience
from agents.learning.fitting import fit
from agents.learning.logging import RoleLogger
from agents.learning.ppo import RolePPO
from agents.networks.architecture import NEGOTIATOR, PRIORITIZER
from agents.protocols import Negotiator, Prioritizer, rules_of_play
from agents.rules import index
from agents.rules import negotiator as negotiation_rule
from agents.rules import prioritizer as dispatching_rule
from agents.rules.levels import as_levels, borders
from envs.engine.codes import Phase
from envs.scenario import Scenario
from envs.world import World

Floats = NDArray[np.float64]

FRUITLESS: Final = 256
"""Episodes without any decision after which there is no hope of one."""


def rules(learner: Learner) -> tuple[Prioritizer, Negotiator]:
    """The rules, or tuned indices, that the learner is measured against.

    Raises:
        RuleError: for a name that is neither a rule's nor that of a folder with an index.
    """
    prioritizer, negotiator = learner.episodes.prioritizer, learner.episodes.negotiator
    return (
        index.load(Path(prioritizer) / index.FILE) if Path(prioritizer, index.FILE).is_file() else dispatching_rule(prioritizer),
        index.load(Path(negotiator) / index.FILE) if Path(negotiator, index.FILE).is_file() else negotiation_rule(negotiator),
    )


def learned_by(scenario: Scenario, learner: Learner) -> Scenario:
    """Return what the learner plays in: where no prioritizer is learned, the rules of play are those of the rule in its place."""
    return scenario if PRIORITIZER in learner.roles else rules_of_play(scenario, rules(learner)[0])


class Method(Protocol):
    """A way to learn. One iteration is ``collect``, then ``integrate``."""

    experience: dict[str, Experience]

    def collect(self, iteration: int) -> list[Finished]:
        """Play with the current policies; return the episodes that ended."""

    def rule_cost(self, finished: list[Finished]) -> Floats:
        """What the rules cost on each of the episodes [n] that ``collect`` just returned."""

    def integrate(self, models: Mapping[str, RolePPO], logger: Logger) -> None:
        """Change the policies by what was collected."""

    def state(self) -> dict[str, Array]:
        """Everything between two iterations that ``load`` needs; experience excepted."""

    def load(self, state: dict[str, Array], iteration: int) -> None:
        """Continue as the method that ``state`` was taken from, before the given iteration."""


def make_method(scenario: Scenario, learner: Learner, models: Mapping[str, RolePPO], seed: int, threads: int) -> Method:
    """Build the method that the learner asks for; its worlds share ``threads``, on which no result depends."""
    kind: type[Streams | Groups] = Streams if learner.update.method == PPO else Groups
    return kind(scenario, learner, models, seed, threads)


class Streams:
    """PPO on streams of decisions: the worlds never stop, a rollout is a number of decisions."""

    def __init__(self, scenario: Scenario, learner: Learner, models: Mapping[str, RolePPO], seed: int, threads: int) -> None:
        """Draw the episodes, play the baseline on them and start the worlds."""
        self._scenario, self._learner, self._seed, self._threads = learned_by(scenario, learner), learner, seed, threads
        self.experience: dict[str, Experience] = {}
        self._start(0, -1)
        seats = self._world.num_worlds * self._world.num_agents
        self.experience.update({role: Experience(model.policy, seats) for role, model in models.items()})
        warm_up(self._collector, learner, models)

    @property
    def bank(self) -> Bank | None:
        """The baseline."""
        return self._collector.bank

    def collect(self, iteration: int) -> list[Finished]:
        """Play on until there are enough decisions."""
        refresh = self._learner.episodes.refresh
        if refresh and iteration and iteration % refresh == 0:
            self._start(iteration // refresh, iteration)
        self._open(iteration)
        if self._learner.episodes.curriculum and not iteration:  # what the rules were playing may be of any difficulty
            self._world.reset()
            self._collector.restart(self.bank)
        finished: list[Finished] = []
        while self._collector.decisions() < self._learner.rollout:
            finished += self._collector.step()
        return finished

    def rule_cost(self, finished: list[Finished]) -> Floats:
        """As the bank has it."""
        cost: Floats = self._bank.team_cost[self._bank.places(np.array([episode.seed for episode in finished], np.uint64))]
        return cost

    def integrate(self, models: Mapping[str, RolePPO], logger: Logger) -> None:
        """Estimate advantages and let MaskablePPO train."""
        for role, experience in self.experience.items():
            batches = experience.estimate(self._clock)
            logger.record(f"rollout/{role}_decisions", len(batches))
            logger.record(f"rollout/{role}_reward_scale", experience.scale)
            if len(batches) > 1:
                models[role].integrate(batches, RoleLogger(logger, role))
            experience.carry()
            experience.calibrate()

    def state(self) -> dict[str, Array]:
        """Worlds and what their seats have earned."""
        return below("world", self._world.get_state()) | self._collector.state()

    def load(self, state: dict[str, Array], iteration: int) -> None:
        """Continue from ``state``; the episodes are drawn again, as they depend on nothing but the seed.

        Raises:
            ValueError: where it is not a state of these worlds, or they play episodes that are not on the list.
        """
        refresh = self._learner.episodes.refresh
        number = max(0, iteration - 1) // refresh if refresh else 0
        if number:
            self._start(number, iteration - 1)
        self._open(iteration - 1)
        own = self._world.get_state()
        world = part("world", state)
        fit(world, {name: plain(array) for name, array in own.items()}, finite=False)  # the World knows its own numbers
        for name in ("seeds", "entries"):
            if not np.array_equal(world[name], own[name]):
                raise ValueError(f"world.{name} are not those of the episodes that this run plays")
        self._world.set_state({name: world[name].view(array.dtype).reshape(array.shape) for name, array in own.items()})
        if not np.isin(self._world.out.seed, self._episodes.seeds).all():
            raise ValueError("world.seed is of an episode that is not on the list")
        self._collector.load({name: array for name, array in state.items() if not name.startswith("world.")})

    def _start(self, number: int, iteration: int) -> None:
        learner = self._learner
        self._episodes = episodes = draw_episodes(self._scenario, learner.episodes.number, derive(self._seed, Purpose.TRAINING, number))
        self._ranked = easy_first(episodes, learner.episodes.order)
        self._world = World(self._scenario, learner.worlds, instances=episodes.instances, threads=self._threads)
        self._clock = clock(learner, episodes)
        self._bank = self._play_bank(episodes)
        self._open(iteration)
        self._world.reset()
        for experience in self.experience.values():
            experience.forget()
        self._collector = Collector(self._world, self.experience, *rules(learner), self._bank if learner.episodes.baseline else None)

    def _play_bank(self, episodes: Episodes) -> Bank:
        """What the rules cost, by their own rules of play."""
        played = rules_of_play(self._scenario, rules(self._learner)[0])
        world = self._world
        if played.reservations != self._scenario.reservations:
            world = World(played, self._learner.worlds, instances=episodes.instances, threads=self._threads)
        return Bank(world, episodes, *rules(self._learner))

    def _open(self, iteration: int) -> None:
        """Have every world that ends an episode start one that is open in this iteration, in the order in which they were drawn."""
        may = np.sort(opened(self._ranked, self._learner.episodes.curriculum, iteration))
        self._world.schedule(self._episodes.seeds[may], self._episodes.instance[may])


class Groups:
    """For problems scored at their end: several rollouts of the same episode are compared with each other.

    The advantage of every decision is (mean cost of the group - own cost) / deviation within the group, or, in self-labeling
    (Corsini et al. 2024), the best rollout is imitated. There is no critic and no discount.
    """

    def __init__(self, scenario: Scenario, learner: Learner, models: Mapping[str, RolePPO], seed: int, threads: int) -> None:
        """Draw the instances."""
        self._learner, self._seed = learner, seed
        self._episodes = draw_episodes(scenario, learner.episodes.number, derive(seed, Purpose.TRAINING))
        worlds = learner.groups.number * learner.groups.rollouts
        scenario = learned_by(scenario, learner)
        self._world = World(scenario, worlds, instances=self._episodes.instances, auto_reset=False, threads=threads)
        self._rules_world = World(scenario, learner.groups.number, instances=self._episodes.instances, threads=threads)
        self.experience = {role: Experience(model.policy, worlds * self._world.num_agents) for role, model in models.items()}
        self._collector = Collector(self._world, self.experience, *rules(learner))
        self._cost = np.zeros(worlds)
        self._ranked = easy_first(self._episodes, learner.episodes.order)
        self._choose(-1)
        warm_up(self._collector, learner, models)

    def collect(self, iteration: int) -> list[Finished]:
        """Play a fresh choice of episodes to their end."""
        self._choose(iteration)
        self._cost[:] = self._world.out.team_cost  # all there is of episodes without a decision
        finished: list[Finished] = []
        while (self._world.out.phase != Phase.OVER).any():
            finished += self._collector.step()
        for episode in finished:
            self._cost[episode.world] = episode.cost
        return finished

    def _choose(self, iteration: int) -> None:
        groups = self._learner.groups
        random = np.random.default_rng(derive(self._seed, Purpose.CHOICE, iteration + 1))
        may = opened(self._ranked, self._learner.episodes.curriculum, iteration)
        which = self._episodes.instance[random.choice(may, size=groups.number)]
        self._chosen = Episodes(self._episodes.instances, which, random.integers(2**64, size=groups.number, dtype=np.uint64))
        self._world.schedule(np.repeat(self._chosen.seeds, groups.rollouts), np.repeat(which, groups.rollouts))
        self._world.reset()
        self._collector.restart(None)

    def rule_cost(self, finished: list[Finished]) -> Floats:
        """Play the rules on the episodes that were chosen."""
        cost = play(self._rules_world, self._chosen, *rules(self._learner))
        return cost[[episode.world // self._learner.groups.rollouts for episode in finished]]

    def integrate(self, models: Mapping[str, RolePPO], logger: Logger) -> None:
        """Score the rollouts within their groups and learn from the decisions of those that count."""
        groups, method = self._learner.groups, self._learner.update.method
        cost = self._cost.reshape(groups.number, groups.rollouts)
        logger.record("rollout/best_over_mean", float(np.mean(cost.min(axis=1) / cost.mean(axis=1))))
        score = compare(cost, groups.extremes) if method == GROUP else best(cost)
        for role, experience in self.experience.items():
            batches = experience.assign(np.repeat(score.reshape(-1), self._world.num_agents))
            logger.record(f"rollout/{role}_decisions", len(batches))
            if len(batches) > 1:
                learn = models[role].integrate if method == GROUP else models[role].imitate
                learn(batches, RoleLogger(logger, role))
            experience.forget()
            experience.calibrate()

    def state(self) -> dict[str, Array]:
        """Nothing: every iteration starts its own episodes."""
        return {}

    def load(self, state: dict[str, Array], iteration: int) -> None:
        """Nothing to do. Raises ValueError where there is anything."""
        fit(state, {})


def warm_up(collector: Collector, learner: Learner, models: Mapping[str, RolePPO]) -> None:
    """Let the rules play: measure the columns first, then, where the learner starts by imitation, imitate what they do.

    What a rule bids are real numbers: imitated is the level that each has among all bids that were heard.
    """
    experience, start = collector.experience, learner.imitation
    collector.demonstrating = True
    _play_for(collector, learner.rollout // 4)
    for role in experience.values():
        role.calibrate()
        role.forget()
    collector.heard.clear()
    if start.decisions:
        _play_for(collector, start.decisions)
        if collector.heard:
            bids = np.concatenate(collector.heard)
            experience[NEGOTIATOR].relabel(as_levels(bids, borders(bids, collector.world.scenario.negotiation.levels)))
        for name, role in experience.items():
            shown = role.assign(np.ones(collector.world.num_worlds * collector.world.num_agents))
            if len(shown) > 1:
                models[name].imitate(shown, Logger(None, []), start.passes)
            role.calibrate()
            role.forget()
    collector.demonstrating = False
    collector.heard.clear()


def _play_for(collector: Collector, decisions: int) -> None:
    """Play until there are so many decisions, or all worlds are over for good.

    Raises:
        LearnerError: where many episodes end without one decision of a role that learns.
    """
    ended = 0
    while collector.decisions() < decisions and (collector.world.auto_reset or (collector.world.out.phase != Phase.OVER).any()):
        ended += len(collector.step())
        if ended >= FRUITLESS and not collector.decisions():
            roles = " and ".join(collector.experience)
            raise LearnerError(
                f"learner: {ended} episodes ended in which no {roles} had a choice: there is nothing to learn in this scenario"
            )


def compare(cost: Floats, extremes: int) -> Floats:
    """Advantages [G, R] of rollouts within their groups; nan: not to be learned from, as all were equal or it is not among the extremes."""
    deviation = cost.std(axis=1, keepdims=True)
    score = np.where(deviation > 0, (cost.mean(axis=1, keepdims=True) - cost) / np.where(deviation > 0, deviation, 1.0), np.nan)
    if extremes:
        rank = cost.argsort(axis=1, kind="stable").argsort(axis=1)
        score[(rank >= extremes) & (rank < cost.shape[1] - extremes)] = np.nan
    return score


def best(cost: Floats) -> Floats:
    """1 for the first of the cheapest rollouts of each group [G, R], nan for the others; nan for all where all were equal."""
    score = np.full(cost.shape, np.nan)
    differs = np.flatnonzero(cost.std(axis=1) > 0)
    score[differs, cost.argmin(axis=1)[differs]] = 1.0
    return score


def clock(learner: Learner, episodes: Episodes) -> Clock:
    """The discounts' time constants in seconds."""
    unit = mean_task(episodes)
    gamma, trace = learner.discount.tau_gamma, learner.discount.tau_lambda
    return Clock(None if gamma is None else gamma * unit, None if trace is None else trace * unit)
