"""How networks begin: the rules play, columns are measured on that, and what the rules do is imitated where the learner asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from stable_baselines3.common.logger import Logger

from agents.learning.collect import Collector
from agents.learning.config import Learner, LearnerError
from agents.learning.ppo import RolePPO
from agents.networks.architecture import NEGOTIATOR
from agents.rules.levels import as_levels, borders
from envs.engine.codes import Phase

FRUITLESS: Final = 256
"""Episodes without any decision after which there is no hope of one."""


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
