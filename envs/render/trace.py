"""A trace for https://ui.perfetto.dev or chrome://tracing: agents as processes, rows as threads, leases as counters."""

from __future__ import annotations

import json
import os
from typing import Any, Final

import numpy as np

from envs.events import EventKind, EventLog
from envs.files import write_bytes
from envs.render.spans import RUNNING, label_of, leases_of, outages_of, rows_of, spans_of
from envs.workloads.instance import Instance

MICROSECONDS: Final = 1e6
"""The unit of the format, per second."""


def perfetto(instance: Instance, log: EventLog, path: str | os.PathLike[str]) -> None:
    """Write the episode as a Chrome trace (JSON, the Trace Event Format of Google 2016)."""
    agents = instance.num_agents
    jobs, resources = agents, agents + 1  # two more processes after the agents
    events: list[dict[str, Any]] = []

    def name(what: str, pid: int, tid: int, text: str) -> None:
        events.append({"ph": "M", "name": f"{what}_name", "pid": pid, "tid": tid, "args": {"name": text}})

    spans = spans_of(log)
    row, count = rows_of(spans, agents)
    for a in range(agents):
        name("process", a, 0, f"agent {a}")
        for k in range(count[a]):
            name("thread", a, k, f"row {k}")
        name("thread", a, int(count[a]), "down")
    name("process", jobs, 0, "jobs")
    name("process", resources, 0, "leases")
    job_of = instance.job_of_task()
    for n, (a, t, start, end, how) in enumerate(zip(*(column.tolist() for column in spans), strict=True)):
        outcome = "RUNNING" if how == RUNNING else EventKind(how).name
        facts = {"job": int(job_of[t]), "task": t, "kind": int(instance.task_kind[t]), "outcome": outcome}
        events.append(_slice(a, int(row[n]), label_of(instance, t), start, end, facts))
    for a, start, end in outages_of(log):
        events.append(_slice(a, int(count[a]), "down", start, end, {}))
    for event in np.flatnonzero(
        np.isin(log.kind, (EventKind.TASK_SUBMISSION, EventKind.JOB_DONE, EventKind.JOB_ABANDONED))
    ):
        what = f"{EventKind(log.kind[event]).name} {log.job[event]}"
        events.append(
            {"ph": "i", "s": "p", "name": what, "pid": jobs, "tid": 0, "ts": float(log.time[event]) * MICROSECONDS}
        )
    for r in np.flatnonzero(instance.shared).tolist():
        times, held = leases_of(instance, log, r)
        for time, units in zip(times.tolist(), held.T.tolist(), strict=True):
            by_agent = {f"agent {a}": u for a, u in enumerate(units)}
            events.append(
                {
                    "ph": "C",
                    "name": instance.resources[r],
                    "pid": resources,
                    "ts": time * MICROSECONDS,
                    "args": by_agent,
                }
            )
    write_bytes(path, json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}).encode())


def _slice(agent: int, row: int, name: str, start: float, end: float, facts: dict[str, Any]) -> dict[str, Any]:
    ts, dur = start * MICROSECONDS, (end - start) * MICROSECONDS
    return {"ph": "X", "name": name, "pid": agent, "tid": row, "ts": ts, "dur": dur, "args": facts}
