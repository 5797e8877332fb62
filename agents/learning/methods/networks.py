"""What methods that train networks have in common: how they begin, perhaps by imitating the rules, and what they leave."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from stable_baselines3.common.logger import Logger

from agents.learning.collect import Collector
from agents.learning.config import Learner, LearnerError
from agents.learning.experience import Experience
from agents.learning.methods.method import Policies
from agents.learning.ppo import RolePPO
from agents.networks import artifact
from agents.networks.architecture import NEGOTIATOR, PRIORITIZER
from agents.networks.artifact import TrainedNegotiator, TrainedPrioritizer
from agents.rules.levels import as_levels, borders
from envs.engine.codes import Phase

FRUITLESS: Final = 256
"""Episodes without any decision after which there is no hope of one."""


class NetworkMethod:
    """Models by role, their experience, and who collects it."""

    _collector: Collector

    def __init__(self, learner: Learner, models: Mapping[str, RolePPO]) -> None:
        """Train ``models``."""
        self._learner, self._models = learner, models
        self.experience: dict[str, Experience] = {}

    def begin(self) -> None:
        """Have the rules play, and be imitated where the learner asks for it."""
        warm_up(self._collector, self._learner, self._models)

    def anneal(self, left: float) -> None:
        """Set what depends on the share of the budget that is left."""
        for model in self._models.values():
            model.anneal(left)

    def held(self) -> int:
        """Decisions of the learning roles in this rollout."""
        return sum(len(experience) for experience in self.experience.values())

    def policies(self) -> Policies:
        """The networks, greedy."""
        brains = {role: model.policy.brain for role, model in self._models.items()}
        return Policies(
            TrainedPrioritizer(brains[PRIORITIZER]) if PRIORITIZER in brains else None,
            TrainedNegotiator(brains[NEGOTIATOR]) if NEGOTIATOR in brains else None,
        )

    def write(self, folder: Path, facts: Mapping[str, Any]) -> None:
        """Write an artifact per role."""
        for role, model in self._models.items():
            artifact.save(folder / role, model.policy.brain, dict(facts))


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
    while collector.decisions() < decisions and (
        collector.world.auto_reset or (collector.world.out.phase != Phase.OVER).any()
    ):
        ended += len(collector.step())
        if ended >= FRUITLESS and not collector.decisions():
            roles = " and ".join(collector.experience)
            raise LearnerError(
                f"learner: {ended} episodes ended in which no {roles} had a choice: there is nothing to learn in this scenario"
            )
