"""Whether a scenario can be played out with its instances: in the memory of a machine, and before the end of time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from envs.engine.allocate import state_arrays
from envs.scenario import Scenario, ScenarioError
from envs.workloads.instance import Instance

MAX_BYTES: Final = 2**33
"""That the worlds of one World may take together, 8 GiB; instances, which they share, not counted."""
MEAN_UP_TIMES: Final = 10.0
"""A task that takes this many mean up-times without a break needs e^10, 22,000, attempts; a little more, and it never ends."""
MOST_BREAKS: Final = 1e6
"""Of one task that keeps its progress and goes on, or of an agent until the scenario's end of time."""


def check_playable(scenario: Scenario, instances: Sequence[Instance], worlds: int, record: bool = False) -> None:
    """Refuse what would fill the memory, or go on for ever; ``record``: worlds keep logs of events.

    Raises:
        ScenarioError: so many worlds do not fit, or agents break down so often that the longest task never ends.
    """
    arrays = state_arrays(scenario, instances, worlds, record)
    sizes = {name: math.prod(shape) * np.dtype(dtype).itemsize for name, (shape, dtype) in arrays.items()}
    if (total := sum(sizes.values())) > MAX_BYTES:
        agents, kinds, tasks = (
            max(getattr(instance, f"num_{name}") for instance in instances) for name in ("agents", "kinds", "tasks")
        )
        held = (
            f"{worlds} worlds of {agents} agents with {scenario.candidates} candidates, {kinds} kinds and {tasks} tasks"
        )
        most = max(sizes, key=lambda name: sizes[name])
        raise ScenarioError(
            f"{held} do not fit into memory: they take {total / 2**30:.1f} GiB, {sizes[most] / 2**30:.1f} of it for {most}, "
            f"must be at most {MAX_BYTES / 2**30:g}; choose fewer worlds, agents, candidates, kinds or tasks"
        )
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
