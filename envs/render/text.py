"""A few lines about the current situation, for terminals."""

from __future__ import annotations

from typing import Final

import numpy as np

from envs.events import EventKind, EventLog
from envs.render.spans import RUNNING, end_of, label_of, spans_of
from envs.workloads.instance import Instance

BAR: Final = 24
"""Characters of a full bar."""
MAX_SHOWN: Final = 6
"""Running tasks named per agent."""
MAX_AGENTS: Final = 24
"""Agents with a line of their own."""
_STATES: Final = (
    EventKind.TASK_READY,
    EventKind.TASK_START,
    EventKind.TASK_END,
    EventKind.TASK_FAILED,
    EventKind.TASK_INTERRUPTED,
)


def duration(seconds: float) -> str:
    """Seconds in words: '42.0 s', '3 min 20 s', '5 h 07 min', '2 d 03 h'."""
    for unit, small, size, parts in (("d", "h", 86_400, 24), ("h", "min", 3600, 60), ("min", "s", 60, 60)):
        if seconds >= size:
            whole = int(seconds // (size / parts))
            return f"{whole // parts} {unit} {whole % parts:02d} {small}"
    return f"{seconds:.1f} s"


def text(instance: Instance, log: EventLog, now: float | None = None) -> str:
    """Return the situation at the end of the log, or at a later time ``now`` in seconds."""
    time = end_of(log) if now is None else now
    count = {kind: int(np.sum(log.kind == kind)) for kind in EventKind}
    arrived, done, given_up = (
        count[EventKind.TASK_SUBMISSION],
        count[EventKind.JOB_DONE],
        count[EventKind.JOB_ABANDONED],
    )
    last = np.full(instance.num_tasks, RUNNING)
    about = np.isin(log.kind, _STATES)
    last[log.task[about]] = log.kind[about]
    over = np.isin(
        np.arange(instance.num_jobs), log.job[np.isin(log.kind, (EventKind.JOB_DONE, EventKind.JOB_ABANDONED))]
    )
    ready = np.flatnonzero((last == EventKind.TASK_READY) & ~over[instance.job_of_task()])
    spans = spans_of(log)
    running = np.flatnonzero(spans.end_kind == RUNNING)
    lines = [
        f"{instance.name} at {duration(time)}",
        f"jobs   {done} done, {arrived - done - given_up} in the system, {given_up} abandoned, {instance.num_jobs - arrived} to come",
        f"tasks  {count[EventKind.TASK_END]} done, {running.size} running, {ready.size} ready, {instance.num_tasks} in all",
    ]
    options = np.repeat(np.arange(instance.num_tasks), np.diff(instance.option_first))
    may_run = instance.option_agent[np.isin(options, ready)]
    waiting = np.bincount(may_run, minlength=instance.num_agents)
    health = np.full(instance.num_agents, EventKind.AGENT_UP)
    about = np.isin(log.kind, (EventKind.AGENT_UP, EventKind.AGENT_DOWN))
    health[log.agent[about]] = log.kind[about]
    for a in range(min(instance.num_agents, MAX_AGENTS)):
        own = [
            f"{label_of(instance, int(spans.task[n]))} for {duration(time - spans.start[n])}"
            for n in running
            if spans.agent[n] == a
        ]
        doing = (
            "down"
            if health[a] == EventKind.AGENT_DOWN
            else ", ".join(own[:MAX_SHOWN]) + (f" and {len(own) - MAX_SHOWN} more" if len(own) > MAX_SHOWN else "")
        )
        lines.append(f"agent {a:<3} {waiting[a]:>4} ready | {doing or 'idle'}")
    if instance.num_agents > MAX_AGENTS:
        lines.append(f"and {instance.num_agents - MAX_AGENTS} more agents")
    width = max(len(name) for name in instance.resources)
    for r in np.flatnonzero(instance.shared & (instance.shared_capacity > 0)):
        held = int(instance.task_demand[spans.task[running], r].sum())
        capacity = int(instance.shared_capacity[r])
        filled = round(BAR * held / capacity)
        lines.append(
            f"{instance.resources[r]:<{width}} {'█' * filled}{'░' * (BAR - filled)} {held} of {capacity} leased"
        )
    return "\n".join(lines)
