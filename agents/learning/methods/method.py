"""What the loop asks of a way to learn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.logger import Logger

from agents.learning.buffer import Array
from agents.learning.collect import Finished
from agents.learning.experience import Experience
from agents.protocols import Negotiator, Prioritizer


class Policies(NamedTuple):
    """What was learned, as it would be deployed; None: a role that is not learned."""

    prioritizer: Prioritizer | None
    negotiator: Negotiator | None


class Method(Protocol):
    """A way to learn. It begins once; one iteration is ``anneal``, ``collect``, then ``integrate``."""

    experience: dict[str, Experience]
    """By role, of networks; empty for a method that keeps none."""

    def begin(self) -> None:
        """Do what comes before the first iteration."""

    def anneal(self, left: float) -> None:
        """Set what depends on the share of the budget that is left, 1 at the start."""

    def collect(self, iteration: int) -> list[Finished]:
        """Play with the current policies; return the episodes that ended."""

    def held(self) -> int:
        """Decisions that were played since the last ``integrate``, and those that it carried over: ``collect`` adds what it plays."""

    def rule_cost(self, finished: list[Finished]) -> NDArray[np.float64]:
        """What the rules cost on each of the episodes [n] that ``collect`` just returned."""

    def integrate(self, logger: Logger) -> None:
        """Change the policies by what was collected."""

    def policies(self) -> Policies:
        """Return what was learned so far."""

    def write(self, folder: Path, facts: Mapping[str, Any]) -> None:
        """Write what was learned so far into a folder that exists, with what is known of its training."""

    def state(self) -> dict[str, Array]:
        """Everything between two iterations that ``load`` needs; models and experience excepted."""

    def load(self, state: dict[str, Array], iteration: int) -> None:
        """Continue as the method that ``state`` was taken from, before the given iteration."""
