"""What a situation is like: its state, what binds now, what idles beside work, and what may go wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import NormalDist
from typing import Final

import numpy as np

from agents.operation.site.checks import in_order
from agents.operation.site.conversion import Site
from agents.operation.site.options import sigma_of
from agents.operation.site.situation import Job, Part, Quantiles, Situation, Task

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
    free = {resource.name: resource.capacity or 0 for resource in s.resources if resource.shared}
    ready: list[tuple[Job, Task]] = []
    totals = {"waiting": 0, "running": 0, "done": 0, "announced": 0}
    blocked = delayed = 0
    for job in s.jobs:
        here = job.release <= s.time if job.arrived is None else job.arrived
        states = {task.name: task.state for task in job.tasks}
        for task in job.tasks:
            totals[task.state if here else "announced"] += 1
            if task.state == "running":
                for name, units in task.demands.items():
                    if name in free:
                        free[name] -= units
            elif here and task.state == "waiting":
                if task.earliest is not None and task.earliest > s.time:
                    delayed += 1
                elif not task.predecessors or all(states[name] == "done" for name in task.predecessors):
                    ready.append((job, task))
                else:
                    blocked += 1
    constraints = (
        [Constraint(kind="precedence", name="predecessors that are not done", blocked=blocked)] if blocked else []
    )
    if delayed:
        constraints.append(Constraint(kind="time", name="earliest starts that are to come", blocked=delayed))
    for name, units in free.items():
        short = sum(task.demands.get(name, 0) > units for _, task in ready)
        if short:
            constraints.append(Constraint(kind="resource", name=name, blocked=short))
    up = sum(agent.up for agent in s.agents)
    return Analysis(
        state=State(**totals, ready=len(ready), agents_up=up, agents_down=len(s.agents) - up, free=free),
        constraints=constraints,
        opportunities=_opportunities(s, site, ready),
        risks=_risks(s, site),
    )


def _opportunities(s: Situation, site: Site, ready: list[tuple[Job, Task]]) -> list[Opportunity]:
    """Agents that could start something, and how much of what is ready."""
    i = site.instance
    number = {agent.name: a for a, agent in enumerate(s.agents)}
    free = np.where(i.shared, i.shared_capacity, i.local_capacity)  # [A, R]
    for t, (_, task) in enumerate(site.tasks):
        if task.state == "running" and task.agent is not None:
            free -= np.where(i.shared, i.task_demand[t], 0)
            free[number[task.agent]] -= np.where(i.shared, 0, i.task_demand[t])
    waits = np.zeros(i.num_tasks, np.bool_)
    waits[[site.numbers[job.name, task.name] for job, task in ready]] = True
    task_of = np.repeat(np.arange(i.num_tasks), np.diff(i.option_first))
    up = np.array([agent.up for agent in s.agents])
    could = waits[task_of] & up[i.option_agent]
    could[could] = (i.task_demand[task_of[could]] <= free[i.option_agent[could]]).all(axis=1)
    tasks = np.bincount(i.option_agent[could], minlength=len(s.agents)).tolist()
    return [Opportunity(agent=agent.name, tasks=count) for agent, count in zip(s.agents, tasks, strict=True) if count]


def _risks(s: Situation, site: Site) -> list[Risk]:
    i = site.instance
    shortest = np.minimum.reduceat(i.option_nominal, i.option_first[:-1]).tolist()
    found = [*_late(s, site, shortest), *_stragglers(s, site, shortest)]
    found.sort(key=lambda risk: -(risk.probability or 0.0))
    return [*found[:MOST], *_single(s, site)]


def _late(s: Situation, site: Site, shortest: list[float]) -> Iterator[Risk]:
    """Jobs whose longest path of work alone may end after the due date: waiting for units and agents comes on top."""
    for job in s.jobs:
        if job.due is None or all(task.state == "done" for task in job.tasks):
            continue
        longest: dict[str, tuple[float, float]] = {}  # mean and variance of the path up to a task
        for task in in_order(job):
            before = max([longest[name] for name in task.predecessors]) if task.predecessors else NOTHING
            if task.state == "done":
                longest[task.name] = before
                continue
            mean, sigma = shortest[site.numbers[job.name, task.name]] * (1.0 - task.progress), _sigma(task)
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


def _stragglers(s: Situation, site: Site, shortest: list[float]) -> Iterator[Risk]:
    for job in s.jobs:
        for task in job.tasks:
            if task.state == "running" and task.since is not None:
                sigma, estimate = _sigma(task), shortest[site.numbers[job.name, task.name]] * (1.0 - task.progress)
                if s.time - task.since > estimate * math.exp(STRAGGLES * sigma - sigma * sigma / 2):
                    detail = f"runs for {s.time - task.since:.6g} s at {task.agent}, its estimate is {estimate:.6g} s"
                    yield Risk(kind="straggler", name=f"{job.name}/{task.name}", probability=None, detail=detail)


def _single(s: Situation, site: Site) -> Iterator[Risk]:
    """Agents that alone may run tasks which wait, among several agents."""
    if len(s.agents) == 1:
        return
    first, agents = site.instance.option_first, site.instance.option_agent
    alone = [0] * len(s.agents)
    for t, (_, task) in enumerate(site.tasks):
        if task.state == "waiting" and first[t + 1] - first[t] == 1:
            alone[int(agents[first[t]])] += 1
    for a in sorted(range(len(alone)), key=lambda a: -alone[a])[:MOST]:
        if alone[a]:
            detail = f"{alone[a]} waiting tasks can run nowhere else" + ("" if s.agents[a].up else ", and it is down")
            yield Risk(kind="single_agent", name=s.agents[a].name, probability=None, detail=detail)


def _sigma(task: Task) -> float:
    return sigma_of(task.duration) if isinstance(task.duration, Quantiles) else SIGMA
