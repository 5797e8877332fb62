"""A situation as the world knows it: an instance, and the history that led to where it stands."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.operation.site.checks import in_order
from agents.operation.site.options import Options
from agents.operation.site.situation import Job, Situation, Task
from envs.engine import layout
from envs.engine.layout import Records
from envs.events import NONE, EventKind, EventLog
from envs.state.snapshot import Snapshot
from envs.workloads.instance import Instance

MEMORY: Final = 0.9
"""Share of the price that is remembered from one contested round to the next (docs/world.md, section 5)."""
AT_ONCE: Final = "at once"
"""The resource that counts what an agent runs at once, where a limit of that is given."""
ALONE: Final = "nothing"
"""The resource of a situation that has none."""


@dataclass(frozen=True)
class Site:
    """A situation as a world can be put into it; tasks and agents of the world by number, those of the user by name."""

    situation: Situation
    instance: Instance
    snapshot: Snapshot
    tasks: list[tuple[Job, Task]]
    """[T]."""
    numbers: dict[tuple[str, str], int]
    """By names of job and task."""
    kinds: list[str]
    """[G] of tasks, in the world's order."""


def to_site(s: Situation, credits: float = 0.0) -> Site:
    """Return what a world needs to stand where the situation does; ``credits`` is what agents have who are not named in its balances."""
    options = s.options
    jobs = sorted(s.jobs, key=lambda job: (not _is_here(job, s), job.release))
    tasks = [(job, task) for job in jobs for task in job.tasks]
    numbers = {(job.name, task.name): t for t, (job, task) in enumerate(tasks)}
    kinds = {kind: g for g, kind in enumerate(dict.fromkeys(task.kind for _, task in tasks))}
    may = [options.of(task) for _, task in tasks]
    past = _Past(s, jobs, numbers, may, options)
    snapshot = Snapshot(
        seed=0,
        time=s.time,
        events=past.log(),
        active=np.ones(len(s.agents), np.bool_),
        balance=np.array([s.balances.get(agent.name, credits) for agent in s.agents]),
        reserved_by=np.array([options.number[held.agent] for held in s.reservations], np.int32),
        reserved_task=np.array([numbers[held.job, held.task] for held in s.reservations], np.int32),
        reserved_start=np.array([held.start for held in s.reservations], np.float64),
        round=NONE,
        price=s.price,
        beliefs=_beliefs(s, tasks, may, kinds, past.unseen, options.number),
        attempts=np.array([task.failed for _, task in tasks], np.int32),
        progress=np.array([task.progress for _, task in tasks]),
        earliest=np.array([0.0 if task.earliest is None else _earliest(task, s.time) for _, task in tasks]),
    )
    return Site(s, _instance(s, jobs, tasks, may, numbers, kinds, options), snapshot, tasks, numbers, list(kinds))


def _is_here(job: Job, s: Situation) -> bool:
    return job.release <= s.time if job.arrived is None else job.arrived


def _earliest(task: Task, now: float) -> float:
    """Of what is over, no world needs to know."""
    return task.earliest if task.state == "waiting" and task.earliest is not None and task.earliest > now else 0.0


