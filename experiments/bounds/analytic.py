"""Lower bounds that need no search, of any instance whose durations are as they are realised without noise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.scenario import Objective
from envs.schedule import realised
from envs.workloads.graph import topological_order
from envs.workloads.instance import FloatArray, Instance
from experiments.bounds.charges import Late, late, leased
from experiments.bounds.one_machine import busy, completions, jackson

MOST_GROUPS: Final = 256
"""Sets of agents whose work is looked at together, the most frequent ones."""
MOST_LAYERS: Final = 32
"""Levels of weights that are told apart."""


class Paths(NamedTuple):
    """Times that precedence alone implies, every task at its shortest; seconds."""

    shortest: FloatArray
    """[T]."""
    head: FloatArray
    """[T] no task starts before."""
    tail: FloatArray
    """[T] from a task's end to its job's."""


class Share(NamedTuple):
    """Work that one machine would have to do alone, if it could be interrupted and divided."""

    tasks: NDArray[np.intp]
    """[n]."""
    length: FloatArray
    """[n] seconds of the machine."""


def lower_bound(objective: Objective, i: Instance, noise: FloatArray | None = None) -> float:
    """Return a cost that no schedule is below: the sum of the bounds of the objective's terms.

    Where durations are noisy, ``noise`` [T] says how: the bound is then one for somebody who knows it.
    """
    paths, of_jobs = find_paths(i, noise), late(objective, i)
    shares = list(find_shares(i, paths.shortest))
    bound = float(leased(objective, i) @ paths.shortest) + sum(_late_bound(i, term, paths, shares) for term in of_jobs)
    return bound + (objective.makespan * _makespan_bound(paths, shares) if objective.makespan else 0.0)


def critical_path(i: Instance) -> float:
    """Return when the last job could be done, had everybody all units: the bound that PSPLIB's gaps refer to."""
    paths = find_paths(i)
    return float((paths.head + paths.shortest + paths.tail).max())


def find_paths(i: Instance, noise: FloatArray | None = None) -> Paths:
    """Return the longest ways to and from every task; ``noise`` as above."""
    shortest = np.minimum.reduceat(realised(i), i.option_first[:-1]) * (1.0 if noise is None else noise)
    length, head, tail = shortest.tolist(), i.job_release[i.job_of_task()].tolist(), [0.0] * i.num_tasks
    first, successor = i.successor_first.tolist(), i.successor.tolist()
    order = topological_order(i.successor_first, i.successor).tolist()
    for t in order:
        for s in successor[first[t] : first[t + 1]]:
            head[s] = max(head[s], head[t] + length[t])
    for t in reversed(order):
        tail[t] = max((tail[s] + length[s] for s in successor[first[t] : first[t + 1]]), default=0.0)
    return Paths(shortest, np.array(head), np.array(tail))


def find_shares(i: Instance, shortest: FloatArray) -> Iterator[Share]:
    """Yield relaxations to one machine.

    * Tasks that only some agents can do, or that lease from one pool: the machine is all their units, and a task of d units of c
      needs d / c of its time (energy; the "squashed area" of Turek et al. 1994).
    * Tasks that need more than half of a pool each: no two overlap, and each has the machine for its whole time.
    """
    eligible = np.zeros((i.num_tasks, i.num_agents), np.bool_)
    eligible[np.repeat(np.arange(i.num_tasks), np.diff(i.option_first)), i.option_agent] = True
    sets, times = np.unique(eligible, axis=0, return_counts=True)
    some = sets[np.argsort(-times, kind="stable")[:MOST_GROUPS]]
    groups = [*some[~some.all(axis=1)], np.ones(i.num_agents, np.bool_)]
    for r in range(i.num_resources):
        demand = i.task_demand[:, r]
        for group in groups[-1:] if i.shared[r] else groups:
            tasks = np.flatnonzero((demand > 0) & ~eligible[:, ~group].any(axis=1))
            if not tasks.size:
                continue
            units = int(i.shared_capacity[r] if i.shared[r] else i.local_capacity[group, r].sum())
            yield Share(tasks, shortest[tasks] * demand[tasks] / units)
            large = tasks[2 * demand[tasks] > units]
            if large.size and (i.shared[r] or group.sum() == 1):
                yield Share(large, shortest[large])


def _makespan_bound(paths: Paths, shares: list[Share]) -> float:
    """Return the critical path or, if larger, the one-machine bound of a share (Carlier 1982)."""
    machines = (jackson(paths.head[tasks], length, paths.tail[tasks]) for tasks, length in shares)
    return max(float((paths.head + paths.shortest + paths.tail).max()), *machines)


def _late_bound(i: Instance, term: Late, paths: Paths, shares: list[Share]) -> float:
    """Return the largest bound of a term: jobs alone, or the jobs of one share on its machine and the others alone."""
    done = np.maximum.reduceat(paths.head + paths.shortest + paths.tail, i.job_first[:-1])
    alone = term.weight * np.maximum(0.0, done - term.due)
    job = i.job_of_task()
    best = float(alone.sum())
    for share in shares:
        inside = np.zeros(i.num_jobs, np.bool_)
        inside[job[share.tasks]] = True
        inside &= np.isfinite(term.due)
        kept = inside[job[share.tasks]] & (share.length > 0)
        if not kept.any():
            continue
        tasks, length = share.tasks[kept], share.length[kept]
        inside[:] = False
        inside[job[tasks]] = True
        both = _in_layers(job[tasks], term, paths, tasks, length), _by_rate(job[tasks], term, paths, tasks, length)
        best = max(best, float(alone[~inside].sum()) + max(both))
    return best


def _in_layers(job: NDArray[np.int32], term: Late, paths: Paths, tasks: NDArray[np.intp], length: FloatArray) -> float:
    """Return the sum over levels of weight of what the jobs of at least that weight cost by equal weights.

    There, the k-th completion by shortest remaining time is set against the k-th due date (Chu 1992).
    """
    jobs, place = np.unique(job, return_inverse=True)
    work, release, tail = np.bincount(place, length), np.full(jobs.size, np.inf), np.full(jobs.size, np.inf)
    np.minimum.at(release, place, paths.head[tasks])
    np.minimum.at(tail, place, paths.tail[tasks])
    weight, due = term.weight[jobs], term.due[jobs] - tail
    levels = np.unique(weight)
    levels = levels[:: -(-levels.size // MOST_LAYERS)]
    total = 0.0
    for level, below in zip(levels, [0.0, *levels], strict=False):
        heavy = weight >= level
        total += (level - below) * np.maximum(0.0, completions(release[heavy], work[heavy]) - np.sort(due[heavy])).sum()
    return float(total)


def _by_rate(job: NDArray[np.int32], term: Late, paths: Paths, tasks: NDArray[np.intp], length: FloatArray) -> float:
    """Return what the jobs cost if those with the highest weight per work go first, late or early.

    The mean instant at which a job is worked on (Goemans 1997) is followed by half its tasks' own time and what comes behind them, or, if
    longer, by half of all its work (Eastman, Even and Isaacs 1964, generalised to jobs of several tasks).
    """
    work = np.bincount(job, length)
    share = length / work[job]
    rate = term.weight[job] / work[job]
    behind = np.bincount(job, share * (paths.shortest[tasks] / 2 + paths.tail[tasks]))
    mean = np.bincount(job, share * busy(paths.head[tasks], length, rate))
    jobs = np.unique(job)
    end = mean[jobs] + np.maximum(behind[jobs], work[jobs] / 2)
    return float(term.weight[jobs] @ (end - term.due[jobs]))
