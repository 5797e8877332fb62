"""The loop: collect, integrate, evaluate, checkpoint; until the budget is spent or somebody presses Ctrl-C."""

from __future__ import annotations

import math
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.utils import get_device
from tqdm import tqdm

from agents import artifact
from agents.artifact import TrainedNegotiator, TrainedPrioritizer
from agents.evaluation import draw_episodes
from agents.learning import checkpoint
from agents.learning.collect import Finished
from agents.learning.config import Learner, LearnerError
from agents.learning.episodes import Purpose, derive, play
from agents.learning.integrate import make_method, rules
from agents.learning.logging import make_logger
from agents.learning.ppo import RolePPO
from agents.networks import NEGOTIATOR, PRIORITIZER
from agents.policy import Negotiator, Prioritizer
from envs.scenario import Scenario
from envs.world import World


class Evaluation:
    """Greedy policies against the rules on fixed episodes that are never trained on."""

    def __init__(self, scenario: Scenario, learner: Learner, seed: int) -> None:
        """Draw the episodes and play the rules on them."""
        number = learner.evaluation.episodes
        self.episodes = draw_episodes(scenario, number, derive(seed, Purpose.EVALUATION))
        self._world = World(scenario, min(number, learner.worlds), instances=self.episodes.instances)
        self._rules = rules(learner)
        self.rule_cost = self.cost(*self._rules)
        if not 0.0 < self.rule_cost.mean() < math.inf:
            raise LearnerError(
                f"learner: the rules cost {self.rule_cost.mean()} on the evaluation's episodes, must be more, or there is no gap"
            )

    def cost(self, prioritizer: Prioritizer, negotiator: Negotiator) -> NDArray[np.float64]:
        """What two policies cost on each of the episodes."""
        return play(self._world, self.episodes, prioritizer, negotiator)

    def __call__(self, models: dict[str, RolePPO]) -> dict[str, float]:
        """Return the mean cost, that of the rules, and the gap between them in percent: negative where learning is better."""
        prioritizer, negotiator = self._rules
        if PRIORITIZER in models:
            prioritizer = TrainedPrioritizer(models[PRIORITIZER].policy.brain)
        if NEGOTIATOR in models:
            negotiator = TrainedNegotiator(models[NEGOTIATOR].policy.brain)
        cost = self.cost(prioritizer, negotiator)
        gap = percent(cost.mean(), self.rule_cost.mean())
        return {"cost": float(cost.mean()), "rule_cost": float(self.rule_cost.mean()), "gap_percent": gap}


def percent(cost: float, rule_cost: float) -> float:
    """By how many percent a cost is above that of the rules."""
    return float(100.0 * (cost / rule_cost - 1.0))


