"""What users tell of real tasks, starts and ends, told as a world would: with what follows from them."""

from __future__ import annotations

import numpy as np

from envs.events import NONE, EventKind, EventLog
from envs.workloads.instance import Instance

Row = tuple[float, EventKind, int, int, int, float]
"""time, kind, agent, job, task, value."""


def retell(i: Instance, log: EventLog) -> EventLog:
    """Return the events with tasks that became ready, leases taken and returned, and jobs that were done; one that has them stays as it is.

    Tasks that were done and nobody knows by whom are left out: nothing can be drawn of them.
    """
    if (log.kind == EventKind.TASK_READY).any() or not log.time.size:
        return log
    shared = (i.task_demand[:, i.shared].sum(axis=1) > 0).tolist()
    nominal = np.minimum.reduceat(i.option_nominal, i.option_first[:-1]).tolist()
    first, successor = i.successor_first.tolist(), i.successor.tolist()
    waits = np.bincount(i.successor, minlength=i.num_tasks).tolist()
    left, job_first = np.diff(i.job_first).tolist(), i.job_first.tolist()
    unseen = set(log.task[(log.kind == EventKind.TASK_END) & (log.agent == NONE)].tolist())
    rows: list[Row] = []

    def ready(time: float, j: int, t: int) -> None:
        if t not in unseen:
            rows.append((time, EventKind.TASK_READY, NONE, j, t, 0.0))

    for time, code, a, j, t, value in zip(*(column.tolist() for column in log), strict=True):
        kind = EventKind(code)
        if kind == EventKind.TASK_START:
            if shared[t]:
                rows.append((time, EventKind.ALLOCATION_UPDATE, a, j, t, 0.0))
            value = value if value > time else time + nominal[t]
        if kind != EventKind.TASK_END or t not in unseen:
            rows.append((time, kind, a, j, t, value))
        if kind in (EventKind.TASK_END, EventKind.TASK_FAILED, EventKind.TASK_INTERRUPTED) and shared[t] and a != NONE:
            rows.append((time, EventKind.RELEASE_NOTIFICATION, a, j, t, 0.0))
        if kind == EventKind.TASK_SUBMISSION:
            for root in range(job_first[j], job_first[j + 1]):
                if not waits[root]:
                    ready(time, j, root)
        elif kind == EventKind.TASK_END:
            for later in successor[first[t] : first[t + 1]]:
                waits[later] -= 1
                if not waits[later]:
                    ready(time, j, later)
            left[j] -= 1
            if not left[j]:
                rows.append((time, EventKind.JOB_DONE, NONE, j, NONE, 0.0))
    times, kinds, agents, jobs, tasks, values = zip(*rows, strict=True)
    happened, who, where, what = (np.array(column, np.int32) for column in (kinds, agents, jobs, tasks))
    return EventLog(np.array(times, np.float64), happened, who, where, what, np.array(values, np.float64))
