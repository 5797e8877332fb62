"""Lower bounds of the makespan that need no search."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from envs.workloads.graph import topological_order
from envs.workloads.instance import Instance


def makespan_bound(i: Instance) -> float:
    """Return seconds that no schedule of tasks which fill their agent can beat.

    The largest of: the longest path through a job; for each agent, the work that only it can do, behind the shortest way to any of
    it and before the shortest way from it to the end (Taillard 1993, generalised to alternatives); all work on all agents.
    """
    head, shortest, tail = _paths(i)
    bound = float((head + shortest + tail).max())
    only = i.option_agent[i.option_first[:-1]]  # the agent of a task without alternatives
    alone = np.diff(i.option_first) == 1
    for agent in range(i.num_agents):
        its = alone & (only == agent)
        if its.any():
            bound = max(bound, float(head[its].min() + shortest[its].sum() + tail[its].min()))
    return max(bound, float(head.min() + shortest.sum() / i.num_agents + tail.min()))


def critical_path(i: Instance) -> float:
    """Return the seconds of the longest path through a job: what no schedule can beat, whatever its tasks hold."""
    head, shortest, tail = _paths(i)
    return float((head + shortest + tail).max())


def in_hindsight(i: Instance) -> Instance:
    """Return the instance of somebody who knows the realised durations from the start."""
    ratio = np.repeat(i.task_ratio, np.diff(i.option_first))
    return replace(i, option_nominal=i.option_nominal * ratio, task_ratio=np.ones(i.num_tasks))


def _paths(i: Instance) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """[T] seconds: the earliest start of each task, its shortest duration, and the longest path behind it."""
    shortest = np.minimum.reduceat(i.option_nominal, i.option_first[:-1])
    head = np.repeat(i.job_release, np.diff(i.job_first))
    tail = np.zeros(i.num_tasks)
    order = topological_order(i.successor_first, i.successor)
    for t in order:
        after = i.successor[i.successor_first[t] : i.successor_first[t + 1]]
        head[after] = np.maximum(head[after], head[t] + shortest[t])
    for t in order[::-1]:
        after = i.successor[i.successor_first[t] : i.successor_first[t + 1]]
        tail[t] = (tail[after] + shortest[after]).max(initial=0.0)
    return head, shortest, tail
