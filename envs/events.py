"""What happens in the world, as typed events; recorded only where a World is asked to."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

NONE: Final = -1
"""In an event's agent, job or task: does not apply."""


class EventKind(IntEnum):
    """Kinds of events; the integration protocol that each belongs to stands in PROTOCOL."""

    TASK_SUBMISSION = 0
    """job: it arrived."""
    TASK_READY = 1
    """job, task: its last predecessor ended, its delay is over, or it was interrupted."""
    TASK_START = 2
    """agent, job, task; value: expected end."""
    TASK_END = 3
    """agent, job, task: done."""
    TASK_FAILED = 4
    """agent, job, task; value: when it will be ready again (inf: never, the job is abandoned)."""
    TASK_INTERRUPTED = 5
    """agent, job, task: stopped by a breakdown or because its job was abandoned; value: progress kept."""
    JOB_DONE = 6
    """job."""
    JOB_ABANDONED = 7
    """job."""
    AGENT_DOWN = 8
    """agent."""
    AGENT_UP = 9
    """agent."""
    RESERVATION = 10
    """agent, job, task; value: expected start."""
    RESOURCE_REQUEST = 11
    """agent, job, task; value: the bid. One per participant of a contested round."""
    ALLOCATION_UPDATE = 12
    """agent, job, task: leases taken as the task starts; value: the price paid in credits (0 where bids are free)."""
    RELEASE_NOTIFICATION = 13
    """agent, job, task: leases returned."""
    TRUNCATED = 14
    """the episode was cut off."""


PROTOCOL: Final = {
    EventKind.TASK_SUBMISSION: "task_submission",
    EventKind.TASK_READY: "status_update",
    EventKind.TASK_START: "status_update",
    EventKind.TASK_END: "completion_notification",
    EventKind.TASK_FAILED: "alert_notification",
    EventKind.TASK_INTERRUPTED: "alert_notification",
    EventKind.JOB_DONE: "completion_notification",
    EventKind.JOB_ABANDONED: "alert_notification",
    EventKind.AGENT_DOWN: "health_status",
    EventKind.AGENT_UP: "health_status",
    EventKind.RESERVATION: "status_update",
    EventKind.RESOURCE_REQUEST: "resource_request",
    EventKind.ALLOCATION_UPDATE: "allocation_update",
    EventKind.RELEASE_NOTIFICATION: "release_notification",
    EventKind.TRUNCATED: "status_update",
}
"""The guide's name of the message that carries an event."""


class EventLog(NamedTuple):
    """The events of one episode in the order in which they happened."""

    time: NDArray[np.float64]
    """[N] seconds, ascending."""
    kind: NDArray[np.int32]
    """[N] EventKind."""
    agent: NDArray[np.int32]
    """[N] or NONE."""
    job: NDArray[np.int32]
    """[N] or NONE."""
    task: NDArray[np.int32]
    """[N] or NONE."""
    value: NDArray[np.float64]
    """[N] see EventKind."""
