"""What adds up in a stretch of an episode: read off its events alone, so that real executions and simulated ones are measured alike."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.evaluation.metrics import completion_times, utilisation
from envs.events import EventKind, EventLog
from envs.render.spans import RUNNING, Spans, end_of, spans_of
from envs.schedule import realised
from envs.workloads.instance import FloatArray, Instance
from experiments.bounds.analytic import find_paths

PARTS: Final = 8
"""Of a window: what differs between them is how sure the window's figures are."""
SETTLED: Final = 5
"""Tasks of a kind that an agent has begun, after which its estimates should have adapted."""


class Column(IntEnum):
    """What is added up."""

    SECONDS = 0
    BUSY = 1
    """Unit-seconds of the bottleneck that tasks held."""
    AVAILABLE = 2
    """Its capacity x seconds."""
    BOUND = 3
    """Of jobs that were done: weight x the least time that they could have taken."""
    FLOW = 4
    """Of these: weight x the time from release to completion."""
    USEFUL = 5
    """Seconds x share of every resource that attempts held that ended well."""
    HELD = 6
    """The same of all attempts that ended."""
    OFFERED = 7
    """Of jobs that arrived: seconds that the bottleneck would be full of their work, at nominal durations."""
    JOBS = 8
    """Done."""
    TASKS = 9
    """Attempts that ended well."""
    FAILURES = 10
    """Attempts that failed or were interrupted."""
    RESTARTED = 11
    """Of these, followed by another attempt."""
    WAITED = 12
    """Seconds from the failure to that."""
    LOST = 13
    """Seconds that failed attempts had taken."""
    FIRST_ERROR = 14
    """Sum of |log(actual / expected duration)| of the first task of a kind that an agent begins."""
    FIRST = 15
    """How many these are."""
    FIRST_SQUARE = 16
    """Sum of the squares of these errors."""
    LATER_ERROR = 17
    """The same once it has begun SETTLED of the kind."""
    LATER = 18
    LATER_SQUARE = 19


class Observed(NamedTuple):
    """Parts of windows, n of them, in order."""

    window: NDArray[np.int64]
    """[n] number of the window."""
    start: FloatArray
    """[n] seconds."""
    end: FloatArray
    """[n]."""
    sums: FloatArray
    """[n, Column]."""
    backlog: FloatArray
    """[windows] seconds of the bottleneck's work that waited or ran when the window began."""
    bottleneck: int
    """The resource that was busy for the largest share of the log."""


def observe(i: Instance, log: EventLog, length: float) -> Observed:
    """Cut an episode into windows of ``length`` seconds from time 0, the last one as long as the log; add up what happened in each part."""
    end = end_of(log)
    starts = np.arange(max(1, int(np.ceil(end / length)))) * length
    edges = np.unique(np.concatenate([np.linspace(s, min(s + length, end), PARTS + 1) for s in starts]))
    window = np.repeat(np.arange(len(starts)), PARTS)
    if len(edges) != len(window) + 1:  # an episode of no length
        edges = np.concatenate([starts[:1], np.full(len(window), end)])
    sums = np.zeros((len(window), len(Column)))
    sums[:, Column.SECONDS] = np.diff(edges)
    capacity = np.where(i.shared, i.shared_capacity, i.local_capacity.sum(axis=0)).astype(np.float64)
    bottleneck = int(np.argmax(utilisation(i, log)))
    spans = spans_of(log)
    _attempts(sums, edges, i, spans, capacity, bottleneck)
    _jobs(sums, edges, i, log, spans)
    _failures(sums, edges, spans)
    _estimates(sums, edges, i, log, spans)
    arrived, left = _work(i, log, capacity, bottleneck)
    sums[:, Column.OFFERED] = _counted(edges, *arrived)
    backlog = np.array([arrived[1][arrived[0] < s].sum() - left[1][left[0] < s].sum() for s in starts])
    return Observed(window, edges[:-1], edges[1:], sums, backlog, bottleneck)


def _attempts(
    sums: FloatArray, edges: FloatArray, i: Instance, spans: Spans, capacity: FloatArray, bottleneck: int
) -> None:
    demand = i.task_demand[spans.task]
    sums[:, Column.BUSY] = _covered(edges, spans.start, spans.end, demand[:, bottleneck].astype(np.float64))
    sums[:, Column.AVAILABLE] = np.diff(edges) * capacity[bottleneck]
    size = (demand / np.where(capacity > 0, capacity, np.inf)).sum(axis=1)
    ended, well = spans.end_kind != RUNNING, spans.end_kind == EventKind.TASK_END
    sums[:, Column.USEFUL] = _covered(edges, spans.start[well], spans.end[well], size[well])
    sums[:, Column.HELD] = _covered(edges, spans.start[ended], spans.end[ended], size[ended])
    sums[:, Column.TASKS] = _counted(edges, spans.end[well], np.ones(int(well.sum())))


def _jobs(sums: FloatArray, edges: FloatArray, i: Instance, log: EventLog, spans: Spans) -> None:
    done = completion_times(i, log)
    finished = np.isfinite(done)
    least = _least(i, spans)
    weighted = i.job_weight * least, i.job_weight * (done - i.job_release), np.ones(i.num_jobs)
    for column, value in zip((Column.BOUND, Column.FLOW, Column.JOBS), weighted, strict=True):
        sums[:, column] = _counted(edges, done[finished], value[finished])


