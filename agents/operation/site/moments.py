"""Situations out of the simulator: where an episode stood, told as a user would tell it."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from agents.operation.site.conversion import MEMORY
from agents.operation.site.situation import Situation
from envs.events import NONE, EventKind, EventLog
from envs.scenario import Scenario
from envs.workloads.instance import Instance

NAME: Final = 100
"""Letters of a name that are kept."""


def situation_at(
    instance: Instance, scenario: Scenario, log: EventLog, count: int, time: float | None = None
) -> Situation:
    """Return where an episode stood after its first ``count`` events, at ``time`` or that of the last of them.

    Capacities, estimates and times are told exactly; how often tasks were interrupted is lost.
    """
    now = time if time is not None else float(log.time[count - 1]) if count else 0.0
    names = [f"agent-{a}" for a in range(instance.num_agents)]
    tasks = [_task(instance, t, names) for t in range(instance.num_tasks)]
    job_of = instance.job_of_task()
    arrived, up = set[int](), [True] * len(names)
    reserved: dict[int, tuple[int, float]] = {}
    price, highest = 0.0, -math.inf
    columns = (each[:count].tolist() for each in (log.kind, log.time, log.agent, log.job, log.task, log.value))
    for kind, when, a, j, t, value in zip(*columns, strict=True):
        if highest > -math.inf and kind != EventKind.RESOURCE_REQUEST:
            price, highest = MEMORY * price + (1.0 - MEMORY) * highest, -math.inf
        match kind:
            case EventKind.TASK_SUBMISSION:
                arrived.add(j)
            case EventKind.TASK_START:
                tasks[t].update(state="running", agent=names[a], since=when)
                reserved.pop(t, None)
            case EventKind.TASK_END:
                tasks[t].update(state="done", until=when)
            case EventKind.TASK_FAILED | EventKind.TASK_INTERRUPTED:
                tasks[t] = {key: value for key, value in tasks[t].items() if key not in ("state", "agent", "since")}
                if kind == EventKind.TASK_FAILED:
                    again = {"earliest": value} if value < math.inf else {}
                    tasks[t] |= {"failed": tasks[t].get("failed", 0) + 1, "progress": 0.0, **again}
                else:
                    tasks[t]["progress"] = value
            case EventKind.AGENT_DOWN | EventKind.AGENT_UP:
                up[a] = kind == EventKind.AGENT_UP
                reserved = {task: held for task, held in reserved.items() if held[0] != a or up[a]}
            case EventKind.RESERVATION:
                reserved.pop(t, None)
                reserved[t] = a, value
            case EventKind.RESOURCE_REQUEST:
                highest = max(highest, value)
    holds = scenario.reservations.hold == "start"
    return Situation.of(
        {
            "time": now,
            "resources": [_resource(instance, r) for r in range(instance.num_resources)],
            "agents": [
                {
                    "name": name,
                    "up": up[a],
                    "at_once": None,
                    "capacities": {
                        instance.resources[r]: int(instance.local_capacity[a, r])
                        for r in range(instance.num_resources)
                        if not instance.shared[r]
                    },
                }
                for a, name in enumerate(names)
            ],
            "jobs": [_job(instance, j, names, tasks, j in arrived) for j in range(instance.num_jobs)],
            "reservations": [
                {"agent": names[a], "job": f"job-{job_of[t]}", "task": task_name(instance, t), "start": start}
                for t, (a, start) in reserved.items()
            ]
            if holds
            else [],
            "price": price if highest == -math.inf else MEMORY * price + (1.0 - MEMORY) * highest,
        }
    )


def situation_of(instance: Instance, scenario: Scenario, time: float = 0.0) -> Situation:
    """Return a site at which nothing was started yet, and all jobs that were released by ``time`` are waiting."""
    here = np.flatnonzero(instance.job_release <= time).astype(np.int32)
    nobody, kinds = np.full(len(here), NONE, np.int32), np.full(len(here), EventKind.TASK_SUBMISSION, np.int32)
    log = EventLog(instance.job_release[here], kinds, nobody, here, nobody, np.zeros(len(here)))
    return situation_at(instance, scenario, log, len(here), time)


def task_name(i: Instance, t: int) -> str:
    """A task's name in its source, shortened, behind its number."""
    named = i.task_names[t] if i.task_names is not None else ""
    return f"task-{t}-{named[:NAME]}" if named else f"task-{t}"


def _resource(i: Instance, r: int) -> dict[str, Any]:
    shared = bool(i.shared[r])
    return {"name": i.resources[r], "shared": shared, "capacity": int(i.shared_capacity[r]) if shared else 0}


def _task(i: Instance, t: int, names: list[str]) -> dict[str, Any]:
    options = slice(int(i.option_first[t]), int(i.option_first[t + 1]))
    pairs = zip(i.option_agent[options].tolist(), i.option_nominal[options].tolist(), strict=True)
    return {
        "name": task_name(i, t),
        "kind": f"kind-{i.task_kind[t]}",
        "eligible": {names[a]: nominal for a, nominal in pairs},
        "demands": {i.resources[r]: int(units) for r, units in enumerate(i.task_demand[t]) if units},
        "predecessors": [],
    }


def _job(i: Instance, j: int, names: list[str], tasks: list[dict[str, Any]], arrived: bool) -> dict[str, Any]:
    own = range(int(i.job_first[j]), int(i.job_first[j + 1]))
    for t in own:
        for successor in i.successor[i.successor_first[t] : i.successor_first[t + 1]].tolist():
            if task_name(i, t) not in tasks[successor]["predecessors"]:
                tasks[successor]["predecessors"].append(task_name(i, t))
    return {
        "name": f"job-{j}",
        "owner": names[int(i.job_owner[j])],
        "release": float(i.job_release[j]),
        "due": float(i.job_due[j]) if np.isfinite(i.job_due[j]) else None,
        "weight": float(i.job_weight[j]),
        "arrived": arrived,
        "tasks": [tasks[t] for t in own],
    }
