"""A run of commands while it goes: who runs what, queue and utilisation, jobs, agents, alerts, and what was said last."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from agents.operation.messages.messages import (
    AlertNotification,
    CompletionNotification,
    HealthStatus,
    Message,
    ResourceRequest,
    StatusUpdate,
)
from agents.operation.messages.subscribers import line_of
from envs.workloads.instance import FloatArray
from experiments.reports.episode import curve
from experiments.reports.live.board import EVERY
from experiments.reports.report import Cell, Chart, Figure, Report, Schedule, Sheet

if TYPE_CHECKING:
    from agents.operation.execution.monitor import Monitor
    from agents.operation.execution.overseers import Action
    from agents.operation.execution.overview import Overview
    from agents.operation.execution.run_state import RunState
    from agents.operation.site.situation import Situation

MOST_BARS: Final = 2_000
"""That are shown: the last ones."""
MOST_MARKS: Final = 500
"""Reservations and bids, each."""
MOST_ROWS: Final = 50
"""Of jobs, agents, alerts and messages, each."""
ORDER: Final = ("running", "waiting", "coming", "failed", "done")
HOW: Final = {"failed": "failed", "interrupted": "interrupted"}
BAR: Final = ("agent", "row", "job", "name", "start", "end", "how", "units")
TITLE: Final = "the run"
SECTION: Final = "The run over time"


class Commands:
    """Hears all messages of a run, and looks at it once a second; reports from any thread."""

    def __init__(self, situation: Situation, folder: str, policy: str) -> None:
        """Begin before the first message."""
        self._facts = {"folder": folder, "policy": policy}
        self._monitor: Monitor | None = None
        self._state: RunState | None = None
        self._lock = threading.Lock()
        self._agents = {agent.name: k for k, agent in enumerate(situation.agents)}
        self._jobs = {job.name: k for k, job in enumerate(situation.jobs)}
        self._units = {(job.name, task.name): task.demands for job in situation.jobs for task in job.tasks}
        pools = {each.name: each.capacity for each in situation.resources if each.shared and each.capacity}
        self._pools, self._capacity = list(pools), list(pools.values())
        self._about: dict[str, Sequence[Any]] = {
            "name": [job.name for job in situation.jobs],
            "owner": [self._agents.get(job.owner or "", k) for k, job in enumerate(situation.jobs)],
            "release": [job.release for job in situation.jobs],
            "due": [job.due for job in situation.jobs],
        }
        self._done: list[float | None] = [None for _ in situation.jobs]
        self._bars: deque[dict[str, Any]] = deque(maxlen=MOST_BARS)
        self._open: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._rows: list[list[bool]] = [[] for _ in situation.agents]
        """By agent, which of its rows are taken."""
        self._reserved: deque[tuple[int, str, float, float | None]] = deque(maxlen=MOST_MARKS)
        self._bids: deque[tuple[int, str, float, float]] = deque(maxlen=MOST_MARKS)
        self._down: dict[int, float] = {k: situation.time for k, agent in enumerate(situation.agents) if not agent.up}
        self._outages: deque[tuple[int, float, float]] = deque(maxlen=MOST_MARKS)
        self._said: deque[tuple[str, str]] = deque(maxlen=MOST_ROWS)
        self._overview: Overview | None = None
        self._time = situation.time
        self._course: list[tuple[float, ...]] = []
        self._next = -math.inf

    def watching(self, monitor: Monitor) -> Self:
        """Return itself, as an overseer of a run that a monitor watches."""
        self._monitor = monitor
        return self

    def take(self, message: Message) -> None:
        """Hear a message."""
        with self._lock:
            self._time = max(self._time, message.time)
            line = line_of(message)
            if line is not None:
                time, _, told = line.strip().partition(" s  ")
                self._said.appendleft((time, told))
            match message:
                case StatusUpdate(state="started", job=str(), task=str(), agent=str()):
                    self._start(message)
                case StatusUpdate(state="stopped", job=str() as job, task=str() as task, agent=str() as agent):
                    self._end((job, task, agent), message.time, "interrupted")
                case StatusUpdate(state="reserved", task=str() as task, agent=str() as agent):
                    self._reserved.append((self._agents[agent], task, message.time, message.expected))
                case CompletionNotification(job=job, task=str() as task, agent=str() as agent):
                    self._end((job, task, agent), message.time, "end")
                case CompletionNotification(job=job, task=None):
                    self._done[self._jobs[job]] = message.time
                case AlertNotification(job=str() as job, task=str() as task, agent=str() as agent) if (
                    message.alert in HOW
                ):
                    self._end((job, task, agent), message.time, HOW[message.alert])
                case ResourceRequest(task=task, agent=agent):
                    self._bids.append((self._agents[agent], task, message.time, message.bid))
                case HealthStatus(agent=agent, up=False):
                    self._down.setdefault(self._agents[agent], message.time)
                case HealthStatus(agent=agent) if self._agents[agent] in self._down:
                    a = self._agents[agent]
                    self._outages.append((a, self._down.pop(a), message.time))

    def _start(self, message: StatusUpdate) -> None:
        assert message.job is not None
        assert message.task is not None
        assert message.agent is not None
        a, demands = self._agents[message.agent], self._units[message.job, message.task]
        rows = self._rows[a]
        row = rows.index(False) if False in rows else len(rows)
        rows[row : row + 1] = [True]
        self._open[message.job, message.task, message.agent] = {
            "agent": a,
            "row": row,
            "job": self._jobs[message.job],
            "name": message.task,
            "start": message.time,
            "units": [demands.get(pool, 0) for pool in self._pools],
        }

    def _end(self, run: tuple[str, str, str], time: float, how: str) -> None:
        bar = self._open.pop(run, None)
        if bar is not None:
            self._rows[bar["agent"]][bar["row"]] = False
            self._bars.append(bar | {"end": time, "how": how})

    def next_look(self) -> float | None:
        """When to look though nothing has happened."""
        return self._next

    def look(self, state: RunState) -> tuple[Sequence[Message], Sequence[Action]]:
        """Note where the run stands, where it is time to; say and do nothing."""
        self._state = state
        if state.now >= self._next:
            self._next = state.now + EVERY
            self._note(state)
        return (), ()

    def _note(self, state: RunState) -> None:
        assert self._monitor is not None
        overview = self._monitor.overview(state)
        busy = sum(agent.running > 0 for agent in overview.agents) / len(overview.agents)
        counts = [sum(getattr(job, name) for job in overview.jobs) for name in ("running", "done", "failed")]
        waiting = sum(job.total for job in overview.jobs if job.state != "coming") - sum(counts)
        with self._lock:
            self._overview, self._time = overview, max(self._time, state.now)
            self._course.append((state.now, waiting, *counts, 100.0 * busy, *self._shares(overview)))

    def _shares(self, overview: Overview) -> list[float]:
        return [100.0 * overview.in_use.get(pool, 0.0) for pool in self._pools]

    def close(self) -> None:
        """Note where the run stands at its end, and go on showing that."""
        if self._state is not None:
            self._note(self._state)

    def report(self) -> Report:
        """Return what is known by now."""
        with self._lock:
            now, overview, course, said = self._time, self._overview, list(self._course), list(self._said)
            schedule = self._schedule(now)
        return Report(
            "A run of commands, live",
            [*_tables(now, overview), Sheet("What was said last", ["s", "what"], said, left=2)],
            [f"Of more than {MOST_BARS:,} attempts the last are shown, of other lists the first {MOST_ROWS} rows."],
            self._charts(np.array(course).reshape(len(course), 6 + len(self._pools))),
            [schedule],
            self._facts,
        )

    def _schedule(self, now: float) -> Schedule:
        bars = [*self._bars, *(bar | {"end": now, "how": "running"} for bar in self._open.values())]
        columns: dict[str, list[Any]] = {name: [bar[name] for bar in bars] for name in BAR}
        columns["units"] = [[bar["units"][r] for bar in bars] for r in range(len(self._pools))]
        outages = [*self._outages, *((a, since, now) for a, since in self._down.items())]
        return Schedule(
            TITLE,
            math.nan,
            now,
            list(self._agents),
            [max(1, len(rows)) for rows in self._rows],
            self._pools,
            self._capacity,
            columns,
            {**self._about, "done": list(self._done)},
            _columns(("agent", "name", "time", "until"), self._reserved),
            _columns(("agent", "name", "time", "bid"), self._bids),
            _columns(("agent", "start", "end"), outages),
        )

    def _charts(self, course: FloatArray) -> list[Chart]:
        time, waiting, running, done, failed, busy, *shares = course.T

        used = {f"units of {pool}": share for pool, share in zip(self._pools, shares, strict=True)}
        told: list[tuple[str, str, dict[str, FloatArray]]] = [
            ("Queue", "tasks", {"waiting": waiting, "running": running}),
            ("Progress", "tasks", {"done": done, "failed": failed}),
            ("Utilisation", "% in use", {"agents": busy, **used}),
        ]
        return [
            Chart(title, "s", y, [curve(name, time, values) for name, values in named.items()], "step", SECTION)
            for title, y, named in told
        ]


def _tables(now: float, overview: Overview | None) -> list[Sheet]:
    """Where the run stands, its jobs, agents and alerts; empty before it has begun."""
    jobs = [] if overview is None else sorted(overview.jobs, key=lambda job: ORDER.index(job.state))
    agents, alerts = ([], []) if overview is None else (overview.agents, overview.alerts)
    of_jobs: list[list[Cell]] = [
        [
            job.job,
            job.state,
            f"{job.done}/{job.total}",
            "" if job.due is None else f"{job.due - now:,.0f}",
            *(
                ("", "")
                if job.forecast is None
                else (f"{job.forecast.end.p10 - now:,.0f}", f"{job.forecast.end.p90 - now:,.0f}")
            ),
        ]
        for job in jobs[:MOST_ROWS]
    ]
    of_agents: list[list[Cell]] = [
        [
            each.agent,
            ("avoided" if each.avoided else "up") if each.up else "down",
            *(Figure(count, str(count)) for count in (each.running, each.done, each.failed)),
            Figure.of(100.0 * each.utilisation, 3, unit="%"),
        ]
        for each in agents[:MOST_ROWS]
    ]
    of_alerts: list[list[Cell]] = [
        [each.severity, each.alert, "/".join(filter(None, (each.job, each.task, each.agent))), each.detail]
        for each in alerts[:MOST_ROWS]
    ]
    counts = [sum(job.done for job in jobs), sum(job.running for job in jobs), sum(job.failed for job in jobs)]
    rows: list[list[Cell]] = [
        ["seconds since the beginning", Figure.of(now)],
        ["tasks in all", str(sum(job.total for job in jobs))],
    ]
    rows += [
        [name, Figure(count, str(count))] for name, count in zip(("done", "running", "failed"), counts, strict=True)
    ]
    return [
        Sheet("Where it stands", ["", "now"], rows),
        Sheet("Alerts that stand", ["how bad", "alert", "about", "what"], of_alerts, left=4),
        Sheet("Jobs", ["job", "is", "tasks done", "due in, s", "done in, s: p10", "p90"], of_jobs, left=2),
        Sheet("Agents", ["agent", "is", "runs", "done", "failed", "busy so far, %"], of_agents, left=2),
    ]


def _columns(names: Sequence[str], rows: Any) -> dict[str, list[Any]]:
    """Rows as columns."""
    return {name: [row[k] for row in rows] for k, name in enumerate(names)}
