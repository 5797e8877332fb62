"""An episode worked out with paper and pencil, and logs as rows, for tests of what reads event logs."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from envs.events import NONE, EventKind, EventLog
from envs.scenario import Objective, Scenario
from envs.workloads.instance import Instance

K = EventKind
Row = tuple[float, EventKind, int, int, int, float]
"""time, kind, agent, job, task, value."""


def event_log(rows: Iterable[Row]) -> EventLog:
    """Return the rows as columns."""
    time, kind, agent, job, task, value = zip(*rows, strict=True)
    integers = (np.array(column, np.int32) for column in (kind, agent, job, task))
    return EventLog(np.array(time, np.float64), *integers, np.array(value, np.float64))


def rows_of(log: EventLog) -> list[Row]:
    """Return the columns as rows."""
    return [
        (t, EventKind(k), a, j, i, v) for t, k, a, j, i, v in zip(*(column.tolist() for column in log), strict=True)
    ]


class ByHand:
    """Two agents with one slot each share three tokens; job 0 is a chain of two tasks, job 1 one long task."""

    def instance(self, seed: int) -> Instance:
        """Return the same instance for every seed."""
        return Instance(
            name="by-hand",
            resources=("slot", "tokens"),
            shared=np.array([False, True]),
            shared_capacity=np.array([0, 3]),
            local_capacity=np.array([[1, 0], [1, 0]]),
            speed=np.ones((2, 1)),
            job_release=np.array([0.0, 1.0]),
            job_due=np.array([6.0, np.inf]),
            job_weight=np.array([2.0, 1.0]),
            job_owner=np.array([0, 1]),
            job_first=np.array([0, 2, 3]),
            task_kind=np.zeros(3),
            task_demand=np.array([[1, 2], [1, 0], [1, 2]]),
            task_ratio=np.ones(3),
            option_first=np.array([0, 2, 3, 4]),
            option_agent=np.array([0, 1, 0, 1]),
            option_nominal=np.array([4.0, 8.0, 3.0, 20.0]),
            successor_first=np.array([0, 1, 1, 1]),
            successor=np.array([1]),
        )


OBJECTIVE = Objective(flow=1.0, tardiness=10.0, slowdown=100.0, makespan=3.0, lease=0.5, abandonment=50.0)
CALM = Scenario(ByHand(), OBJECTIVE)
LOG: list[Row] = [
    (0.0, K.TASK_SUBMISSION, NONE, 0, NONE, 0.0),
    (0.0, K.TASK_READY, NONE, 0, 0, 0.0),
    (0.0, K.ALLOCATION_UPDATE, 0, 0, 0, 0.0),
    (0.0, K.TASK_START, 0, 0, 0, 4.0),
    (1.0, K.TASK_SUBMISSION, NONE, 1, NONE, 0.0),
    (1.0, K.TASK_READY, NONE, 1, 2, 0.0),
    (1.0, K.RESERVATION, 1, 1, 2, 4.0),
    (4.0, K.TASK_END, 0, 0, 0, 0.0),
    (4.0, K.RELEASE_NOTIFICATION, 0, 0, 0, 0.0),
    (4.0, K.TASK_READY, NONE, 0, 1, 0.0),
    (4.0, K.RESOURCE_REQUEST, 1, 1, 2, 9.0),
    (4.0, K.ALLOCATION_UPDATE, 1, 1, 2, 0.0),
    (4.0, K.TASK_START, 1, 1, 2, 24.0),
    (4.0, K.TASK_START, 0, 0, 1, 7.0),
    (7.0, K.TASK_END, 0, 0, 1, 0.0),
    (7.0, K.JOB_DONE, NONE, 0, NONE, 0.0),
    (24.0, K.TASK_END, 1, 1, 2, 0.0),
    (24.0, K.RELEASE_NOTIFICATION, 1, 1, 2, 0.0),
    (24.0, K.JOB_DONE, NONE, 1, NONE, 0.0),
]
OWN_COST = [14 + 20 + 0 + 3 * 7 + 0.5 * 8, 23 + 0 + 15 + 3 * 24 + 0.5 * 40]
TEAM_COST = 37 + 10 * 2 + 100 * 0.15 + 3 * 24 + 0.5 * 48
