"""The loop: collect, integrate, evaluate, checkpoint; until the budget is spent or somebody presses Ctrl-C."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.utils import get_device

from agents.evaluation.play import draw_episodes, record
from agents.learning import checkpoint
from agents.learning.baseline import Purpose, Rules, costs_of, derive, rules
from agents.learning.collect import Finished
from agents.learning.config import EVOLUTION, Learner, LearnerError
from agents.learning.logging import make_logger
from agents.learning.methods import METHODS
from agents.learning.methods.method import Method, Policies
from agents.learning.pictures import Pictures
from agents.learning.ppo import RolePPO
from agents.progress import Progress
from agents.protocols import Negotiator, Prioritizer, rules_of_play
from envs.events import EventLog
from envs.files import replacing
from envs.scenario import Reservations, Scenario
from envs.workloads.instance import Instance
from envs.world import World

BAR: Final = "{percentage:3.0f}%|{bar}| {elapsed}<{remaining} {postfix}"


class AgainstRules:
    """Greedy policies against the rules on fixed episodes that are never trained on."""

    def __init__(self, scenario: Scenario, learner: Learner, rules: Rules, seed: int) -> None:
        """Draw the episodes."""
        number = learner.evaluation.episodes
        self.episodes = draw_episodes(scenario, number, derive(seed, Purpose.EVALUATION))
        self._scenario, self._size = scenario, min(number, learner.worlds)
        self._worlds: dict[Reservations, World] = {}
        self._rules = rules

    @cached_property
    def rule_cost(self) -> NDArray[np.float64]:
        """What the rules cost on each of the episodes.

        Raises:
            LearnerError: where that is nothing, so that there is no gap.
        """
        cost = self.cost(*self._rules)
        if not 0.0 < cost.mean() < math.inf:
            raise LearnerError(
                f"learner: the rules cost {cost.mean()} on the evaluation's episodes, must be more, or there is no gap"
            )
        return cost

    def cost(self, prioritizer: Prioritizer, negotiator: Negotiator) -> NDArray[np.float64]:
        """What two policies cost on each of the episodes."""
        scenario = rules_of_play(self._scenario, prioritizer)
        if scenario.reservations not in self._worlds:
            self._worlds[scenario.reservations] = World(scenario, self._size, instances=self.episodes.instances)
        return costs_of(self._worlds[scenario.reservations], self.episodes, prioritizer, negotiator)

    def players(self, learned: Policies) -> tuple[Prioritizer, Negotiator]:
        """Who plays: rules in the roles that are not learned."""
        return learned.prioritizer or self._rules[0], learned.negotiator or self._rules[1]

    def first(self, learned: Policies) -> tuple[Instance, EventLog]:
        """Play the first of the episodes; return its instance and what happened."""
        episodes = self.episodes
        instance = episodes.instances[episodes.instance[0]]
        return instance, record(self._scenario, instance, int(episodes.seeds[0]), *self.players(learned))

    def __call__(self, learned: Policies) -> dict[str, float]:
        """Return the mean cost, that of the rules, and the gap between them in percent: negative where learning is better."""
        cost = self.cost(*self.players(learned))
        gap = percent(cost.mean(), self.rule_cost.mean())
        return {"cost": float(cost.mean()), "rule_cost": float(self.rule_cost.mean()), "gap_percent": gap}


def percent(cost: float, rule_cost: float) -> float:
    """By how many percent a cost is above that of the rules."""
    return float(100.0 * (cost / rule_cost - 1.0))


class Training:
    """One training run: everything that is assembled, counted and saved."""

    def __init__(
        self, scenario: Scenario, learner: Learner, folder: Path, seed: int, device: str = "auto", threads: int = 1
    ) -> None:
        """Assemble a new run in ``folder``. ``device`` is torch's name of one, or auto; ``threads`` are torch's, and the worlds'."""
        torch.set_num_threads(threads)  # results differ in the last bits between numbers of threads
        torch.manual_seed(derive(seed, Purpose.TORCH))
        self.learner, self.folder, self.seed, self.threads = learner, folder, seed, threads
        self.device = str(get_device(device))
        levels = scenario.negotiation.levels
        networks = [] if learner.update.method == EVOLUTION else learner.roles
        self.models = {
            role: RolePPO(role, scenario.candidates, levels, learner.network, learner.update, self.device)
            for role in networks
        }
        given = rules(learner)
        self.method: Method = METHODS[learner.update.method](scenario, learner, given, self.models, seed, threads)
        self.method.anneal(1.0)
        self.evaluation = AgainstRules(scenario, learner, given, seed)
        self.pictures = Pictures()
        self._begun = False
        self.iteration = 0
        self.decisions = 0
        """Played by the learning roles while collecting: the unit of the budget, whatever of them was learned from."""
        self.seconds = 0.0
        self.best: float | None = None
        """The smallest gap so far: the policy that had it is the one in ``folder / policy``."""
        self._improved = False
        """Whether this iteration's evaluation found the best policy so far."""
        self._stop = False

    @property
    def spent(self) -> float:
        """Share of the budget that is spent."""
        return min(1.0, max(self.decisions / self.learner.decisions, self.seconds / self.learner.seconds))

    def learn(self, hear: Callable[[Training, Mapping[str, Any]], object] | None = None) -> bool:
        """Go on until the budget is spent, or until Ctrl-C, after which the iteration is finished; say whether it is spent.

        ``hear`` is told after each iteration what was logged.
        """
        before = signal.signal(signal.SIGINT, self._interrupt)
        try:
            with Progress(total=100, unit="%", desc="learning", bar_format=BAR) as bar:
                for scalars in self.rounds():
                    if hear is not None:
                        hear(self, scalars)
                    bar.set_postfix_str(self._summary(scalars))
                    bar.update(100 * self.spent - bar.n)
        finally:
            signal.signal(signal.SIGINT, before)
        return not self._stop

    def rounds(self, *callbacks: Callable[[Training], bool | None]) -> Iterator[dict[str, Any]]:
        """Learn, and give out after each iteration what was logged; break off wherever you like, and go on by calling it again.

        Each of ``callbacks`` is called with this run after each iteration; one that returns False ends learning, as those of SB3 do.
        Checkpoints and TensorBoard files are written on the way, and a last checkpoint at the end, or where you break off.
        """
        self.begin()
        logger = make_logger(self.folder, self.decisions + 1 if self.decisions else 0)
        try:
            while self.spent < 1.0 and not self._stop:
                for name, value in self.iterate(logger).items():
                    logger.record(name, value)
                scalars = dict(logger.name_to_value)
                logger.dump(
                    self.decisions
                )  # before the checkpoint: what is written past one is dropped by who goes on from it
                if self._improved:
                    best = partial(self.evaluation.first, self.method.policies())
                    self.pictures.draw(logger, best, self.decisions, self.seconds)
                    self._improved = False
                for callback in callbacks:
                    self._stop |= callback(self) is False
                if self.iteration % self.learner.checkpoint_every == 0 and self.spent < 1.0 and not self._stop:
                    self.save()
                try:
                    yield scalars
                except GeneratorExit:
                    self.save()
                    raise
            self.save()
        finally:
            logger.close()

    def play_rules(self) -> None:
        """Have the rules play what learning is measured on, and refuse a scenario in which they cost nothing: before it is begun."""
        _ = self.evaluation.rule_cost

    def begin(self) -> None:
        """Do what comes before the first iteration, unless it is done: measuring columns, imitating, playing the rules."""
        self.play_rules()
        if not self._begun:
            self.method.begin()
            self._begun = True

    def iterate(self, logger: Logger) -> dict[str, float]:
        """Collect and integrate once, evaluate where it is time; return what there is to log."""
        self.begin()
        self.method.anneal(1.0 - self.spent)
        start = time.perf_counter()
        carried = self.method.held()
        finished = self.method.collect(self.iteration)
        made = self.method.held() - carried
        collected = time.perf_counter()
        self.method.integrate(logger)
        end = time.perf_counter()
        self.iteration += 1
        self.decisions += made
        self.seconds += end - start
        scalars = {
            "time/decisions_per_second": made / (end - start),
            "time/collect_share": (collected - start) / (end - start),
            "time/iteration": self.iteration,
            "time/seconds": self.seconds,
            **self._of_episodes(finished),
        }
        if self.iteration % self.learner.evaluation.every == 0 or self.spent >= 1.0:
            scalars |= self._evaluate()
        return scalars

    def _of_episodes(self, finished: list[Finished]) -> dict[str, float]:
        if not finished:
            return {}
        cost, rule_cost = (
            float(np.mean(costs)) for costs in ([episode.cost for episode in finished], self.method.rule_cost(finished))
        )
        gap = {"rollout/gap_percent": percent(cost, rule_cost)} if rule_cost > 0 else {}
        return {"rollout/episode_cost": cost, "rollout/episodes": len(finished), **gap}

    def _evaluate(self) -> dict[str, float]:
        found = self.evaluation(self.method.policies())
        self._improved = self.best is None or found["gap_percent"] < self.best
        if self._improved:
            self.best = found["gap_percent"]
            with replacing(self.folder / "policy") as folder:  # both roles at once: they learned together
                self.method.write(folder, self.facts())
        return {f"evaluate/{name}": value for name, value in found.items()}

    def _summary(self, values: dict[str, Any]) -> str:
        gap = "" if self.best is None else f", best gap {self.best:+.1f} %"
        cost = f", cost {values['rollout/episode_cost']:,.0f}" if "rollout/episode_cost" in values else ""
        return f"{self.decisions:,} decisions, {values['time/decisions_per_second']:,.0f}/s{cost}{gap}"

    def _interrupt(self, *_: object) -> None:
        self._stop = True
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a second Ctrl-C does not wait

    def facts(self) -> dict[str, Any]:
        """Where the run stands, as JSON values."""
        named = ("iteration", "decisions", "seconds", "best", "seed", "threads", "device")
        return {name: getattr(self, name) for name in named} | {"torch": str(torch.__version__)}

    def save(self) -> None:
        """Write a checkpoint. Raises OSError where the disk does not take it; the last ones stay."""
        arrays = checkpoint.below("random", checkpoint.random_state()) | checkpoint.below("method", self.method.state())
        for role, model in self.models.items():
            arrays |= checkpoint.below(f"model.{role}", checkpoint.model_state(model))
            arrays |= checkpoint.below(f"experience.{role}", self.method.experience[role].state())
        self.folder.mkdir(parents=True, exist_ok=True)
        checkpoint.save(self.folder / checkpoint.NAME, arrays, self.facts() | {"columns": self._columns()})

    def _columns(self) -> dict[str, list[str]]:
        """What the networks read, by role."""
        specs = {role: model.policy.spec for role, model in self.models.items()}
        return {role: [*spec.candidate_columns, *spec.context_columns] for role, spec in specs.items()}

    def load(self) -> None:
        """Go on from the folder's newest whole checkpoint: what follows is bit for bit what would have followed, on an equal machine.

        Raises:
            CheckpointError: where there is none, or it is not of a run like this one, which must not go on then.
        """
        path, arrays, facts = checkpoint.load_latest(self.folder / checkpoint.NAME)
        try:
            if facts["seed"] != self.seed:
                raise ValueError(f"seed is {facts['seed']}, must be {self.seed}")
            checkpoint.check_columns(facts.get("columns", {}), self._columns())
            prefixes = (
                "random",
                "method",
                *(f"{kind}.{role}" for kind in ("model", "experience") for role in self.models),
            )
            if foreign := [name for name in arrays if not name.startswith(tuple(f"{prefix}." for prefix in prefixes))]:
                raise ValueError(f"{foreign[0]} is not known here")
            self.method.load(
                checkpoint.part("method", arrays), facts["iteration"]
            )  # first: fresh worlds forget what was experienced
            for role, model in self.models.items():
                checkpoint.load_model(model, checkpoint.part(f"model.{role}", arrays))
                self.method.experience[role].load(checkpoint.part(f"experience.{role}", arrays))
            checkpoint.load_random(checkpoint.part("random", arrays))
        except (ValueError, IndexError, RuntimeError) as error:
            raise checkpoint.CheckpointError(f"{path}: is of another scenario, learner or seed: {error}") from None
        self._begun = facts["iteration"] > 0
        self.iteration, self.decisions, self.seconds, self.best = (
            facts[name] for name in ("iteration", "decisions", "seconds", "best")
        )
