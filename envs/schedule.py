"""Schedules: who runs what and when, made from an order of tasks, and told as the event log of an episode without chance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from envs.events import NONE, EventKind, EventLog
from envs.workloads.graph import topological_order
from envs.workloads.instance import FloatArray, Instance, IntArray

Pool = tuple[int, int]
"""A resource, and the agent whose own it is; NONE: shared."""


class Schedule(NamedTuple):
    """Every task once, without interruption."""

    agent: IntArray
    """[T] who runs it, by one of its options."""
    start: FloatArray
    """[T] seconds."""


def realised(i: Instance) -> FloatArray:
    """[P] seconds that an option really takes where there is no noise: nominal x the source's ratio / true speed."""
    task = np.repeat(np.arange(i.num_tasks), np.diff(i.option_first))
    seconds: FloatArray = i.option_nominal * i.task_ratio[task] / i.speed[i.option_agent, i.task_kind[task]]
    return seconds


def lengths(i: Instance, agent: IntArray) -> FloatArray:
    """[T] seconds that tasks take at their agents [T].

    Raises:
        ValueError: where an agent is no option of its task.
    """
    task = np.repeat(np.arange(i.num_tasks), np.diff(i.option_first))
    chosen = np.flatnonzero(i.option_agent == agent[task])
    if not np.array_equal(task[chosen], np.arange(i.num_tasks)):
        raise ValueError(f"{i.name}: an agent is no option of its task")
    return realised(i)[chosen]


def pool_of(i: Instance, resource: int, agent: int) -> Pool:
    """Where an agent's tasks take a resource from."""
    return (resource, NONE) if i.shared[resource] else (resource, agent)


def capacity(i: Instance, pool: Pool) -> int:
    """Units of a pool."""
    return int(i.shared_capacity[pool[0]] if pool[1] == NONE else i.local_capacity[pool[1], pool[0]])


def schedule(i: Instance, agent: IntArray, order: IntArray) -> Schedule:
    """Start the tasks one after another, each as early as its predecessors and the units that those before it left allow.

    This is serial schedule generation (Kolisch 1996). Where ``order`` follows the starts of a feasible schedule, no task starts later than
    it does there.

    Args:
        i: the jobs.
        agent: [T] who runs each task.
        order: [T] tasks, predecessors first.
    """
    length = lengths(i, agent).tolist()
    earliest = i.job_release[i.job_of_task()].tolist()
    first, successor = i.successor_first.tolist(), i.successor.tolist()
    taken: defaultdict[Pool, _Usage] = defaultdict(_Usage)
    start = np.zeros(i.num_tasks)
    for t in order.tolist():
        pools = [
            (pool_of(i, int(r), int(agent[t])), int(i.task_demand[t, r])) for r in np.flatnonzero(i.task_demand[t])
        ]
        usages = [(taken[pool], demand, capacity(i, pool)) for pool, demand in pools]
        ends = [end for usage, _, _ in usages for end in usage.end if end > earliest[t]]
        start[t] = next(
            s for s in [earliest[t], *sorted(ends)] if all(u.has(s, s + length[t], units - d) for u, d, units in usages)
        )
        for usage, demand, _ in usages:
            usage.add(start[t], start[t] + length[t], demand)
        for s in successor[first[t] : first[t + 1]]:
            earliest[s] = max(earliest[s], start[t] + length[t])
    return Schedule(agent, start)


class _Usage:
    """Who takes units of a pool from when to when. A task of no length takes them for an instant within no other task's time."""

    def __init__(self) -> None:
        self.start: list[float] = []
        self.end: list[float] = []
        self.demand: list[int] = []

    def add(self, start: float, end: float, demand: int) -> None:
        self.start.append(start)
        self.end.append(end)
        self.demand.append(demand)

    def has(self, start: float, end: float, most: int) -> bool:
        """Whether at most so many units are taken all the time from start to end."""
        within = [(b, e, d) for b, e, d in zip(self.start, self.end, self.demand, strict=True) if b < end and e > start]
        if sum(d for _, _, d in within) <= most:
            return True
        if start == end:
            return False
        return all(
            _at(max(begin, start), begin == last, within) + (begin == last) * demand <= most
            for begin, last, demand in within
        )


