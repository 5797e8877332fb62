"""Static facts of an instance: docs/world.md, section 1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from envs.workloads.instance import Instance

SHORTEST_LENGTH = 10.0
"""Seconds below which a job's length does not count in its slowdown."""


@dataclass
class TaskFacts:
    """What never changes about a task."""

    index: int
    job: int
    kind: int
    demand: list[int]
    ratio: float
    options: dict[int, float]
    """Nominal duration by agent, agents ascending."""
    successors: list[int]
    predecessors: list[int] = field(default_factory=list)
    nominal: float = 0.0
    primary: int = 0
    tail: float = 0.0
    head: float = 0.0
    num_successors: int = 0
    """Transitive ones."""
    next_work: float = 0.0
    next_agents: list[int] = field(default_factory=list)
    """Primary agents along the route: up to three."""
    next_nominals: list[float] = field(default_factory=list)
    """Of the tasks along it."""


@dataclass
class JobFacts:
    """What never changes about a job."""

    index: int
    release: float
    due: float
    weight: float
    owner: int
    tasks: range
    cp: float = 0.0
    total: float = 0.0
    length: float = 0.0
    tardy_at: float = 0.0
    slow_at: float = 0.0
    slow_rate: float = 0.0
    seen_slow_at: float = 0.0
    seen_slow_rate: float = 0.0


@dataclass
class Facts:
    """An instance as plain Python objects."""

    tasks: list[TaskFacts]
    jobs: list[JobFacts]
    shared: list[bool]
    shared_capacity: list[int]
    local_capacity: list[list[int]]
    speed: list[list[float]]

    @property
    def num_agents(self) -> int:
        """A."""
        return len(self.local_capacity)


def facts_of(instance: Instance) -> Facts:
    """Read an instance and derive what the world needs of it."""
    tasks = _tasks(instance)
    jobs = _jobs(instance, tasks)
    return Facts(
        tasks=tasks,
        jobs=jobs,
        shared=instance.shared.tolist(),
        shared_capacity=instance.shared_capacity.tolist(),
        local_capacity=instance.local_capacity.tolist(),
        speed=instance.speed.tolist(),
    )


def _longest(
    tasks: list[TaskFacts], length: Callable[[TaskFacts], float], following: Callable[[TaskFacts], list[int]]
) -> list[float]:
    """The longest path from every task, itself included, along `following`."""

    @cache
    def path(t: int) -> float:
        return length(tasks[t]) + max((path(s) for s in following(tasks[t])), default=0.0)

    return [path(t) for t in range(len(tasks))]


def _tasks(i: Instance) -> list[TaskFacts]:
    job_of_task = i.job_of_task().tolist()
    agents, nominals = i.option_agent.tolist(), i.option_nominal.tolist()
    tasks = []
    for t in range(i.num_tasks):
        options = range(int(i.option_first[t]), int(i.option_first[t + 1]))
        edges = slice(int(i.successor_first[t]), int(i.successor_first[t + 1]))
        tasks.append(
            TaskFacts(
                index=t,
                job=job_of_task[t],
                kind=int(i.task_kind[t]),
                demand=i.task_demand[t].tolist(),
                ratio=float(i.task_ratio[t]),
                options={agents[o]: nominals[o] for o in options},
                successors=i.successor[edges].tolist(),
            )
        )
    for task in tasks:
        task.nominal, task.primary = min((nominal, agent) for agent, nominal in task.options.items())
        for s in task.successors:
            tasks[s].predecessors.append(task.index)
    tails = _longest(tasks, lambda task: task.nominal, lambda task: task.successors)
    heads = _longest(tasks, lambda task: task.nominal, lambda task: task.predecessors)
    for task, tail, head in zip(tasks, tails, heads, strict=True):
        task.tail, task.head = tail, head
    for task in tasks:
        task.num_successors = len(_reachable(tasks, task))
        for s in task.successors:
            task.next_work += tasks[s].nominal
        route = _route(tasks, task)
        task.next_agents, task.next_nominals = [s.primary for s in route], [s.nominal for s in route]
    return tasks


def _reachable(tasks: list[TaskFacts], task: TaskFacts) -> set[int]:
    """All transitive successors."""
    found: set[int] = set()
    frontier = list(task.successors)
    while frontier:
        s = frontier.pop()
        if s not in found:
            found.add(s)
            frontier.extend(tasks[s].successors)
    return found


def _route(tasks: list[TaskFacts], task: TaskFacts) -> list[TaskFacts]:
    """The next three tasks on the route: always the successor with the largest tail."""
    route: list[TaskFacts] = []
    while task.successors and len(route) < 3:
        task = tasks[min(task.successors, key=lambda s: (-tasks[s].tail, s))]
        route.append(task)
    return route


def _jobs(i: Instance, tasks: list[TaskFacts]) -> list[JobFacts]:
    lengths = _longest(tasks, lambda task: task.nominal * task.ratio, lambda task: task.successors)
    jobs = []
    for j in range(i.num_jobs):
        job = JobFacts(
            index=j,
            release=float(i.job_release[j]),
            due=float(i.job_due[j]),
            weight=float(i.job_weight[j]),
            owner=int(i.job_owner[j]),
            tasks=range(int(i.job_first[j]), int(i.job_first[j + 1])),
        )
        job.cp = max(tasks[t].tail for t in job.tasks)
        for t in job.tasks:
            job.total += tasks[t].nominal
        job.length = max(lengths[t] for t in job.tasks)
        job.tardy_at = max(job.due, job.release)
        job.slow_at = job.release + max(job.length, SHORTEST_LENGTH)
        job.slow_rate = 1.0 / max(job.length, SHORTEST_LENGTH)
        job.seen_slow_at = job.release + max(job.cp, SHORTEST_LENGTH)
        job.seen_slow_rate = 1.0 / max(job.cp, SHORTEST_LENGTH)
        jobs.append(job)
    return jobs
