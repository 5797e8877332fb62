"""Several rollouts of the same episode, compared with each other: for problems scored at their end."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.logger import Logger

from agents.evaluation.play import Episodes, draw_episodes
from agents.learning.baseline import Purpose, Rules, costs_of, derive, learned_in
from agents.learning.buffer import Array
from agents.learning.checkpoint import fit
from agents.learning.collect import Collector, Finished
from agents.learning.config import GROUP, Learner
from agents.learning.curriculum import easy_first, opened
from agents.learning.experience import Experience
from agents.learning.logging import RoleLogger
from agents.learning.methods.networks import NetworkMethod
from agents.learning.ppo import RolePPO
from envs.engine.codes import Phase
from envs.scenario import Scenario
from envs.world import World

Floats = NDArray[np.float64]


class GroupRollouts(NetworkMethod):
    """For problems scored at their end: several rollouts of the same episode are compared with each other.

    The advantage of every decision is (mean cost of the group - own cost) / deviation within the group, or, in self-labeling
    (Corsini et al. 2024), the best rollout is imitated. There is no critic and no discount.
    """

    def __init__(
        self,
        scenario: Scenario,
        learner: Learner,
        rules: Rules,
        models: Mapping[str, RolePPO],
        seed: int,
        threads: int,
    ) -> None:
        """Draw the instances."""
        super().__init__(learner, models)
        self._rules, self._seed = rules, seed
        self._episodes = draw_episodes(scenario, learner.episodes.number, derive(seed, Purpose.TRAINING))
        worlds = learner.groups.number * learner.groups.rollouts
        scenario = learned_in(scenario, learner, rules[0])
        self._world = World(scenario, worlds, instances=self._episodes.instances, auto_reset=False, threads=threads)
        self._rules_world = World(scenario, learner.groups.number, instances=self._episodes.instances, threads=threads)
        self.experience.update(
            {role: Experience(model.policy, worlds * self._world.num_agents) for role, model in models.items()}
        )
        self._collector = Collector(self._world, self.experience, *rules)
        self._cost = np.zeros(worlds)
        self._ranked = easy_first(self._episodes, learner.episodes.order)
        self._choose(-1)

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
        self._chosen = Episodes(
            self._episodes.instances, which, random.integers(2**64, size=groups.number, dtype=np.uint64)
        )
        self._world.schedule(np.repeat(self._chosen.seeds, groups.rollouts), np.repeat(which, groups.rollouts))
        self._world.reset()
        self._collector.restart(None)

    def rule_cost(self, finished: list[Finished]) -> Floats:
        """Play the rules on the episodes that were chosen."""
        cost = costs_of(self._rules_world, self._chosen, *self._rules)
        return cost[[episode.world // self._learner.groups.rollouts for episode in finished]]

    def integrate(self, logger: Logger) -> None:
        """Score the rollouts within their groups and learn from the decisions of those that count."""
        groups, method = self._learner.groups, self._learner.update.method
        cost = self._cost.reshape(groups.number, groups.rollouts)
        logger.record("rollout/best_over_mean", float(np.mean(cost.min(axis=1) / cost.mean(axis=1))))
        score = compare(cost, groups.extremes) if method == GROUP else best(cost)
        for role, experience in self.experience.items():
            batches = experience.assign(np.repeat(score.reshape(-1), self._world.num_agents))
            logger.record(f"rollout/{role}_decisions", len(batches))
            if len(batches) > 1:
                learn = self._models[role].integrate if method == GROUP else self._models[role].imitate
                learn(batches, RoleLogger(logger, role))
            experience.forget()
            experience.calibrate()

    def state(self) -> dict[str, Array]:
        """Nothing: every iteration starts its own episodes."""
        return {}

    def load(self, state: dict[str, Array], iteration: int) -> None:
        """Nothing to do. Raises ValueError where there is anything."""
        fit(state, {})


def compare(cost: Floats, extremes: int) -> Floats:
    """Advantages [G, R] of rollouts within their groups; nan: not to be learned from, as all were equal or it is not among the extremes."""
    deviation = cost.std(axis=1, keepdims=True)
    score = np.where(
        deviation > 0, (cost.mean(axis=1, keepdims=True) - cost) / np.where(deviation > 0, deviation, 1.0), np.nan
    )
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
