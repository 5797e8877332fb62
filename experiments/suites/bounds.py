"""What scores are measured against where nobody else's best value is known: what CP-SAT found, or else a bound that needs no search."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig

from agents.evaluation.play import Episodes
from envs.scenario import Limits, Objective, Scenario
from envs.validate.draws import noise
from envs.workloads.instance import Instance
from experiments.bounds.analytic import lower_bound
from experiments.bounds.answers import Answers
from experiments.plumbing.building import check

Reference = Callable[[Instance], tuple[float, bool]]
"""Returns a cost, and whether it is a bound that maybe no schedule reaches; otherwise it is the least there is."""


def reference_of(config: DictConfig, objective: Objective) -> Reference:
    """Return what the file ``config.bounds`` of parley bound says of an instance, or the analytic bound where it says nothing.

    Raises:
        UsageError: where the file is damaged or has another objective; the reference raises it where a schedule of the file is none.
    """
    answers = Answers.before(check(config.bounds, str | None, "bounds"), objective)

    def reference(i: Instance) -> tuple[float, bool]:
        answer = answers.look_up(i)
        if answer is None:
            return lower_bound(objective, i), True
        return (answer.cost, False) if answer.cost is not None and answer.proven else (answer.bound, True)

    return reference


def all_is_done_once(scenario: Scenario) -> bool:
    """Whether no attempt fails, is interrupted or is cut off: what a task takes then does not depend on who plays."""
    chance = scenario.uncertainty
    return (
        not chance.failure_probability and chance.mean_time_between_failures == math.inf and scenario.limits == Limits()
    )


def realised_bounds(scenario: Scenario, episodes: Episodes, objective: Objective) -> NDArray[np.float64]:
    """Return [E] costs that no schedules of the episodes are below, by the durations that are drawn where all is done once."""
    sigma = scenario.uncertainty.duration_sigma
    bounds = np.zeros(len(episodes.seeds))
    for e, (which, seed) in enumerate(zip(episodes.instance.tolist(), episodes.seeds.tolist(), strict=True)):
        i = episodes.instances[which]
        tasks, first = np.arange(i.num_tasks), np.zeros(i.num_tasks, np.int64)
        drawn = noise(seed, tasks, first, sigma) if sigma else None
        bounds[e] = lower_bound(objective, i, drawn)
    return bounds
