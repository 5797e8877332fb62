"""A few lines about the current situation, for terminals."""

from __future__ import annotations

from typing import Final

import numpy as np

from envs.events import EventKind, EventLog
from envs.render.spans import end_of, label_of
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
    teller = Teller(instance)
    teller.hear(log)
    return teller.tell(end_of(log) if now is None else now)


class Teller:
    """Tells of an episode while it goes on: takes in each event once, and keeps no log."""

    def __init__(self, instance: Instance) -> None:
        """Begin where nothing has happened."""
        self._instance = instance
        self._job_of = instance.job_of_task().tolist()
        self._count = dict.fromkeys(map(int, EventKind), 0)
        self._running: dict[int, tuple[int, float]] = {}
        """By task: its agent, and when it started."""
        self._ready = [set[int]() for _ in range(instance.num_jobs)]
        self._num_ready = 0
        self._over = set[int]()
        self._waiting = np.zeros(instance.num_agents, np.int64)
        """[A] tasks that are ready and that the agent may run."""
        self._down = set[int]()

    def hear(self, log: EventLog) -> None:
        """Take in what is new."""
        for kind, time, agent, job, task in zip(
            *(column.tolist() for column in (log.kind, log.time, log.agent, log.job, log.task)), strict=True
        ):
            self._count[kind] += 1
            if kind in _STATES:
                self._move(kind, time, agent, task)
            elif kind in (EventKind.JOB_DONE, EventKind.JOB_ABANDONED):
                self._over.add(job)
                for left in tuple(self._ready[job]):
                    self._wait(left, job, waits=False)
            elif kind == EventKind.AGENT_DOWN:
                self._down.add(agent)
            elif kind == EventKind.AGENT_UP:
                self._down.discard(agent)

    def _move(self, kind: int, time: float, agent: int, task: int) -> None:
        job = self._job_of[task]
        self._wait(task, job, waits=kind == EventKind.TASK_READY and job not in self._over)
        if kind == EventKind.TASK_START:
            self._running[task] = agent, time
        elif kind != EventKind.TASK_READY:
            self._running.pop(task, None)

    def _wait(self, task: int, job: int, *, waits: bool) -> None:
        if waits == (task in self._ready[job]):
            return
        i = self._instance
        (self._ready[job].add if waits else self._ready[job].remove)(task)
        self._waiting[i.option_agent[i.option_first[task] : i.option_first[task + 1]]] += 1 if waits else -1
        self._num_ready += 1 if waits else -1

    def tell(self, time: float) -> str:
        """Return the situation at a time in seconds, which no event is behind."""
        i, count = self._instance, self._count
        arrived, done = count[EventKind.TASK_SUBMISSION], count[EventKind.JOB_DONE]
        given_up = count[EventKind.JOB_ABANDONED]
        doing: dict[int, list[str]] = {}
        for task, (agent, start) in self._running.items():
            doing.setdefault(agent, []).append(f"{label_of(i, task)} for {duration(time - start)}")
        lines = [
            f"{i.name} at {duration(time)}",
            f"jobs   {done} done, {arrived - done - given_up} in the system, {given_up} abandoned, {i.num_jobs - arrived} to come",
            f"tasks  {count[EventKind.TASK_END]} done, {len(self._running)} running, {self._num_ready} ready, {i.num_tasks} in all",
        ]
        for a in range(min(i.num_agents, MAX_AGENTS)):
            own = doing.get(a, [])
            told = ", ".join(own[:MAX_SHOWN]) + (f" and {len(own) - MAX_SHOWN} more" if len(own) > MAX_SHOWN else "")
            lines.append(f"agent {a:<3} {self._waiting[a]:>4} ready | {'down' if a in self._down else told or 'idle'}")
        if i.num_agents > MAX_AGENTS:
            lines.append(f"and {i.num_agents - MAX_AGENTS} more agents")
        width = max(len(name) for name in i.resources)
        for r in np.flatnonzero(i.shared & (i.shared_capacity > 0)):
            held = int(i.task_demand[list(self._running), r].sum())
            capacity = int(i.shared_capacity[r])
            filled = round(BAR * held / capacity)
            lines.append(f"{i.resources[r]:<{width}} {'█' * filled}{'░' * (BAR - filled)} {held} of {capacity} leased")
        return "\n".join(lines)
