"""What an event log has to show: a schedule, the course of its queue and resources, and how its agents negotiated."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agents.evaluation.metrics import completion_times, jain_index
from envs.events import EventKind, EventLog
from envs.render.spans import RUNNING, end_of, label_of, leases_of, outages_of, rows_of, spans_of
from envs.validate.costs import SHORTEST_JOB, job_lengths
from envs.workloads.instance import FloatArray, Instance
from experiments.reports.report import Cell, Chart, Curve, Figure, Schedule, Sheet

MOST_POINTS: Final = 2_000
"""Of a curve; more are thinned out, the least and the largest of each stretch kept."""
MOST_AGENTS: Final = 8
"""With a curve of their own."""
HOW: Final = {
    EventKind.TASK_END: "end",
    EventKind.TASK_FAILED: "failed",
    EventKind.TASK_INTERRUPTED: "interrupted",
    RUNNING: "running",
}


def schedule(
    title: str, cost: float, instance: Instance, log: EventLog, agents: Sequence[str] | None = None
) -> Schedule:
    """Return an episode for a chart; ``cost`` is the weighted cost of the team, NaN where nobody noted it; ``agents`` are names."""
    spans, shared = spans_of(log), pooled(instance)
    row, rows = rows_of(spans, instance.num_agents)
    job, names = instance.job_of_task(), [label_of(instance, task) for task in range(instance.num_tasks)]
    jobs = (
        [str(name) for name in instance.job_names]
        if instance.job_names is not None
        else [str(j) for j in range(instance.num_jobs)]
    )

    def about(kind: EventKind, column: str) -> dict[str, Sequence[Any]]:
        at = np.flatnonzero(log.kind == kind)
        tasks = log.task[at].tolist()
        return {"agent": log.agent[at].tolist(), "name": [names[t] for t in tasks], "time": _seconds(log.time[at])} | {
            column: _seconds(log.value[at])
        }

    down = outages_of(log)
    return Schedule(
        title,
        cost,
        end_of(log),
        list(agents) if agents is not None else [f"agent {a}" for a in range(instance.num_agents)],
        rows.tolist(),
        [instance.resources[r] for r in shared],
        [int(instance.shared_capacity[r]) for r in shared],
        {
            "agent": spans.agent.tolist(),
            "row": row.tolist(),
            "job": job[spans.task].tolist(),
            "name": [names[t] for t in spans.task.tolist()],
            "start": _seconds(spans.start),
            "end": _seconds(spans.end),
            "how": [HOW[kind] for kind in spans.end_kind.tolist()],
            "units": [instance.task_demand[spans.task, r].tolist() for r in shared],
        },
        {
            "name": jobs,
            "owner": instance.job_owner.tolist(),
            "release": _seconds(instance.job_release),
            "due": _seconds(instance.job_due),
            "done": _seconds(completion_times(instance, log)),
        },
        about(EventKind.RESERVATION, "until"),
        about(EventKind.RESOURCE_REQUEST, "bid"),
        {
            "agent": [agent for agent, _, _ in down],
            "start": [start for _, start, _ in down],
            "end": [end for _, _, end in down],
        },
    )


def charts(title: str, instance: Instance, log: EventLog) -> list[Chart]:
    """Return the queue, the utilisation and the fairness of an episode over its time; ``bargaining`` has its negotiation."""
    made = [
        Chart(f"Queue and load: {title}", "s", "count", _queue(log), "step"),
        Chart(f"Utilisation: {title}", "s", "% of its units in use", _utilisation(instance, log), "step"),
    ]
    times, fair = _fairness(instance, log)
    if len(times):
        made.append(
            Chart(
                f"Fairness so far: {title}",
                "s",
                "Jain's index of the owners' mean slowdowns",
                [curve("Jain", times, fair)],
                "step",
            )
        )
    return made


def negotiation(title: str, instance: Instance, log: EventLog) -> Sheet:
    """Return what each agent asked for, paid and got of the shared resources; their shares add up to 100 %."""
    asked, paid = log.kind == EventKind.RESOURCE_REQUEST, log.kind == EventKind.ALLOCATION_UPDATE
    shares = [_shares(instance, log, r) for r in pooled(instance)]
    rows: list[list[Cell]] = []
    for a in range(instance.num_agents):
        mine = log.agent == a
        bids, prices = log.value[mine & asked], log.value[mine & paid]
        mean = float(bids.mean()) if bids.size else math.nan
        row: list[Cell] = [
            f"agent {a}",
            Figure(bids.size, str(bids.size)),
            Figure.of(mean),
            Figure.of(float(prices.sum())),
        ]
        rows.append([*row, *(Figure.of(100.0 * float(share[a]), 3, unit="%") for share in shares)])
    fair: list[Cell] = ["Jain's index", "", "", "", *(Figure.of(jain_index(share)) for share in shares)]
    names = [f"share of {instance.resources[r]}, %" for r in pooled(instance)]
    return Sheet(f"Negotiation: {title}", ["", "contests", "mean bid", "credits paid", *names], [*rows, fair])


def pooled(instance: Instance) -> list[int]:
    """The resources that are shared, and of which there is anything."""
    return [int(r) for r in np.flatnonzero(instance.shared & (instance.shared_capacity > 0))]


def _shares(instance: Instance, log: EventLog, resource: int) -> FloatArray:
    """[A] of all unit-seconds that were leased, the share of each agent."""
    times, held = leases_of(instance, log, resource)
    used: FloatArray = held[:, :-1] @ np.diff(times)
    return used / used.sum() if used.sum() > 0 else np.full(used.size, np.nan)


def _queue(log: EventLog) -> list[Curve]:
    """Jobs in the system, tasks that are ready and tasks that run."""
    gone, stops = (
        (EventKind.JOB_DONE, EventKind.JOB_ABANDONED),
        (EventKind.TASK_END, EventKind.TASK_FAILED, EventKind.TASK_INTERRUPTED),
    )
    moves = {
        "jobs in the system": ((EventKind.TASK_SUBMISSION,), gone),
        "tasks ready": ((EventKind.TASK_READY,), (EventKind.TASK_START,)),
        "tasks running": ((EventKind.TASK_START,), stops),
    }
    return [
        _steps(name, log.time, np.isin(log.kind, up).astype(np.int64) - np.isin(log.kind, down))
        for name, (up, down) in moves.items()
    ]


def _utilisation(instance: Instance, log: EventLog) -> list[Curve]:
    """The busy share of every resource."""
    spans = spans_of(log)
    capacity = np.where(instance.shared, instance.shared_capacity, instance.local_capacity.sum(axis=0))
    curves = []
    for r in np.flatnonzero(capacity > 0):
        units = 100.0 * instance.task_demand[spans.task, r] / capacity[r]
        times, change = np.concatenate([spans.start, spans.end]), np.concatenate([units, -units])
        order = np.argsort(times, kind="stable")
        curves.append(_steps(instance.resources[r], times[order], change[order]))
    return curves


def _fairness(instance: Instance, log: EventLog) -> tuple[FloatArray, FloatArray]:
    """Times at which jobs were done, and Jain's index of the owners' mean bounded slowdowns of what was done by then."""
    done = completion_times(instance, log)
    order = np.argsort(done)[: int(np.isfinite(done).sum())]
    slow = np.maximum(1.0, (done - instance.job_release) / np.maximum(job_lengths(instance), SHORTEST_JOB))[order]
    mine = (instance.job_owner[order][:, None] == np.arange(instance.num_agents)).astype(np.float64)
    count = np.cumsum(mine, axis=0)
    means = np.divide(np.cumsum(mine * slow[:, None], axis=0), count, out=np.full(count.shape, np.nan), where=count > 0)
    return done[order], np.array([jain_index(each) for each in means])


def _steps(name: str, times: FloatArray, change: NDArray[Any]) -> Curve:
    """The running sum of changes, one point per instant at which there is one."""
    moved = np.flatnonzero(change)
    total, at = np.cumsum(change[moved]), times[moved]
    last = np.flatnonzero(np.append(at[1:] != at[:-1], True)) if at.size else moved
    return curve(name, np.concatenate([[0.0], at[last]]), np.concatenate([[0.0], total[last]]))


def curve(name: str, x: FloatArray, y: FloatArray) -> Curve:
    """A curve of at most about MOST_POINTS points."""
    if x.size > MOST_POINTS:
        edges = np.linspace(0, x.size, MOST_POINTS // 2 + 1).astype(np.int64)
        stretches = [range(low, high) for low, high in itertools.pairwise(edges)]
        kept = {0, x.size - 1}
        for stretch in stretches:
            part = y[stretch.start : stretch.stop]
            kept |= {stretch.start + int(part.argmin()), stretch.start + int(part.argmax())}
        at = np.array(sorted(kept))
        x, y = x[at], y[at]
    return Curve(name, _seconds(x), _seconds(y))


def _seconds(values: FloatArray) -> list[Any]:
    """Nine digits of each, None where there is none: what a picture can show, in few characters."""
    return [float(f"{value:.9g}") if math.isfinite(value) else None for value in values.tolist()]