def _least(i: Instance, spans: Spans) -> FloatArray:
    """[J] seconds: the longest path through a job, each task on its fastest agent, with the luck that its last attempt had."""
    first, length = i.option_first, realised(i)
    luck = np.ones(i.num_tasks)
    of = np.repeat(np.arange(i.num_tasks), np.diff(first))
    key = of.astype(np.int64) * i.num_agents + i.option_agent
    well = spans.end_kind == EventKind.TASK_END
    option = np.searchsorted(key, spans.task[well].astype(np.int64) * i.num_agents + spans.agent[well])
    known = length[option] > 0
    luck[spans.task[well][known]] = (spans.end - spans.start)[well][known] / length[option][known]
    paths = find_paths(i, luck)
    return np.asarray(np.maximum.reduceat(paths.head + paths.shortest + paths.tail, i.job_first[:-1]) - i.job_release)


def _failures(sums: FloatArray, edges: FloatArray, spans: Spans) -> None:
    """Attempts that came to nothing, and the next start of the same task."""
    order = np.lexsort((spans.start, spans.task))
    task, start, end, kind = (column[order] for column in (spans.task, spans.start, spans.end, spans.end_kind))
    broken = np.isin(kind, (EventKind.TASK_FAILED, EventKind.TASK_INTERRUPTED))
    again = np.append((task[1:] == task[:-1]), False) & broken
    wait = np.append(start[1:], 0.0) - end
    ended: FloatArray = end.astype(np.float64)
    for column, chosen, value in (
        (Column.FAILURES, broken, np.ones(task.size)),
        (Column.RESTARTED, again, np.ones(task.size)),
        (Column.WAITED, again, wait),
        (Column.LOST, broken, end - start),
    ):
        sums[:, column] = _counted(edges, ended[chosen], np.asarray(value[chosen], np.float64))


def _estimates(sums: FloatArray, edges: FloatArray, i: Instance, log: EventLog, spans: Spans) -> None:
    """How far the ends that agents expected were from those that came, at their first task of a kind and later."""
    expected = log.value[log.kind == EventKind.TASK_START] - spans.start  # spans are in the order of starts
    actual = spans.end - spans.start
    kind = spans.agent.astype(np.int64) * i.num_kinds + i.task_kind[spans.task]
    order = np.argsort(kind, kind="stable")
    ranked = np.empty(kind.size, np.int64)
    firsts = np.searchsorted(kind[order], kind[order])
    ranked[order] = np.arange(kind.size) - firsts
    whole = (spans.end_kind == EventKind.TASK_END) & (actual > 0) & (expected > 0)
    error = np.abs(np.log(np.where(whole, actual, 1.0) / np.where(whole, expected, 1.0)))
    for (total, count, square), chosen in (
        ((Column.FIRST_ERROR, Column.FIRST, Column.FIRST_SQUARE), whole & (ranked == 0)),
        ((Column.LATER_ERROR, Column.LATER, Column.LATER_SQUARE), whole & (ranked >= SETTLED)),
    ):
        sums[:, total] = _counted(edges, spans.end[chosen], error[chosen])
        sums[:, square] = _counted(edges, spans.end[chosen], error[chosen] ** 2)
        sums[:, count] = _counted(edges, spans.end[chosen], np.ones(int(chosen.sum())))


def _work(
    i: Instance, log: EventLog, capacity: FloatArray, bottleneck: int
) -> tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]:
    """When work for the bottleneck arrives, and when it leaves, with its seconds."""
    nominal = np.minimum.reduceat(i.option_nominal, i.option_first[:-1])
    area = nominal * i.task_demand[:, bottleneck] / capacity[bottleneck]
    came, ended, given_up = (
        log.kind == kind for kind in (EventKind.TASK_SUBMISSION, EventKind.TASK_END, EventKind.JOB_ABANDONED)
    )
    of_job = np.add.reduceat(area, i.job_first[:-1])
    undone = np.ones(i.num_tasks, np.bool_)
    undone[log.task[ended]] = False
    rest = np.add.reduceat(np.where(undone, area, 0.0), i.job_first[:-1])
    left = np.concatenate([log.time[ended], log.time[given_up]])
    return (log.time[came], of_job[log.job[came]]), (
        left,
        np.concatenate([area[log.task[ended]], rest[log.job[given_up]]]),
    )


def _counted(edges: FloatArray, time: FloatArray, value: FloatArray) -> FloatArray:
    """[n] what happened between edges, the last edge included."""
    place = np.clip(np.searchsorted(edges, time, side="right") - 1, 0, len(edges) - 2)
    return np.asarray(np.bincount(place, value, len(edges) - 1), np.float64)


def _covered(edges: FloatArray, start: FloatArray, end: FloatArray, rate: FloatArray) -> FloatArray:
    """[n] the integral, between edges, of the rates of what is under way."""

    def since(times: FloatArray) -> FloatArray:
        order = np.argsort(times, kind="stable")
        rates, moments = np.append(0.0, np.cumsum(rate[order])), np.append(0.0, np.cumsum((rate * times)[order]))
        place = np.searchsorted(times[order], edges, side="right")
        return np.asarray(edges * rates[place] - moments[place])

    return np.maximum(0.0, np.diff(since(start) - since(end)))
