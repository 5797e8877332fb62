"""Whether a scenario can be played out with its instances: in the memory of a machine, and before the end of time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from envs.columns import NUM_CANDIDATE
from envs.scenario import Scenario, ScenarioError
from envs.workloads.instance import Instance

MAX_NUMBERS: Final = 2**31
"""Numbers that the worlds of one World may hold together, 8 to 16 GiB."""
PER_TASK: Final = 16
"""Numbers that a world keeps per task, roughly."""
MEAN_UP_TIMES: Final = 10.0
"""A task that takes this many mean up-times without a break needs e^10, 22,000, attempts; a little more, and it never ends."""
MOST_BREAKS: Final = 1e6
"""Of one task that keeps its progress and goes on, or of an agent until the scenario's end of time."""


def check_playable(scenario: Scenario, instances: Sequence[Instance], worlds: int) -> None:
    """Refuse what would fill the memory, or go on for ever.

    Raises:
        ScenarioError: so many worlds do not fit, or agents break down so often that the longest task never ends.
    """
    agents = max(instance.num_agents for instance in instances)
    tasks = max(instance.num_tasks for instance in instances)
    if worlds * (agents * scenario.candidates * NUM_CANDIDATE + PER_TASK * tasks) > MAX_NUMBERS:
        sizes = f"{worlds} worlds of {agents} agents with {scenario.candidates} candidates and {tasks} tasks"
        raise ScenarioError(f"{sizes} do not fit into memory, must be fewer worlds, agents, candidates or tasks")
    up, kept = scenario.uncertainty.mean_time_between_failures, scenario.uncertainty.kept_progress
    if math.isinf(up) or scenario.limits.max_time / (up + scenario.uncertainty.mean_time_to_repair) <= MOST_BREAKS:
        return
    longest = max(float(np.minimum.reduceat(i.option_nominal, i.option_first[:-1]).max()) for i in instances)
    breaks = min(MOST_BREAKS, MEAN_UP_TIMES + (kept / (1 - kept) if kept < 1 else math.inf))
    if longest > breaks * up:
        raise ScenarioError(
            f"Uncertainty.mean_time_between_failures is {up!r}, must be >= {longest / breaks:.6g}: the longest task takes {longest:.6g} s, "
            "and would never end; or give Limits.max_time an early end"
        )
