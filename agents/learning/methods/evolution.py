"""Evolution strategies (Rechenberg 1973; Salimans et al. 2017) on a conditional index: whole episodes, in pairs that differ in one sign.

Of each pair one plays the weights plus a disturbance, the other the weights minus the same one, both the same episode with the same
random numbers. What the two cost tells the slope along the disturbance; no value, no discount and no probability is involved, and what
is evaluated is what is deployed. The mean over pairs goes to Adam (Kingma and Ba 2015).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.logger import Logger

from agents.compiled.completions import Completions
from agents.compiled.conditions import Tables
from agents.evaluation.play import draw_episodes, play_batch
from agents.learning.baseline import Purpose, Rules, derive
from agents.learning.buffer import Array
from agents.learning.checkpoint import fit, within
from agents.learning.collect import Finished
from agents.learning.config import Learner, LearnerError
from agents.learning.experience import Experience
from agents.learning.methods.method import Policies
from agents.learning.ppo import RolePPO
from agents.protocols import rules_of_play
from agents.rules import index
from agents.rules.conditional import SIZE, Conditional, load, spreads, text
from envs.files import writing
from envs.scenario import Scenario
from envs.world import World

Floats = NDArray[np.float64]

MOMENTUM: Final = 0.9
SQUARES: Final = 0.98
"""How much Adam keeps of the mean slope and of its square."""
LARGEST: Final = 0.3
"""Relative difference within a pair that counts at most: a few wild episodes are not to rule the slope."""


class EvolutionStrategies:
    """Weights of a conditional index in units of their columns' deviations, and what Adam knows of their slopes."""

    def __init__(
        self,
        scenario: Scenario,
        learner: Learner,
        rules: Rules,
        models: Mapping[str, RolePPO],
        seed: int,
        threads: int,
    ) -> None:
        """Draw the episodes and start at the index that the learner names, or at nothing: all weights 0.

        Raises:
            LearnerError: where that index weighs what a conditional one does not.
        """
        assert not models, "what evolution learns is no network"
        self._scenario, self._learner, self._rules, self._seed, self._threads = scenario, learner, rules, seed, threads
        self.experience: dict[str, Experience] = {}
        self._episodes = draw_episodes(scenario, learner.episodes.number, derive(seed, Purpose.TRAINING))
        self._world = World(
            scenario, 2 * learner.evolution.pairs, instances=self._episodes.instances, auto_reset=False, threads=threads
        )
        self._unit = 1.0 / spreads()
        start = _start(learner.evolution.start) / self._unit
        self._weights = start * (learner.evolution.length / np.linalg.norm(start)) if start.any() else start
        self._free = _free(learner.evolution.only)
        self._slope, self._square = np.zeros(SIZE), np.zeros(SIZE)
        self._updates = 0
        self._rate = learner.evolution.step
        self._tried, self._difference = np.zeros((0, SIZE)), np.zeros(0)
        self._decisions = 0

    def begin(self) -> None:
        """Play the rules on all episodes, which is what ``rule_cost`` needs, and compile, before the clock runs."""
        _ = self._of_rules
        self._policy().compile_picks()
        self._policy().compile_bids()

    def anneal(self, left: float) -> None:
        """Set the length of steps."""
        told = self._learner.evolution
        self._rate = told.step_end + (told.step - told.step_end) * left

    def collect(self, iteration: int) -> list[Finished]:
        """Play every pair."""
        pairs, spread = self._learner.evolution.pairs, self._learner.evolution.spread
        random = np.random.default_rng(derive(self._seed, Purpose.CHOICE, iteration))
        chosen = random.permutation(np.resize(random.permutation(len(self._episodes.seeds)), pairs))
        self._tried = random.standard_normal((pairs, SIZE)) * (spread * self._free)
        population = np.concatenate((self._weights + self._tried, self._weights - self._tried)) * self._unit
        cost, self._decisions = self._play(
            np.tile(chosen, 2), Tables(population, bids=False), Tables(population, bids=True)
        )
        one, other = cost.reshape(2, pairs)
        mean = (one + other) / 2
        self._difference = np.clip((one - other) / np.where(mean > 0, mean, 1.0), -LARGEST, LARGEST)
        return [Finished(b, self._episodes.seeds[e], float(cost[b])) for b, e in enumerate(np.tile(chosen, 2))]

    def _play(self, episodes: NDArray[np.integer], picks: Tables, bids: Tables) -> tuple[Floats, int]:
        completions = Completions(self._world, _nobody, picks, bids)
        cost, _, decisions = play_batch(
            self._world, self._episodes.seeds[episodes], self._episodes.instance[episodes], completions
        )
        return cost, decisions

    def held(self) -> int:
        """Decisions of both roles in this iteration."""
        return self._decisions

    @cached_property
    def _of_rules(self) -> dict[int, float]:
        """What the rules cost, by the seed of the episode."""
        episodes, cost = self._episodes, []
        played, world = rules_of_play(self._scenario, self._rules[0]), self._world
        if played.reservations != self._scenario.reservations:
            size = min(len(episodes.seeds), world.num_worlds)
            world = World(played, size, instances=episodes.instances, auto_reset=False, threads=self._threads)
        completions = Completions.by(world, *self._rules)
        for first in range(0, len(episodes.seeds), world.num_worlds):
            batch = slice(first, first + world.num_worlds)
            cost.extend(play_batch(world, episodes.seeds[batch], episodes.instance[batch], completions)[0].tolist())
        return dict(zip(episodes.seeds.tolist(), cost, strict=True))

    def rule_cost(self, finished: list[Finished]) -> Floats:
        """As the rules played them before learning began."""
        return np.array([self._of_rules[int(episode.seed)] for episode in finished])

    def integrate(self, logger: Logger) -> None:
        """Take a step down the slope."""
        slope = (self._difference[:, None] * self._tried).mean(axis=0)
        self._updates += 1
        self._slope = MOMENTUM * self._slope + (1 - MOMENTUM) * slope
        self._square = SQUARES * self._square + (1 - SQUARES) * slope**2
        mean, square = self._slope / (1 - MOMENTUM**self._updates), self._square / (1 - SQUARES**self._updates)
        self._weights = self._weights - self._rate * mean / (np.sqrt(square) + np.finfo(np.float64).tiny)
        self._decisions = 0
        logger.record("train/step", self._rate)
        logger.record("train/difference", float(self._difference.std()))
        logger.record("train/weights", float(np.linalg.norm(self._weights)))

    def policies(self) -> Policies:
        """The weights in the middle of all disturbances, in both roles."""
        policy = self._policy()
        return Policies(policy, policy)

    def _policy(self) -> Conditional:
        return Conditional(self._weights * self._unit)

    def write(self, folder: Path, facts: Mapping[str, Any]) -> None:
        """Write the index, for both roles in one file."""
        folder.mkdir(parents=True, exist_ok=True)
        with writing(folder / index.FILE) as file:
            file.write(text(self._policy(), facts).encode())

    def state(self) -> dict[str, Array]:
        """Weights, and what Adam knows."""
        numbers = {"weights": self._weights, "slope": self._slope, "square": self._square}
        return {name: array.copy() for name, array in numbers.items()}

    def load(self, state: dict[str, Array], iteration: int) -> None:
        """Continue from ``state``: disturbances and episodes depend on nothing but the seed and the iteration.

        Raises:
            ValueError: where it is none of such an index.
        """
        fit(state, self.state())
        within("square", state["square"], 0.0)
        self._weights, self._slope, self._square = (state[name].copy() for name in ("weights", "slope", "square"))
        self._updates = iteration


def _start(name: str | None) -> Floats:
    """The weights [SIZE] of an index in a folder; 0 without one."""
    if name is None:
        return np.zeros(SIZE)
    found = load(Path(name) / index.FILE)
    try:
        return found.flat if isinstance(found, Conditional) else Conditional.of({"weights": found.weights}).flat
    except ValueError as error:
        raise LearnerError(f"learner.evolution.start={name}: {error}") from None


def _free(only: Sequence[str]) -> Floats:
    """[SIZE] 1 for weights that are learned, 0 for others."""
    return Conditional.of({"weights": dict.fromkeys(only, 1)}).flat if only else np.ones(SIZE)


def _nobody(*_: object) -> None:
    raise AssertionError("both roles are compiled")