def _at(time: float, instant: bool, tasks: list[tuple[float, float, int]]) -> int:
    """Units taken just after a time, or by what is under way at that instant."""
    return sum(d for begin, end, d in tasks if end > time and (begin < time or (begin == time and not instant)))


def event_log(i: Instance, made: Schedule) -> EventLog:
    """Tell a schedule as the world would: what the checker in ``envs/validate/`` needs to judge it."""
    return _Telling(i, made).log()


class _Telling:
    """One schedule, event by event. Within an instant: ends, arrivals, tasks of no length, starts."""

    def __init__(self, i: Instance, made: Schedule) -> None:
        self.i, self.agent = i, made.agent.tolist()
        self.start: list[float] = made.start.tolist()
        self.end: list[float] = (made.start + lengths(i, made.agent)).tolist()
        self.job = i.job_of_task().tolist()
        self.first, self.successor = i.successor_first.tolist(), i.successor.tolist()
        self.open: list[int] = np.bincount(i.successor, minlength=i.num_tasks).tolist()
        self.left: list[int] = np.diff(i.job_first).tolist()
        self.leases: list[bool] = (i.task_demand[:, i.shared].sum(axis=1) > 0).tolist()
        self.rows: list[tuple[float, EventKind, int, int, int, float]] = []

    def log(self) -> EventLog:
        order = topological_order(self.i.successor_first, self.i.successor).tolist()
        acts: list[tuple[float, int, int, Callable[[int], None], int]] = []
        acts += [(release, 1, j, self._arrive, j) for j, release in enumerate(self.i.job_release.tolist())]
        for place, t in enumerate(order):
            if self.start[t] == self.end[t]:
                acts.append((self.start[t], 2, place, self._pass_by, t))
            else:
                acts += [(self.start[t], 3, place, self._begin, t), (self.end[t], 0, place, self._finish, t)]
        for _, _, _, act, what in sorted(acts, key=lambda each: each[:3]):
            act(what)
        time, kind, agent, job, task, value = map(np.array, zip(*self.rows, strict=True))
        return EventLog(
            time, kind.astype(np.int32), agent.astype(np.int32), job.astype(np.int32), task.astype(np.int32), value
        )

    def _tell(self, time: float, kind: EventKind, agent: int, job: int, task: int, value: float = 0.0) -> None:
        self.rows.append((time, kind, agent, job, task, value))

    def _arrive(self, j: int) -> None:
        now = float(self.i.job_release[j])
        self._tell(now, EventKind.TASK_SUBMISSION, NONE, j, NONE)
        for t in range(int(self.i.job_first[j]), int(self.i.job_first[j + 1])):
            if not self.open[t]:
                self._tell(now, EventKind.TASK_READY, NONE, j, t)

    def _pass_by(self, t: int) -> None:
        self._begin(t)
        self._finish(t)

    def _begin(self, t: int) -> None:
        if self.leases[t]:
            self._tell(self.start[t], EventKind.ALLOCATION_UPDATE, self.agent[t], self.job[t], t)
        self._tell(self.start[t], EventKind.TASK_START, self.agent[t], self.job[t], t, self.end[t])

    def _finish(self, t: int) -> None:
        now, agent, j = self.end[t], self.agent[t], self.job[t]
        self._tell(now, EventKind.TASK_END, agent, j, t)
        if self.leases[t]:
            self._tell(now, EventKind.RELEASE_NOTIFICATION, agent, j, t)
        for s in self.successor[self.first[t] : self.first[t + 1]]:
            self.open[s] -= 1
            if not self.open[s]:
                self._tell(now, EventKind.TASK_READY, NONE, j, s)
        self.left[j] -= 1
        if not self.left[j]:
            self._tell(now, EventKind.JOB_DONE, NONE, j, NONE)
