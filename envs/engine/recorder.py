"""Writes events into a world's log; free of cost where nothing is recorded."""

from __future__ import annotations

from envs.engine.compiled import Record, kernel
from envs.engine.memory import event_of, params_of
from envs.events import EventKind

SUBMISSION, READY, START, END, FAILED = (
    int(EventKind.TASK_SUBMISSION),
    int(EventKind.TASK_READY),
    int(EventKind.TASK_START),
    int(EventKind.TASK_END),
    int(EventKind.TASK_FAILED),
)
INTERRUPTED, JOB_DONE, JOB_ABANDONED = (
    int(EventKind.TASK_INTERRUPTED),
    int(EventKind.JOB_DONE),
    int(EventKind.JOB_ABANDONED),
)
DOWN, UP, RESERVED = int(EventKind.AGENT_DOWN), int(EventKind.AGENT_UP), int(EventKind.RESERVATION)
REQUEST, ALLOCATION, RELEASE, TRUNCATED = (
    int(EventKind.RESOURCE_REQUEST),
    int(EventKind.ALLOCATION_UPDATE),
    int(EventKind.RELEASE_NOTIFICATION),
    int(EventKind.TRUNCATED),
)


@kernel
def record(w: Record, kind: int, agent: int, job: int, task: int, value: float) -> None:
    """Write one event, where events are recorded."""
    par = params_of(w)
    if not par.record:
        return
    event = event_of(w, w.log_size)
    event.time = w.time
    event.value = value
    event.kind = kind
    event.agent = agent
    event.job = job
    event.task = task
    w.log_size += 1


@kernel
def is_nearly_full(w: Record) -> bool:
    """Whether one more instant and commit might not fit; half of the log is enough for any of them."""
    par = params_of(w)
    return par.record and w.log_size * 2 > w.log_room
