"""Ways to learn, one per file, chosen by configuration: all collect first and integrate then."""

from __future__ import annotations

from typing import Final

from agents.learning.config import EVOLUTION, GROUP, PPO, SELF_LABEL
from agents.learning.methods.evolution import EvolutionStrategies
from agents.learning.methods.groups import GroupRollouts
from agents.learning.methods.streams import Streams

METHODS: Final[dict[str, type[Streams | GroupRollouts | EvolutionStrategies]]] = {
    PPO: Streams,
    GROUP: GroupRollouts,
    SELF_LABEL: GroupRollouts,
    EVOLUTION: EvolutionStrategies,
}
"""By ``learner.update.method``. Each is made of the scenario, the learner, the rules that it is measured against, the networks by role,
the seed, and the threads that its worlds share, on which no result depends."""