def _instance(
    s: Situation,
    jobs: list[Job],
    tasks: list[tuple[Job, Task]],
    may: list[dict[str, float]],
    numbers: dict[tuple[str, str], int],
    kinds: dict[str, int],
    options: Options,
) -> Instance:
    limited = any(agent.at_once is not None for agent in s.agents)
    names = [resource.name for resource in s.resources] + [AT_ONCE] * limited or [ALONE]
    column = {name: r for r, name in enumerate(names)}
    shared = np.array([resource.shared for resource in s.resources] + [False] * (len(names) - len(s.resources)))
    pools = np.array([options.shared.get(name, 0) for name in names])
    local = np.zeros((len(s.agents), len(names)), np.int32)
    for a, agent in enumerate(s.agents):
        for name, units in options.own[agent.name].items():
            local[a, column[name]] = units
        if limited:
            local[a, -1] = len(tasks) if agent.at_once is None else agent.at_once
    demand = np.zeros((len(tasks), len(names)), np.int32)
    demands = [task.demands for _, task in tasks]
    wide = np.repeat(np.arange(len(tasks)), [len(each) for each in demands])
    demand[wide, _flat(map(column.__getitem__, chain.from_iterable(demands)), len(wide))] = _flat(
        chain.from_iterable(each.values() for each in demands), len(wide)
    )
    if limited:
        demand[:, -1] = 1
    number = options.number
    pairs = {
        (numbers[job.name, name], t)
        for t, (job, task) in enumerate(tasks)
        if task.predecessors
        for name in task.predecessors
    }
    before, after = np.array(sorted(pairs), np.int32).reshape(-1, 2).T
    counts = [len(each) for each in may]
    place = np.repeat(np.arange(len(may)), counts) * len(s.agents)
    place += _flat(map(number.__getitem__, chain.from_iterable(may)), len(place))
    order = np.argsort(place)
    nominal = np.fromiter(chain.from_iterable(each.values() for each in may), np.float64, len(place))
    firsts = _firsts([len(job.tasks) for job in jobs])
    return Instance(
        name="situation",
        resources=tuple(names),
        shared=shared,
        shared_capacity=pools,
        local_capacity=local,
        speed=np.ones((len(s.agents), len(kinds))),
        job_release=np.array([job.release for job in jobs]),
        job_due=np.array([math.inf if job.due is None else job.due for job in jobs]),
        job_weight=np.array([job.weight for job in jobs]),
        job_owner=np.array(
            [
                number[next(iter(may[first])) if job.owner is None else job.owner]
                for job, first in zip(jobs, firsts[:-1].tolist(), strict=True)
            ]
        ),
        job_first=firsts,
        task_kind=np.array([kinds[task.kind] for _, task in tasks]),
        task_demand=demand,
        task_ratio=np.ones(len(tasks)),
        option_first=_firsts(counts),
        option_agent=(place[order] % len(s.agents)).astype(np.int32),
        option_nominal=nominal[order],
        successor_first=_firsts(np.bincount(before, minlength=len(tasks))),
        successor=after,
    )


def _flat(numbers: Iterable[int], count: int) -> NDArray[np.int64]:
    return np.fromiter(numbers, np.int64, count)


def _firsts(counts: Sequence[int] | NDArray[np.integer]) -> NDArray[np.int32]:
    first = np.zeros(len(counts) + 1, np.int32)
    np.cumsum(counts, out=first[1:])
    return first


class _Event(NamedTuple):
    """Something that happened; sorted, they come in the order in which a world would have seen them."""

    time: float
    order: int
    """At one instant: ends, arrivals, what is done unseen, breakdowns, starts, and behind these what they made possible."""
    number: int
    kind: int
    agent: int
    job: int
    task: int


_END, _ARRIVAL, _UNSEEN, _BREAKDOWN, _START = range(5)


