"""What an event log says about stretches of time: who ran what, who was down, who held which units."""

from __future__ import annotations

import heapq
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.events import EventKind, EventLog
from envs.workloads.instance import FloatArray, Instance, IntArray

RUNNING: Final = -1
"""In ``Spans.end_kind``: the attempt had not ended when the log did."""
_STOPS: Final = (EventKind.TASK_END, EventKind.TASK_FAILED, EventKind.TASK_INTERRUPTED)


class Spans(NamedTuple):
    """The attempts at tasks, N of them, by the time of their start."""

    agent: IntArray
    """[N]."""
    task: IntArray
    """[N]."""
    start: FloatArray
    """[N] seconds."""
    end: FloatArray
    """[N] seconds; of one that still runs, the end of the log."""
    end_kind: IntArray
    """[N] TASK_END, TASK_FAILED, TASK_INTERRUPTED or RUNNING."""


def end_of(log: EventLog) -> float:
    """Seconds of the last event; 0 of an empty log."""
    return float(log.time[-1]) if log.time.size else 0.0


def spans_of(log: EventLog) -> Spans:
    """Return every attempt at a task."""
    about = np.flatnonzero(np.isin(log.kind, (EventKind.TASK_START, *_STOPS)))
    about = about[
        np.argsort(log.task[about], kind="stable")
    ]  # each task's events together, in order: start, stop, start, stop ...
    place = np.flatnonzero(log.kind[about] == EventKind.TASK_START)
    start, after = about[place], np.minimum(place + 1, max(about.size - 1, 0))
    stop = about[after]
    stopped = (log.task[stop] == log.task[start]) & np.isin(log.kind[stop], _STOPS)
    end = np.where(stopped, log.time[stop], end_of(log))
    kind = np.where(stopped, log.kind[stop], RUNNING).astype(np.int32)
    order = np.argsort(start)
    start = start[order]
    return Spans(log.agent[start], log.task[start], log.time[start], end[order], kind[order])


def rows_of(spans: Spans, agents: int) -> tuple[IntArray, IntArray]:
    """Return [N] the lowest free row of its agent for every span, and [agents] how many rows each agent needs (at least 1)."""
    row = np.zeros(spans.task.size, np.int32)
    count = np.ones(agents, np.int32)
    for a in range(agents):
        busy: list[tuple[float, int]] = []
        free: list[int] = []
        used = 0
        for n in np.flatnonzero(spans.agent == a):
            while busy and busy[0][0] <= spans.start[n]:
                heapq.heappush(free, heapq.heappop(busy)[1])
            if not free:
                heapq.heappush(free, used)
                used += 1
            row[n] = heapq.heappop(free)
            heapq.heappush(busy, (float(spans.end[n]), int(row[n])))
        count[a] = max(used, 1)
    return row, count


def outages_of(log: EventLog) -> list[tuple[int, float, float]]:
    """Return (agent, from, to) of every breakdown, in seconds."""
    since: dict[int, float] = {}
    outages = []
    for n in np.flatnonzero(np.isin(log.kind, (EventKind.AGENT_DOWN, EventKind.AGENT_UP))):
        agent, time = int(log.agent[n]), float(log.time[n])
        if log.kind[n] == EventKind.AGENT_DOWN:
            since[agent] = time
        else:
            outages.append((agent, since.pop(agent, 0.0), time))
    return outages + [(agent, start, end_of(log)) for agent, start in since.items()]


def leases_of(instance: Instance, log: EventLog, resource: int) -> tuple[FloatArray, NDArray[np.int64]]:
    """Return [M] times and [A, M] units of a shared resource that each agent holds from then on; the last time is the log's end."""
    moves = np.flatnonzero(np.isin(log.kind, (EventKind.ALLOCATION_UPDATE, EventKind.RELEASE_NOTIFICATION)))
    units = instance.task_demand[log.task[moves], resource].astype(np.int64)
    moves, units = moves[units > 0], units[units > 0]
    units = np.where(log.kind[moves] == EventKind.ALLOCATION_UPDATE, units, -units)
    times, place = np.unique(np.concatenate([[0.0], log.time[moves], [end_of(log)]]), return_inverse=True)
    change = np.zeros((instance.num_agents, times.size), np.int64)
    np.add.at(change, (log.agent[moves], place[1:-1]), units)
    return times, np.cumsum(change, axis=1)


def label_of(instance: Instance, task: int) -> str:
    """The task's own name, or 'job.place'."""
    if instance.task_names is not None:
        return str(instance.task_names[task])
    job = int(np.searchsorted(instance.job_first, task, side="right")) - 1
    return f"{job}.{task - int(instance.job_first[job])}"
