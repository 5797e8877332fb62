"""What methods that train networks have in common."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agents.learning.experience import Experience
from agents.learning.methods.method import Policies
from agents.learning.ppo import RolePPO
from agents.networks import artifact
from agents.networks.architecture import NEGOTIATOR, PRIORITIZER
from agents.networks.artifact import TrainedNegotiator, TrainedPrioritizer


class Networks:
    """Models by role, and their experience."""

    def __init__(self, models: Mapping[str, RolePPO]) -> None:
        """Train ``models``."""
        self._models = models
        self.experience: dict[str, Experience] = {}

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
