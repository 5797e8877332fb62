"""PPO (Schulman et al. 2017) on streams of decisions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.logger import Logger

from agents.evaluation.play import Episodes, draw_episodes
from agents.learning.baseline import Bank, Purpose, Rules, derive, learned_in, mean_task
from agents.learning.buffer import Array
from agents.learning.checkpoint import below, fit, part, plain
from agents.learning.collect import Collector, Finished
from agents.learning.config import Learner
from agents.learning.curriculum import easy_first, opened
from agents.learning.experience import Clock, Experience
from agents.learning.logging import RoleLogger
from agents.learning.methods.networks import NetworkMethod
from agents.learning.ppo import RolePPO
from agents.protocols import rules_of_play
from envs.scenario import Scenario
from envs.world import World

Floats = NDArray[np.float64]


class Streams(NetworkMethod):
    """PPO on streams of decisions: the worlds never stop, a rollout is a number of decisions."""

    def __init__(
        self,
        scenario: Scenario,
        learner: Learner,
        rules: Rules,
        models: Mapping[str, RolePPO],
        seed: int,
        threads: int,
    ) -> None:
        """Draw the episodes, play the baseline on them and start the worlds."""
        super().__init__(learner, models)
        self._scenario, self._rules, self._seed, self._threads = (
            learned_in(scenario, learner, rules[0]),
            rules,
            seed,
            threads,
        )
        self._start(0, -1)
        seats = self._world.num_worlds * self._world.num_agents
        self.experience.update({role: Experience(model.policy, seats) for role, model in models.items()})

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
        cost: Floats = self._bank.team_cost[
            self._bank.places(np.array([episode.seed for episode in finished], np.uint64))
        ]
        return cost

    def integrate(self, logger: Logger) -> None:
        """Estimate advantages and let MaskablePPO train."""
        for role, experience in self.experience.items():
            batches = experience.estimate(self._clock)
            logger.record(f"rollout/{role}_decisions", len(batches))
            logger.record(f"rollout/{role}_reward_scale", experience.scale)
            if len(batches) > 1:
                self._models[role].integrate(batches, RoleLogger(logger, role))
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
        self._episodes = episodes = draw_episodes(
            self._scenario, learner.episodes.number, derive(self._seed, Purpose.TRAINING, number)
        )
        self._ranked = easy_first(episodes, learner.episodes.order)
        self._world = World(self._scenario, learner.worlds, instances=episodes.instances, threads=self._threads)
        self._clock = clock(learner, episodes)
        self._bank = self._play_bank(episodes)
        self._open(iteration)
        self._world.reset()
        for experience in self.experience.values():
            experience.forget()
        self._collector = Collector(
            self._world, self.experience, *self._rules, self._bank if learner.episodes.baseline else None
        )

    def _play_bank(self, episodes: Episodes) -> Bank:
        """What the rules cost, by their own rules of play."""
        played = rules_of_play(self._scenario, self._rules[0])
        world = self._world
        if played.reservations != self._scenario.reservations:
            world = World(played, self._learner.worlds, instances=episodes.instances, threads=self._threads)
        return Bank(world, episodes, *self._rules)

    def _open(self, iteration: int) -> None:
        """Have every world that ends an episode start one that is open in this iteration, in the order in which they were drawn."""
        may = np.sort(opened(self._ranked, self._learner.episodes.curriculum, iteration))
        self._world.schedule(self._episodes.seeds[may], self._episodes.instance[may])


def clock(learner: Learner, episodes: Episodes) -> Clock:
    """The discounts' time constants in seconds."""
    unit = mean_task(episodes)
    gamma, trace = learner.discount.tau_gamma, learner.discount.tau_lambda
    return Clock(None if gamma is None else gamma * unit, None if trace is None else trace * unit)
