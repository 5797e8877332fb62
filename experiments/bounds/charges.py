"""An objective as what bounds can be found for: weighted tardiness of jobs, the makespan, and leases."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.scenario import Objective
from envs.validate.costs import SHORTEST_JOB, job_lengths
from envs.workloads.instance import FloatArray, Instance


class Late(NamedTuple):
    """The sum over jobs of weight x max(0, completion - due)."""

    weight: FloatArray
    """[J]."""
    due: FloatArray
    """[J] seconds; infinite: never late."""


def late(objective: Objective, i: Instance) -> list[Late]:
    """Return the terms of an objective that jobs pay: flow time is tardiness behind the release, slowdown behind release and length."""
    least = np.maximum(job_lengths(i), SHORTEST_JOB)
    terms = (
        (objective.flow, Late(i.job_weight, i.job_release)),
        (objective.tardiness, Late(i.job_weight, np.maximum(i.job_due, i.job_release))),
        (objective.slowdown, Late(1.0 / least, i.job_release + least)),
    )
    return [Late(worth * term.weight, term.due) for worth, term in terms if worth > 0]


def leased(objective: Objective, i: Instance) -> FloatArray:
    """[T] what a second of a task costs in leases."""
    units = i.task_demand[:, i.shared].sum(axis=1)
    rate: FloatArray = objective.lease * units.astype(np.float64)
    return rate
