"""Ways to learn, one per file, chosen by configuration: all collect first and integrate then."""

from __future__ import annotations

from collections.abc import Mapping

from agents.learning.config import EVOLUTION, PPO, Learner
from agents.learning.methods.evolution import Evolution
from agents.learning.methods.groups import Groups
from agents.learning.methods.method import Method
from agents.learning.methods.streams import Streams
from agents.learning.ppo import RolePPO
from envs.scenario import Scenario


def make_method(scenario: Scenario, learner: Learner, models: Mapping[str, RolePPO], seed: int, threads: int) -> Method:
    """Build the method that the learner asks for; its worlds share ``threads``, on which no result depends."""
    if learner.update.method == EVOLUTION:
        return Evolution(scenario, learner, seed, threads)
    kind: type[Streams | Groups] = Streams if learner.update.method == PPO else Groups
    return kind(scenario, learner, models, seed, threads)