class Run:
    """One training run: everything that is assembled, counted and saved."""

    def __init__(self, scenario: Scenario, learner: Learner, folder: Path, seed: int, device: str = "auto", threads: int = 1) -> None:
        """Assemble a new run in ``folder``. ``device`` is torch's name of one, or auto; ``threads`` are torch's, and the worlds'."""
        torch.set_num_threads(threads)  # results differ in the last bits between numbers of threads
        torch.manual_seed(derive(seed, Purpose.TORCH))
        self.learner, self.folder, self.seed, self.threads = learner, folder, seed, threads
        self.device = str(get_device(device))
        levels = scenario.negotiation.levels
        self.models = {
            role: RolePPO(role, scenario.candidates, levels, learner.network, learner.update, self.device) for role in learner.roles
        }
        for model in self.models.values():
            model.anneal(1.0)
        self.method = make_method(scenario, learner, self.models, seed, threads)
        self.evaluation = Evaluation(scenario, learner, seed)
        self.iteration = 0
        self.decisions = 0
        self.seconds = 0.0
        self.best: float | None = None
        """The smallest gap so far: the policy that had it is the one in ``folder / policy``."""
        self._stop = False

    @property
    def spent(self) -> float:
        """Share of the budget that is spent."""
        return min(1.0, max(self.decisions / self.learner.decisions, self.seconds / self.learner.seconds))

    def learn(self) -> bool:
        """Go on until the budget is spent, or until Ctrl-C, after which the iteration is finished; say whether it is spent."""
        before = signal.signal(signal.SIGINT, self._interrupt)
        logger = make_logger(self.folder / "tensorboard", self.decisions + 1 if self.decisions else 0)
        try:
            with tqdm(total=100, unit="%", bar_format="{percentage:3.0f}%|{bar}| {elapsed}<{remaining} {postfix}") as bar:
                while self.spent < 1.0 and not self._stop:
                    for name, value in self.iterate(logger).items():
                        logger.record(name, value)
                    bar.set_postfix_str(self._summary(logger.name_to_value))
                    bar.update(100 * self.spent - bar.n)
                    logger.dump(self.decisions)
            self.save()
        finally:
            signal.signal(signal.SIGINT, before)
            logger.close()
        return not self._stop

    def iterate(self, logger: Logger) -> dict[str, float]:
        """Collect and integrate once, evaluate and save where it is time; return what there is to log."""
        for model in self.models.values():
            model.anneal(1.0 - self.spent)
        start = time.perf_counter()
        carried = self._held()
        finished = self.method.collect(self.iteration)
        made = self._held() - carried
        collected = time.perf_counter()
        self.method.integrate(self.models, logger)
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
        if self.iteration % self.learner.checkpoint_every == 0:
            self.save()
        return scalars

    def _held(self) -> int:
        return sum(len(experience) for experience in self.method.experience.values())

    def _of_episodes(self, finished: list[Finished]) -> dict[str, float]:
        if not finished:
            return {}
        cost, rule_cost = (float(np.mean(costs)) for costs in ([episode.cost for episode in finished], self.method.rule_cost(finished)))
        gap = {"rollout/gap_percent": percent(cost, rule_cost)} if rule_cost > 0 else {}
        return {"rollout/episode_cost": cost, "rollout/episodes": len(finished), **gap}

    def _evaluate(self) -> dict[str, float]:
        found = self.evaluation(self.models)
        if self.best is None or found["gap_percent"] < self.best:
            self.best = found["gap_percent"]
            for role, model in self.models.items():
                artifact.save(self.folder / "policy" / role, model.policy.brain, self.facts())
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
        """Write a checkpoint."""
        arrays = checkpoint.below("random", checkpoint.random_state()) | checkpoint.below("method", self.method.state())
        for role, model in self.models.items():
            arrays |= checkpoint.below(f"model.{role}", checkpoint.model_state(model))
            arrays |= checkpoint.below(f"experience.{role}", self.method.experience[role].state())
        self.folder.mkdir(parents=True, exist_ok=True)
        checkpoint.save(self.folder / checkpoint.NAME, arrays, self.facts())

    def load(self) -> None:
        """Go on from the folder's checkpoint: what follows is bit for bit what would have followed, on an equal machine."""
        arrays, facts = checkpoint.load(self.folder / checkpoint.NAME)
        try:
            for role, model in self.models.items():
                checkpoint.load_model(model, checkpoint.part(f"model.{role}", arrays))
                self.method.experience[role].load(checkpoint.part(f"experience.{role}", arrays))
            self.method.load(checkpoint.part("method", arrays), facts["iteration"])
            checkpoint.load_random(checkpoint.part("random", arrays))
            self.iteration, self.decisions = int(facts["iteration"]), int(facts["decisions"])
            self.seconds, self.best = float(facts["seconds"]), None if facts["best"] is None else float(facts["best"])
        except (KeyError, ValueError, IndexError, RuntimeError, TypeError) as error:
            path = self.folder / checkpoint.NAME
            raise checkpoint.CheckpointError(f"{path}: is of another scenario or learner: {error}") from None
