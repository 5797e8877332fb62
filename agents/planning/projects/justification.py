"""Justification of a schedule: its tasks move to the right as far as they go, then to the left. It never lengthens and often shortens.

Forward-backward improvement (Tormos and Lova 2001), or double justification (Valls, Ballestin, Quintanilla 2005).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from envs.scenario import Objective, Scenario
from envs.workloads.graph import topological_order
from envs.workloads.instance import Instance

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def is_project(scenario: Scenario, instance: Instance) -> bool:
    """Whether one agent, with units of its own, is to be done as soon as it can be, and may wait for a task until the next event."""
    reservations, makespan = scenario.reservations, scenario.objective.makespan
    return (
        instance.num_agents == 1
        and not instance.shared.any()
        and scenario.objective == Objective(makespan=makespan, abandonment=scenario.objective.abandonment)
        and reservations.allowed
        and reservations.hold == "event"
    )


class _Network(NamedTuple):
    """T tasks, so numbered that predecessors come first."""

    duration: Floats
    """[T] seconds."""
    demand: Ints
    """[T, R] units."""
    capacity: Ints
    """[R]."""
    first: Ints
    """[T+1] first predecessor of each task; the last entry is E."""
    before: Ints
    """[E]."""


class Project:
    """The tasks of one agent, who may start them at 0, were there neither precedence nor demands. Schedules are starts [T], in seconds."""

    def __init__(self, instance: Instance) -> None:
        """Take an instance in which nothing is uncertain."""
        self._order = topological_order(instance.successor_first, instance.successor)
        place = np.empty_like(self._order)
        place[self._order] = np.arange(len(self._order))
        before, after = np.repeat(place, np.diff(instance.successor_first)), place[instance.successor]
        tasks, capacity = len(place), instance.local_capacity[0].astype(np.int64)
        duration, demand = instance.option_nominal[self._order], instance.task_demand[self._order].astype(np.int64)
        self._forwards = _Network(duration, demand, capacity, *_predecessors(tasks, before, after))
        mirrored = _predecessors(tasks, tasks - 1 - after, tasks - 1 - before)
        self._backwards = _Network(duration[::-1].copy(), demand[::-1].copy(), capacity, *mirrored)

    def length(self, start: Floats) -> float:
        """Seconds until all is done."""
        return float((start[self._order] + self._forwards.duration).max())

    def justify(self, start: Floats) -> Floats:
        """Return a schedule that is no longer, in which no task could start earlier than it does if all others stayed."""
        end = start[self._order] + self._forwards.duration
        mirrored = _serial(np.argsort(-end[::-1], kind="stable"), *self._backwards)
        latest = -(mirrored + self._backwards.duration)[::-1]
        return self._schedule(np.argsort(latest, kind="stable"))

    def cross(self, one: Floats, other: Floats, low: int, high: int, swaps: Ints) -> Floats:
        """Return the schedule of the first ``low`` tasks of ``one``, the next ones of ``other`` up to place ``high``, and then the rest.

        Two-point crossover (Hartmann 1998): what is before another task in both schedules stays so. Then tasks at the places ``swaps`` in
        0..T-2 let the next one go first, unless it waits for them.
        """
        ones, others = (np.argsort(start[self._order], kind="stable") for start in (one, other))
        head = ones[:low]
        head = np.concatenate([head, others[~np.isin(others, head)][: high - low]])
        order = np.concatenate([head, ones[~np.isin(ones, head)]])
        first, before = self._forwards.first, self._forwards.before
        for place in swaps:
            task, following = order[place : place + 2].tolist()
            if task not in before[first[following] : first[following + 1]]:
                order[place], order[place + 1] = following, task
        return self._schedule(order)

    def _schedule(self, order: Ints) -> Floats:
        start = np.empty(len(order))
        start[self._order] = _serial(order, *self._forwards)
        return start


def _predecessors(tasks: int, before: NDArray[np.integer], after: NDArray[np.integer]) -> tuple[Ints, Ints]:
    """The edges [E], [E] as compressed rows: where each task's predecessors start, and these."""
    rows = np.argsort(after, kind="stable")
    return np.searchsorted(after[rows], np.arange(tasks + 1)).astype(np.int64), before[rows].astype(np.int64)


@njit(cache=True)
def _serial(order: Ints, duration: Floats, demand: Ints, capacity: Ints, first: Ints, before: Ints) -> Floats:
    """Start tasks one after another, each as early as predecessors and free units allow: serial schedule generation (Kolisch 1996)."""
    tasks, resources = demand.shape
    start = np.zeros(tasks)
    time = np.zeros(2 * tasks + 1)  # where the units in use change, ascending
    used = np.zeros((2 * tasks + 1, resources), np.int64)  # from each of these times to the next
    size = 1
    for t in order:
        begin = 0.0
        for k in range(first[t], first[t + 1]):
            begin = max(begin, start[before[k]] + duration[before[k]])
        at = int(np.searchsorted(time[:size], begin, side="right")) - 1
        k = at
        while k < size and (k == at or time[k] < begin + duration[t]):
            free = True
            for r in range(resources):
                if used[k, r] + demand[t, r] > capacity[r]:
                    free = False
            k += 1
            if not free:  # nothing is in use behind the last time, so there is a next one
                at = k
                begin = time[k]
        start[t] = begin
        at, size = _cut(time, used, at, size, begin)
        until, size = _cut(time, used, at, size, begin + duration[t])
        for k in range(at, until):
            for r in range(resources):
                used[k, r] += demand[t, r]
    return start


@njit(cache=True)
def _cut(time: Floats, used: Ints, at: int, size: int, when: float) -> tuple[int, int]:
    """Have the units in use change at some time, not before ``time[at]``; return its place and the number of times."""
    while at < size and time[at] < when:
        at += 1
    if at == size or time[at] > when:
        for k in range(size, at, -1):
            time[k] = time[k - 1]
            used[k] = used[k - 1]
        time[at] = when
        used[at] = used[at - 1]
        size += 1
    return at, size
