"""Whether the events of a log name what their kinds need, in range; only then can the log be followed."""

from __future__ import annotations

from typing import Final

import numpy as np

from envs.events import NONE, EventKind, EventLog
from envs.workloads.instance import Instance

_OF_AGENTS: Final = (EventKind.AGENT_DOWN, EventKind.AGENT_UP)
_OF_JOBS: Final = (EventKind.TASK_SUBMISSION, EventKind.JOB_DONE, EventKind.JOB_ABANDONED)
_OF_TASKS: Final = tuple(kind for kind in EventKind if kind not in (*_OF_AGENTS, *_OF_JOBS, EventKind.TRUNCATED))
_OF_TASKS_OF_AGENTS: Final = tuple(kind for kind in _OF_TASKS if kind != EventKind.TASK_READY)


def unreadable(i: Instance, log: EventLog) -> list[str]:
    """Return one line per event that cannot be followed."""
    of_task = np.isin(log.kind, _OF_TASKS)
    needs = (
        ("agent", log.agent, np.isin(log.kind, (*_OF_AGENTS, *_OF_TASKS_OF_AGENTS)), i.num_agents),
        ("job", log.job, np.isin(log.kind, _OF_JOBS) | of_task, i.num_jobs),
        ("task", log.task, of_task, i.num_tasks),
    )
    problems = [
        (int(n), f"{log.kind[n]} is no kind of event") for n in np.flatnonzero(~np.isin(log.kind, tuple(EventKind)))
    ]
    problems += [(int(n), f"its time is {log.time[n]}") for n in np.flatnonzero(~np.isfinite(log.time))]
    for what, column, needed, size in needs:
        wrong = (column >= size) | (column < np.where(needed, 0, NONE))
        problems += [(int(n), f"{what} {column[n]} is not in 0..{size - 1}") for n in np.flatnonzero(wrong)]
    other = of_task & (log.job != i.job_of_task()[np.clip(log.task, 0, i.num_tasks - 1)])
    problems += [(int(n), f"task {log.task[n]} is not of job {log.job[n]}") for n in np.flatnonzero(other)]
    return [
        f"event {n} ({log.kind[n]}, agent {log.agent[n]}, job {log.job[n]}, task {log.task[n]}): {m}"
        for n, m in sorted(problems)
    ]
