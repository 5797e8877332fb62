"""The field's metrics of a finished episode, each with its source, computed from its event log alone.

C is the completion time of a job, r its release, d its due date, w its weight, p its length: the longest path through it
at the durations that the source knows. Jobs that were abandoned or cut off have no C; they are counted, not averaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from envs.events import EventKind, EventLog
from envs.validate.costs import SHORTEST_JOB, job_lengths
from envs.workloads.instance import FloatArray, Instance

STOPS: Final = (EventKind.TASK_END, EventKind.TASK_FAILED, EventKind.TASK_INTERRUPTED)
"""After any of these a task holds nothing."""


@dataclass(frozen=True)
class Metrics:
    """One episode in numbers; times in seconds, NaN where no job was done."""

    weighted_flow: float
    """Sum of w (C - r) over the sum of w (Conway, Maxwell, Miller 1967)."""
    mean_flow: float
    median_flow: float
    mean_tardiness: float
    """Mean of max(0, C - d) over jobs with a due date; 0 where none has one."""
    mean_slowdown: float
    """Mean of max(1, (C - r) / max(p, 10 s)): bounded slowdown (Feitelson et al. 1997)."""
    median_slowdown: float
    makespan: float
    """Largest C."""
    jain: float
    """Jain's index of the owners' mean bounded slowdowns: 1 where all wait alike, 1 / owners where one waits alone."""
    abandoned: int
    """Jobs given up after too many failures."""
    unfinished: int
    """Jobs cut off at the end of a truncated episode."""
    flow_by_agent: tuple[float, ...]
    """[A] weighted flow of the jobs that an agent owns."""
    utilisation: tuple[float, ...]
    """[R] busy unit-seconds of a resource over its capacity x the episode's length."""


def compute_metrics(instance: Instance, log: EventLog) -> Metrics:
    """Compute the metrics of one whole episode of ``instance`` from its log."""
    end = completion_times(instance, log)
    done = np.isfinite(end)
    flow = end[done] - instance.job_release[done]
    weight, owner = instance.job_weight[done], instance.job_owner[done]
    slow = np.maximum(1.0, flow / np.maximum(job_lengths(instance)[done], SHORTEST_JOB))
    due = instance.job_due[done]
    late = np.maximum(0.0, end[done] - due)[np.isfinite(due)]
    agents = instance.num_agents
    abandoned = int(np.sum(log.kind == EventKind.JOB_ABANDONED))
    return Metrics(
        weighted_flow=_ratio(float(weight @ flow), float(weight.sum())),
        mean_flow=_mean(flow),
        median_flow=_median(flow),
        mean_tardiness=_mean(late) if late.size else 0.0,
        mean_slowdown=_mean(slow),
        median_slowdown=_median(slow),
        makespan=float(end[done].max(initial=-np.inf)) if flow.size else np.nan,
        jain=jain_index(_mean_by(owner, slow, np.ones(slow.size), agents)),
        abandoned=abandoned,
        unfinished=int(np.sum(~done)) - abandoned,
        flow_by_agent=tuple(_mean_by(owner, flow, weight, agents).tolist()),
        utilisation=tuple(utilisation(instance, log).tolist()),
    )


def completion_times(instance: Instance, log: EventLog) -> FloatArray:
    """Return C of every job [J] in seconds, NaN where it was not done."""
    end = np.full(instance.num_jobs, np.nan)
    done = log.kind == EventKind.JOB_DONE
    end[log.job[done]] = log.time[done]
    return end


def jain_index(values: FloatArray) -> float:
    """Return (sum x)^2 / (n x sum x^2) of the finite ``values`` >= 0 (Jain, Chiu, Hawe 1984); NaN without any above 0."""
    x = values[np.isfinite(values)]
    return _ratio(float(x.sum()) ** 2, x.size * float(x @ x))


def utilisation(instance: Instance, log: EventLog) -> FloatArray:
    """Return the busy share of every resource [R] from time 0 to the last event; 0 where it has no units."""
    if not log.time.size:
        return np.zeros(instance.num_resources)
    end = float(log.time[-1])
    start, stop = log.kind == EventKind.TASK_START, np.isin(log.kind, STOPS)
    signed = np.where(
        start, end - log.time, log.time - end
    )  # what starts runs to the end, less what a stop leaves of that
    moves = start | stop
    busy = np.bincount(log.task[moves], signed[moves], instance.num_tasks)
    capacity = np.where(instance.shared, instance.shared_capacity, instance.local_capacity.sum(axis=0)) * end
    used = busy @ instance.task_demand.astype(np.float64)
    share = np.zeros(capacity.size)
    return np.divide(used, capacity, out=share, where=capacity > 0)


def _mean_by(owner: NDArray[np.int32], values: FloatArray, weights: FloatArray, agents: int) -> FloatArray:
    """[A] weighted means, NaN for owners of nothing."""
    total, count = np.bincount(owner, values * weights, agents), np.bincount(owner, weights, agents)
    mean: FloatArray = np.full(agents, np.nan)
    return np.divide(total, count, out=mean, where=count > 0)


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if values.size else np.nan


def _median(values: FloatArray) -> float:
    return float(np.median(values)) if values.size else np.nan


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else np.nan