class _Past:
    """What happened at a site, as far as a situation tells."""

    def __init__(
        self,
        s: Situation,
        jobs: list[Job],
        numbers: dict[tuple[str, str], int],
        may: list[dict[str, float]],
        options: Options,
    ) -> None:
        self._numbers, self._may, self._options = numbers, may, options
        self._here = [(j, job) for j, job in enumerate(jobs) if _is_here(job, s)]
        self._begun = [(j, job) for j, job in self._here if any(task.state != "waiting" for task in job.tasks)]
        self._always = [
            _Event(job.release, _ARRIVAL, j, EventKind.TASK_SUBMISSION, NONE, j, NONE) for j, job in self._here
        ]
        self._always += [
            _Event(s.time, _BREAKDOWN, a, EventKind.AGENT_DOWN, a, NONE, NONE)
            for a, agent in enumerate(s.agents)
            if not agent.up
        ]
        self.unseen: set[int] = set()
        """Tasks that are done, and of which no world could have seen when and by whom."""
        self.events = sorted(self._always + self._tasks())
        if (
            not self._is_possible()
        ):  # somebody's clock is wrong, or there were more units: then only what was learned counts
            self.unseen = {
                t
                for (_, job) in self._begun
                for task in job.tasks
                if task.state == "done"
                for t in (numbers[job.name, task.name],)
            }
            self.events = sorted(self._always + self._tasks())

    def _tasks(self) -> list[_Event]:
        """Starts and ends."""
        events: list[_Event] = []
        for j, job in self._begun:
            ended: dict[str, tuple[float, int]] = {}
            for task in in_order(job):
                if task.state != "waiting":
                    events += self._attempt(j, job, task, ended)
        return events

    def _attempt(self, j: int, job: Job, task: Task, ended: dict[str, tuple[float, int]]) -> list[_Event]:
        """What is known of the task's last attempt; ``ended`` says when, and in which order, its predecessors were done."""
        t = self._numbers[job.name, task.name]
        ready, behind = max([(job.release, _ARRIVAL), *(ended[name] for name in task.predecessors)])
        whole = task.agent in self._may[t] and task.since is not None and task.since >= ready and t not in self.unseen
        if task.state == "done" and not (whole and task.until is not None):
            self.unseen.add(t)
            ended[task.name] = max((task.until or 0.0, _UNSEEN), (ready, max(_UNSEEN, behind + 1)))
            return [_Event(*ended[task.name], t, EventKind.TASK_END, NONE, j, t)]
        assert task.agent is not None  # as the checks see to
        assert task.since is not None
        a = self._options.number[task.agent]
        since = max((task.since, _START), (ready, max(_START, behind + 1)))
        events = [_Event(*since, t, EventKind.TASK_START, a, j, t)]
        if task.state == "done" and task.until is not None:
            ended[task.name] = (task.until, _END if task.until > since[0] else since[1] + 1)
            events.append(_Event(*ended[task.name], t, EventKind.TASK_END, a, j, t))
        return events

    def _is_possible(self) -> bool:
        """Whether all units were there when tasks started."""
        free: dict[tuple[str, str], int] = {}
        tasks = {self._numbers[job.name, task.name]: task for _, job in self._begun for task in job.tasks}
        for event in self.events:
            if event.kind not in (EventKind.TASK_START, EventKind.TASK_END) or event.agent == NONE:
                continue
            task, sign = tasks[event.task], 1 if event.kind == EventKind.TASK_START else -1
            assert task.agent is not None
            for name, units in (*task.demands.items(), (AT_ONCE, 1)):
                where = ("", name) if name in self._options.shared else (task.agent, name)
                if where not in free:
                    free[where] = self._options.units(task.agent, name)
                free[where] -= sign * units
                if free[where] < 0:
                    return False
        return True

    def log(self) -> EventLog:
        """As the world takes it."""
        times, _, _, kinds, agents, jobs, tasks = zip(*self.events, strict=True) if self.events else ((),) * 7
        who, where, what = (np.array(each, np.int32) for each in (agents, jobs, tasks))
        return EventLog(
            np.array(times, np.float64), np.array(kinds, np.int32), who, where, what, np.zeros(len(self.events))
        )


def _beliefs(
    s: Situation,
    tasks: list[tuple[Job, Task]],
    may: list[dict[str, float]],
    kinds: dict[str, int],
    unseen: set[int],
    number: dict[str, int],
) -> Records:
    """What agents had seen before everything that a world has seen: what was told of the past, and of tasks that were done unseen."""
    beliefs: Records = np.zeros((len(s.agents), len(kinds)), layout.BELIEF)
    known: dict[tuple[int, int], list[float]] = {}
    for seen in s.history:
        if seen.kind in kinds:
            place = number[seen.agent], kinds[seen.kind]
            beliefs["failures"][place] += seen.failures
            known[place] = [float(seen.count), seen.mean, seen.m2]
            for ratio in seen.ratios:
                observe(known[place], math.log(ratio))
    for _, t in sorted((tasks[t][1].until or 0.0, t) for t in unseen):
        task = tasks[t][1]
        if task.agent is None or task.since is None or task.until is None or task.progress:
            continue
        nominal, took = may[t].get(task.agent, 0.0), task.until - task.since
        if nominal > 0 and took > 0:
            observe(known.setdefault((number[task.agent], kinds[task.kind]), [0.0, 0.0, 0.0]), math.log(took / nominal))
    for place, (count, mean, m2) in known.items():
        beliefs["count"][place], beliefs["mean"][place], beliefs["m2"][place] = count, mean, m2
    return beliefs


def observe(known: list[float], x: float) -> None:
    """Welford's update of count, mean and m2."""
    known[0] += 1
    away = x - known[1]
    known[1] += away / known[0]
    known[2] += away * (x - known[1])
