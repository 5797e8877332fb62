"""Where an execution stands: small analyzers that read its events, whether a world made them or real tasks did."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from agents.evaluation.metrics import jain_index, utilisation
from agents.operation.site.conversion import to_site
from agents.operation.site.situation import Part, Situation
from envs.engine.codes import Phase
from envs.events import EventKind, EventLog
from envs.render.spans import RUNNING, label_of, spans_of
from envs.workloads.graph import topological_order
from envs.workloads.instance import FloatArray, Instance, IntArray
from envs.world import World

MOST_NAMES: Final = 3
"""In one sentence."""
OVERDUE: Final = 1.5
"""Times its expected length, after which a running task is told to be overdue."""
Severity = Literal["info", "warning", "alert"]


class Finding(Part):
    """One figure of a status, with its definition beside it."""

    about: str
    """The analyzer."""
    name: str
    value: float | None
    """None: it does not exist yet."""
    unit: str = ""
    definition: str
    severity: Severity = "info"
    detail: str = ""
    """What it is about, by name."""


@dataclass(frozen=True)
class StatusContext:
    """An execution at an instant: what there is to do, and what has happened so far."""

    title: str
    instance: Instance
    log: EventLog
    """Up to ``time``. Of its kinds, submissions, starts, ends, failures, interruptions, breakdowns and abandoned jobs are enough."""
    time: float
    """Seconds."""
    agents: Sequence[str]
    """[A] names."""
    truncated: bool = False
    """It was cut off: nothing more will happen."""
    failed: int = 0
    """Attempts that had failed before the first event."""

    @classmethod
    def of_episode(cls, title: str, instance: Instance, log: EventLog, time: float | None = None) -> StatusContext:
        """Return an episode as it stood at ``time``, by default at its last event."""
        now = float(log.time[-1]) if time is None and log.time.size else time or 0.0
        size = int(np.searchsorted(log.time, now, side="right"))
        past = up_to(log, size)
        names = [f"agent {a}" for a in range(instance.num_agents)]
        return cls(title, instance, past, now, names, bool(np.any(past.kind == EventKind.TRUNCATED)))

    @classmethod
    def of_world(cls, title: str, world: World, b: int = 0) -> StatusContext:
        """Return where world b stands; needs ``record=True``."""
        made = cls.of_episode(
            title, world.instances[int(world.out.instance[b])], world.log(b), float(world.out.time[b])
        )
        if world.out.phase[b] == Phase.OVER or not made.log.time.size:
            return made
        return made if made.time >= made.log.time[-1] else cls.of_episode(title, made.instance, world.log(b))

    @classmethod
    def of_situation(cls, title: str, situation: Situation) -> StatusContext:
        """Return where real tasks stand, by what a user knows of them."""
        site = to_site(situation)
        names = [agent.name for agent in situation.agents]
        jobs = list(dict.fromkeys(job.name for job, _ in site.tasks))
        tasks = [f"{job.name}/{task.name}" for job, task in site.tasks]
        instance = replace(site.instance, job_names=jobs, task_names=tasks)
        failed = 0 if site.snapshot.attempts is None else int(site.snapshot.attempts.sum())
        return cls(title, instance, site.snapshot.events, situation.time, names, failed=failed)

    @cached_property
    def standing(self) -> Standing:
        """Where every task and job stands."""
        return Standing.of(self)

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return self.truncated or bool((np.isfinite(self.standing.done) | self.standing.abandoned).all())

    def job(self, j: int) -> str:
        """The name of a job."""
        return f"job {self.instance.job_names[j]}" if self.instance.job_names is not None else f"job {j}"

    def task(self, t: int) -> str:
        """The name of a task."""
        return f"task {label_of(self.instance, t)}"


@dataclass(frozen=True)
class Standing:
    """Tasks and jobs at an instant. T tasks, J jobs."""

    ended: NDArray[np.bool_]
    """[T] done."""
    running: IntArray
    """Tasks that run."""
    by: IntArray
    """Of each of these, the agent."""
    since: FloatArray
    """Of each of these, when it started."""
    until: FloatArray
    """Of each of these, when it was expected to end."""
    ready: IntArray
    """Tasks that wait for nothing but units and agents."""
    arrived: NDArray[np.bool_]
    """[J]."""
    done: FloatArray
    """[J] when it was done; NaN: it is not."""
    abandoned: NDArray[np.bool_]
    """[J]."""
    path: FloatArray
    """[J] seconds: the longest path of what is left of it, at the estimates."""

    @classmethod
    def of(cls, context: StatusContext) -> Standing:
        """Read it off the events."""
        i, log = context.instance, context.log
        ended = np.zeros(i.num_tasks, np.bool_)
        finish = np.full(i.num_tasks, np.nan)
        stops = log.kind == EventKind.TASK_END
        ended[log.task[stops]], finish[log.task[stops]] = True, log.time[stops]
        spans = spans_of(log)
        still = spans.end_kind == RUNNING
        running, by, since = spans.task[still], spans.agent[still], spans.start[still]
        nominal = np.minimum.reduceat(i.option_nominal, i.option_first[:-1])
        told = np.full(i.num_tasks, np.nan)
        starts = log.kind == EventKind.TASK_START
        told[log.task[starts]] = log.value[starts]
        until = np.where(told[running] > since, told[running], since + nominal[running])
        job = i.job_of_task()
        arrived, abandoned = np.zeros(i.num_jobs, np.bool_), np.zeros(i.num_jobs, np.bool_)
        arrived[log.job[log.kind == EventKind.TASK_SUBMISSION]] = True
        abandoned[log.job[log.kind == EventKind.JOB_ABANDONED]] = True
        open_before = np.zeros(i.num_tasks, np.int64)
        source = np.repeat(np.arange(i.num_tasks), np.diff(i.successor_first))
        np.add.at(open_before, i.successor, ~ended[source])
        waits = arrived[job] & ~abandoned[job] & ~ended & (open_before == 0)
        waits[running] = False
        left = np.where(ended, 0.0, nominal)
        left[running] = np.maximum(0.0, until - context.time)
        return cls(
            ended, running, by, since, until, np.flatnonzero(waits).astype(np.int32), arrived,
            np.maximum.reduceat(finish, i.job_first[:-1]), abandoned, _paths(i, left),
        )  # fmt: skip


def _paths(i: Instance, left: FloatArray) -> FloatArray:
    """[J] the longest path through what is left [T] of every job."""
    tail, first, successor = left.tolist(), i.successor_first.tolist(), i.successor.tolist()
    for t in reversed(topological_order(i.successor_first, i.successor).tolist()):
        tail[t] += max((tail[s] for s in successor[first[t] : first[t + 1]]), default=0.0)
    paths: FloatArray = np.maximum.reduceat(np.array(tail), i.job_first[:-1])
    return paths


def up_to(log: EventLog, size: int) -> EventLog:
    """Return the first ``size`` events."""
    return EventLog(
        log.time[:size], log.kind[:size], log.agent[:size], log.job[:size], log.task[:size], log.value[:size]
    )


class Analyzer(Protocol):
    """Looks at one side of an execution."""

    def analyse(self, context: StatusContext) -> Iterator[Finding]:
        """Yield what there is to say."""


class ProgressAnalyzer:
    """How far it is."""

    def analyse(self, context: StatusContext) -> Iterator[Finding]:
        """Yield what is done, what is under way, and how long the rest takes at least."""
        s, i = context.standing, context.instance
        gone = np.isfinite(s.done) | s.abandoned
        work = np.minimum.reduceat(i.option_nominal, i.option_first[:-1])
        here = s.arrived[i.job_of_task()]
        share = float(work[s.ended].sum() / work[here].sum()) if work[here].sum() > 0 else math.nan
        counts = {
            "jobs done": (np.isfinite(s.done).sum(), "all of whose tasks are done"),
            "jobs in the system": ((s.arrived & ~gone).sum(), "arrived, and neither done nor abandoned"),
            "jobs to come": ((~s.arrived).sum(), "known, and not here yet"),
            "tasks done": (s.ended.sum(), "of all jobs"),
            "tasks running": (s.running.size, "hold their units now"),
            "tasks ready": (s.ready.size, "wait for nothing but units and an agent"),
        }
        for name, (count, definition) in counts.items():
            yield Finding(about="progress", name=name, value=float(count), definition=definition)
        yield _figure(
            "progress", "work done", 100 * share, "%", "estimated seconds of tasks that are done, of jobs that arrived"
        )
        left = float(s.path[s.arrived & ~gone].max(initial=0.0))
        yield _figure(
            "progress",
            "time left, at least",
            left,
            "s",
            "longest path of estimates through what is left of a job that is here",
        )


class LoadAnalyzer:
    """How busy it is."""

    def analyse(self, context: StatusContext) -> Iterator[Finding]:
        """Yield what share of every resource is held now, and was on average."""
        s, i = context.standing, context.instance
        held = i.task_demand[s.running].sum(axis=0)
        capacity = np.where(i.shared, i.shared_capacity, i.local_capacity.sum(axis=0))
        mean = utilisation(i, context.log)
        for r in np.flatnonzero(capacity > 0):
            name, units = i.resources[r], f"{held[r]} of {capacity[r]} units"
            now = 100.0 * float(held[r]) / float(capacity[r])
            yield _figure(
                "load", f"{name} in use", now, "%", "units that running tasks hold, of all units", detail=units
            )
            yield _figure(
                "load",
                f"{name}, mean use",
                100.0 * float(mean[r]),
                "%",
                "unit-seconds held up to the last event, of all",
            )


class LatenessAnalyzer:
    """What is late, or will be."""

    def analyse(self, context: StatusContext) -> Iterator[Finding]:
        """Yield how many due dates were missed, and which cannot be kept any more."""
        s, i = context.standing, context.instance
        gone = np.isfinite(s.done) | s.abandoned
        missed = np.isfinite(s.done) & (s.done > i.job_due)
        late = s.arrived & ~gone & (context.time > i.job_due)
        lost = s.arrived & ~gone & ~late & (context.time + s.path > i.job_due)
        yield _figure("due dates", "missed", float(missed.sum()), "jobs", "were done after their due date")
        past, lost_for_good = "are not done, and their due date is past", "will miss it even if nothing is in their way"
        yield _counted("due dates", "overdue", np.flatnonzero(late), context.job, "jobs", past, "alert")
        yield _counted(
            "due dates", "cannot be kept", np.flatnonzero(lost), context.job, "jobs", lost_for_good, "warning"
        )


class TroubleAnalyzer:
    """What went wrong."""

    def analyse(self, context: StatusContext) -> Iterator[Finding]:
        """Yield failures, interruptions, breakdowns, abandoned jobs and tasks that take far too long."""
        s, log = context.standing, context.log
        failed = int(np.sum(log.kind == EventKind.TASK_FAILED)) + context.failed
        stopped = int(np.sum(log.kind == EventKind.TASK_INTERRUPTED))
        yield _figure("trouble", "failed attempts", float(failed), "", "at tasks, which were or will be tried again")
        yield _figure(
            "trouble",
            "interrupted attempts",
            float(stopped),
            "",
            "stopped by a breakdown, or because their job was abandoned",
        )
        slow = s.running[context.time - s.since > OVERDUE * np.maximum(s.until - s.since, 0.0)]
        lost = np.flatnonzero(s.abandoned)
        names = [a for a in range(context.instance.num_agents) if _lasts(log, a)]
        yield _counted(
            "trouble", "agents down", names, lambda a: context.agents[a], "", "broken down, and not back", "alert"
        )
        yield _counted("trouble", "jobs abandoned", lost, context.job, "", "given up after too many failures", "alert")
        long = f"have run for more than {OVERDUE:g} times what was expected"
        yield _counted("trouble", "running far too long", slow, context.task, "tasks", long, "warning")


class FairnessAnalyzer:
    """Who got what."""

    def analyse(self, context: StatusContext) -> Iterator[Finding]:
        """Yield how evenly shared units were leased, and how alike jobs of different owners flowed."""
        i, spans = context.instance, spans_of(context.log)
        seconds = np.where(spans.end_kind == RUNNING, context.time, spans.end) - spans.start
        for r in np.flatnonzero(i.shared & (i.shared_capacity > 0)):
            held = seconds * i.task_demand[spans.task, r]
            leased: FloatArray = np.bincount(spans.agent, held, i.num_agents).astype(np.float64)
            definition = "Jain's index of the agents' unit-seconds leased: 1 where all have the same, 1 / agents where one has all"
            yield _figure("fairness", f"{i.resources[r]} among agents", jain_index(leased), "", definition)


ANALYZERS: Final[tuple[Analyzer, ...]] = (
    ProgressAnalyzer(),
    LoadAnalyzer(),
    LatenessAnalyzer(),
    TroubleAnalyzer(),
    FairnessAnalyzer(),
)


def _lasts(log: EventLog, agent: int) -> bool:
    """Whether the last that was heard of an agent is that it is down."""
    heard = np.flatnonzero(np.isin(log.kind, (EventKind.AGENT_DOWN, EventKind.AGENT_UP)) & (log.agent == agent))
    return bool(heard.size and log.kind[heard[-1]] == EventKind.AGENT_DOWN)


def _figure(about: str, name: str, value: float, unit: str, definition: str, *, detail: str = "") -> Finding:
    told = value if math.isfinite(value) else None
    return Finding(about=about, name=name, value=told, unit=unit, definition=definition, detail=detail)


def _counted(
    about: str,
    name: str,
    found: Sequence[int] | NDArray[np.integer],
    named: Callable[[int], str],
    unit: str,
    definition: str,
    severity: Severity,
) -> Finding:
    """Something that is worth attention where there is any of it."""
    shown = [named(int(each)) for each in found[:MOST_NAMES]] + (["..."] if len(found) > MOST_NAMES else [])
    return Finding(
        about=about,
        name=name,
        value=float(len(found)),
        unit=unit,
        definition=definition,
        severity=severity if len(found) else "info",
        detail=", ".join(shown),
    )
