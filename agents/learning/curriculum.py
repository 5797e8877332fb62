"""In what order the episodes of training open: from the small ones, or from those of low load."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agents.evaluation.play import Episodes
from agents.learning.config import LOAD
from envs.workloads.instance import Instance

Places = NDArray[np.int64]
"""Of episodes in their list."""


def easy_first(episodes: Episodes, order: str) -> Places:
    """[N] the places of episodes, those with the fewest tasks or, where ``order`` is LOAD, of the least load first."""
    hard = [hardness(instance, order) for instance in episodes.instances]
    return np.array(sorted(range(len(episodes.instance)), key=lambda e: hard[episodes.instance[e]]), np.int64)


def hardness(i: Instance, order: str) -> tuple[float, float]:
    """Return what instances are put in order by: tasks; or the offered load and, where all is there at once, the work itself.

    The offered load is the work of the busiest resource over the time from 0 to the last release; without such a time it has no bound.
    """
    if order != LOAD:
        return float(i.num_tasks), 0.0
    work, span = _work(i), float(i.job_release.max())
    return (work / span if span > 0 else np.inf), work


def _work(i: Instance) -> float:
    """Seconds of all its units that the busiest shared resource needs; where none is needed, the busiest one of the agents' own."""
    nominal = np.minimum.reduceat(i.option_nominal, i.option_first[:-1])
    capacity = np.where(i.shared, i.shared_capacity, i.local_capacity.sum(axis=0))
    needed = (capacity > 0) & i.task_demand.any(axis=0)
    among = needed & i.shared if (needed & i.shared).any() else needed
    areas = nominal @ i.task_demand.astype(np.float64)
    return float((areas[among] / capacity[among]).max(initial=0.0))


def opened(ranked: Sequence[int] | Places, curriculum: int, iteration: int) -> Places:
    """The places that are open in an iteration, of all as ``ranked`` [N]: the first ones first, all from ``curriculum`` on and before 0."""
    if not 0 <= iteration < curriculum:
        return np.arange(len(ranked))
    return np.asarray(ranked)[: max(1, len(ranked) * (iteration + 1) // curriculum)]
