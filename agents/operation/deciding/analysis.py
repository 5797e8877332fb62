"""What a situation is like: its state, what binds now, what idles beside work, and what may go wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.operation.site.checks import in_order
from agents.operation.site.conversion import Site
from agents.operation.site.options import sigma_of
from agents.operation.site.situation import Part, Quantiles, Situation, Task
from envs.events import EventKind

SIGMA: Final = 0.5
"""Standard deviation of log(actual / estimate) where nobody says better."""
LATE: Final = 0.05
"""Least probability of a missed due date that is told."""
STRAGGLES: Final = 1.645
"""Standard deviations: what takes longer is beyond the 95th percentile of its estimate."""
MOST: Final = 20
"""Of each kind that are told, the worst first."""
NOTHING: Final = (0.0, 0.0)
NORMAL: Final = NormalDist()
EASE: Final = 1.65
"""Standard deviations of room beyond which nothing is as probable as LATE: more than there, at 1.645."""
ROUNDED: Final = 1.0 + 1e-9
"""By which a sum in another order may be more."""
_WAITING, _RUNNING, _DONE = range(3)
_STATES: Final = {"waiting": _WAITING, "running": _RUNNING, "done": _DONE}


class State(Part):
    """How many tasks are where."""

    waiting: int
    ready: int
    """Of those that wait: nothing but units and agents is missing."""
    running: int
    done: int
    announced: int
    """Of jobs that are still to come."""
    agents_up: int
    agents_down: int
    free: dict[str, int]
    """Units of shared resources that nobody holds."""


class Constraint(Part):
    """Something that keeps tasks from starting now."""

    kind: str
    """``resource``, ``precedence`` or ``time``."""
    name: str
    blocked: int
    """Tasks."""


class Opportunity(Part):
    """An agent with room for work that is there."""

    agent: str
    tasks: int
    """That it could start now."""


class Risk(Part):
    """Something that may go wrong."""

    kind: str
    """``late``, ``straggler`` or ``single_agent``."""
    name: str
    """Of the job, the task or the agent."""
    probability: float | None
    detail: str


class Analysis(Part):
    """The situation."""

    state: State
    constraints: list[Constraint]
    opportunities: list[Opportunity]
    risks: list[Risk]


def analyse(s: Situation, site: Site) -> Analysis:
    """Return what the situation is like before anything is decided."""
    i = site.instance
    here = np.zeros(i.num_jobs, np.bool_)
    here[: int((site.snapshot.events.kind == EventKind.TASK_SUBMISSION).sum())] = True  # those come first
    here = np.repeat(here, np.diff(i.job_first))  # [T]
    state = np.array([_STATES[task.state] for _, task in site.tasks])
    waits = (state == _WAITING) & here
    assert site.snapshot.earliest is not None
    delayed = waits & (site.snapshot.earliest > s.time)
    before = np.repeat(np.arange(i.num_tasks), np.diff(i.successor_first))
    behind = np.bincount(i.successor[state[before] != _DONE], minlength=i.num_tasks) > 0
    blocked, ready = waits & ~delayed & behind, waits & ~delayed & ~behind
    running = np.flatnonzero(state == _RUNNING)
    left = i.shared_capacity - i.task_demand[running].sum(axis=0)
    short = (i.task_demand[ready] > left).sum(axis=0).tolist()
    shared = [(resource.name, r) for r, resource in enumerate(s.resources) if resource.shared]
    constraints = []
    if blocked.any():
        name = "predecessors that are not done"
        constraints.append(Constraint(kind="precedence", name=name, blocked=int(blocked.sum())))
    if delayed.any():
        name = "earliest starts that are to come"
        constraints.append(Constraint(kind="time", name=name, blocked=int(delayed.sum())))
    constraints += [Constraint(kind="resource", name=name, blocked=short[r]) for name, r in shared if short[r]]
    up = sum(agent.up for agent in s.agents)
    return Analysis(
        state=State(
            waiting=int(waits.sum()),
            ready=int(ready.sum()),
            running=int((here & (state == _RUNNING)).sum()),
            done=int((here & (state == _DONE)).sum()),
            announced=int((~here).sum()),
            agents_up=up,
            agents_down=len(s.agents) - up,
            free={name: int(left[r]) for name, r in shared},
        ),
        constraints=constraints,
        opportunities=_opportunities(s, site, ready, running),
        risks=_risks(s, site, state),
    )


def _opportunities(s: Situation, site: Site, ready: NDArray[np.bool_], running: NDArray[np.intp]) -> list[Opportunity]:
    """Agents that could start something, and how much of what is ready."""
    i = site.instance
    free = np.where(i.shared, i.shared_capacity, i.local_capacity)  # [A, R]
    for t in running.tolist():
        agent = site.tasks[t][1].agent
        assert agent is not None  # as the checks see to
        free -= np.where(i.shared, i.task_demand[t], 0)
        free[s.options.number[agent]] -= np.where(i.shared, 0, i.task_demand[t])
    task_of = np.repeat(np.arange(i.num_tasks), np.diff(i.option_first))
    up = np.array([agent.up for agent in s.agents])
    could = ready[task_of] & up[i.option_agent]
    could[could] = (i.task_demand[task_of[could]] <= free[i.option_agent[could]]).all(axis=1)
    tasks = np.bincount(i.option_agent[could], minlength=len(s.agents)).tolist()
    return [Opportunity(agent=agent.name, tasks=count) for agent, count in zip(s.agents, tasks, strict=True) if count]


def _risks(s: Situation, site: Site, state: NDArray[np.int_]) -> list[Risk]:
    shortest = np.minimum.reduceat(site.instance.option_nominal, site.instance.option_first[:-1])
    assert site.snapshot.progress is not None
    left = shortest * (1.0 - site.snapshot.progress)
    found = [*_late(s, site, left), *_stragglers(s, site, left)]
    found.sort(key=lambda risk: -(risk.probability or 0.0))
    return [*found[:MOST], *_single(s, site, state)]


def _late(s: Situation, site: Site, left: NDArray[np.float64]) -> Iterator[Risk]:
    """Jobs whose longest path of work alone may end after the due date: waiting for units and agents comes on top."""
    hurried = _without_ease(s, site, left)
    for job in s.jobs:
        if job.name not in hurried or all(task.state == "done" for task in job.tasks):
            continue
        assert job.due is not None  # else there is no hurry
        longest: dict[str, tuple[float, float]] = {}  # mean and variance of the path up to a task
        for task in in_order(job):
            before = max([longest[name] for name in task.predecessors]) if task.predecessors else NOTHING
            if task.state == "done":
                longest[task.name] = before
                continue
            mean, sigma = float(left[site.numbers[job.name, task.name]]), _sigma(task)
            if task.state == "running" and task.since is not None:
                mean = max(0.0, mean - (s.time - task.since))
            longest[task.name] = before[0] + mean, before[1] + (mean * sigma) ** 2
        mean, variance = max(longest.values())
        room = job.due - max(s.time, job.release)
        chance = float(room < mean) if variance == 0 else 1.0 - NORMAL.cdf((room - mean) / math.sqrt(variance))
        if chance >= LATE:
            yield Risk(
                kind="late",
                name=job.name,
                probability=chance,
                detail=f"{mean:.6g} s of work one after the other, {room:.6g} s until its due date, waiting not counted",
            )


def _without_ease(s: Situation, site: Site, left: NDArray[np.float64]) -> set[str]:
    """Names of jobs that would perhaps be late if all their tasks came one after the other: no path of the others is longer than that."""
    i = site.instance
    spread = (left * np.array([_sigma(task) for _, task in site.tasks])) ** 2
    room = i.job_due - np.maximum(i.job_release, s.time)
    work, variance = (np.add.reduceat(each, i.job_first[:-1]) for each in (left, spread))
    hurried = room <= work * ROUNDED + EASE * np.sqrt(variance)
    return {site.tasks[t][0].name for t in i.job_first[:-1][hurried].tolist()}


def _stragglers(s: Situation, site: Site, left: NDArray[np.float64]) -> Iterator[Risk]:
    for job in s.jobs:
        for task in job.tasks:
            if task.state == "running" and task.since is not None:
                sigma, estimate = _sigma(task), float(left[site.numbers[job.name, task.name]])
                if s.time - task.since > estimate * math.exp(STRAGGLES * sigma - sigma * sigma / 2):
                    detail = f"runs for {s.time - task.since:.6g} s at {task.agent}, its estimate is {estimate:.6g} s"
                    yield Risk(kind="straggler", name=f"{job.name}/{task.name}", probability=None, detail=detail)


def _single(s: Situation, site: Site, state: NDArray[np.int_]) -> Iterator[Risk]:
    """Agents that alone may run tasks which wait, among several agents."""
    if len(s.agents) == 1:
        return
    first, agents = site.instance.option_first, site.instance.option_agent
    only = first[:-1][(state == _WAITING) & (np.diff(first) == 1)]
    alone = np.bincount(agents[only], minlength=len(s.agents)).tolist()
    for a in sorted(range(len(alone)), key=lambda a: -alone[a])[:MOST]:
        if alone[a]:
            detail = f"{alone[a]} waiting tasks can run nowhere else" + ("" if s.agents[a].up else ", and it is down")
            yield Risk(kind="single_agent", name=s.agents[a].name, probability=None, detail=detail)


def _sigma(task: Task) -> float:
    return sigma_of(task.duration) if type(task.duration) is Quantiles else SIGMA
