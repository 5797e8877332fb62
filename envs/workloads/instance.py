"""One concrete set of jobs and the site that runs them: arrays, frozen and validated.

Every source of jobs (a generator or a file reader) ends in an :class:`Instance`; nothing else enters the world.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from envs.workloads.graph import find_cycle

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]

MAX_JOB_WEIGHT = 1e12
"""Of a job: sums over millions of jobs and long times stay far from where float32 and float64 end."""


class WorkloadError(ValueError):
    """Jobs that the world cannot run; the message names the place, the value and what would be right."""


@runtime_checkable
class Workload(Protocol):
    """Where instances come from. Equal seeds give equal instances, in every process."""

    def instance(self, seed: int) -> Instance:
        """Return one instance; a source without randomness ignores ``seed``."""


@dataclass(frozen=True, eq=False)
class Instance:
    """Jobs, their tasks, and the agents and resources of the site.

    A = agents, R = resources, G = task kinds, J = jobs, T = tasks, P = options, E = precedence edges.
    Tasks of one job are contiguous, jobs are sorted by release time. Times are seconds, amounts are integers in the
    resource's base unit. An *option* says that an agent may run a task, and how long that takes nominally.

    Raises:
        WorkloadError: where the arrays contradict each other or describe work that can never be done.
    """

    name: str
    resources: tuple[str, ...]
    """R names."""
    shared: NDArray[np.bool_]
    """[R] True: one pool for all agents; False: every agent has its own."""
    shared_capacity: IntArray
    """[R] units of a shared resource; 0 where the resource is local."""
    local_capacity: IntArray
    """[A, R] units of a local resource per agent; 0 where the resource is shared."""
    speed: FloatArray
    """[A, G] true speed of an agent at a kind of task, > 0; agents do not see it."""
    job_release: FloatArray
    """[J] seconds, ascending, >= 0."""
    job_due: FloatArray
    """[J] seconds, absolute; inf: no due date."""
    job_weight: FloatArray
    """[J] in (0, MAX_JOB_WEIGHT]."""
    job_owner: IntArray
    """[J] the agent that owns the job."""
    job_first: IntArray
    """[J+1] first task of each job; the last entry is T."""
    task_kind: IntArray
    """[T] in [0, G)."""
    task_demand: IntArray
    """[T, R] units held while the task runs."""
    task_ratio: FloatArray
    """[T] realised / nominal duration according to the source, >= 0; 1 where the source knows no better."""
    option_first: IntArray
    """[T+1] first option of each task; the last entry is P."""
    option_agent: IntArray
    """[P] an eligible agent; ascending within a task."""
    option_nominal: FloatArray
    """[P] nominal duration there, seconds, >= 0: the estimate that agents see."""
    successor_first: IntArray
    """[T+1] first edge of each task; the last entry is E."""
    successor: IntArray
    """[E] a task of the same job that waits for this one; ascending within a task, no repeats."""
    job_names: Sequence[str] | None = None
    task_names: Sequence[str] | None = None

    def __post_init__(self) -> None:
        for field, dtype in _DTYPES.items():
            array = np.ascontiguousarray(getattr(self, field), dtype=dtype)
            array.flags.writeable = False
            object.__setattr__(self, field, array)
        _check_shapes(self)
        _check_values(self)
        _check_feasible(self)

    @property
    def num_agents(self) -> int:
        return int(self.local_capacity.shape[0])

    @property
    def num_resources(self) -> int:
        return len(self.resources)

    @property
    def num_kinds(self) -> int:
        return int(self.speed.shape[1])

    @property
    def num_jobs(self) -> int:
        return int(self.job_release.size)

    @property
    def num_tasks(self) -> int:
        return int(self.task_kind.size)

    @property
    def num_options(self) -> int:
        return int(self.option_agent.size)

    def job_of_task(self) -> IntArray:
        """[T] the job of every task."""
        return np.repeat(np.arange(self.num_jobs, dtype=np.int32), np.diff(self.job_first))


_DTYPES: dict[str, Any] = {
    "shared": np.bool_,
    "shared_capacity": np.int32,
    "local_capacity": np.int32,
    "speed": np.float64,
    "job_release": np.float64,
    "job_due": np.float64,
    "job_weight": np.float64,
    "job_owner": np.int32,
    "job_first": np.int32,
    "task_kind": np.int32,
    "task_demand": np.int32,
    "task_ratio": np.float64,
    "option_first": np.int32,
    "option_agent": np.int32,
    "option_nominal": np.float64,
    "successor_first": np.int32,
    "successor": np.int32,
}


def _check_shapes(i: Instance) -> None:
    if i.local_capacity.ndim != 2 or i.speed.ndim != 2:
        raise WorkloadError(f"{i.name}: local_capacity and speed must have two axes (agents first)")
    agents, resources = i.local_capacity.shape
    if agents < 1 or resources < 1:
        raise WorkloadError(f"{i.name}: needs at least one agent and one resource, has {agents} and {resources}")
    tasks, jobs = i.task_kind.size, i.job_release.size
    if jobs < 1 or tasks < 1:
        raise WorkloadError(f"{i.name}: holds no work: {jobs} jobs, {tasks} tasks")
    expected = {
        "shared": (len(i.resources),),
        "shared_capacity": (len(i.resources),),
        "local_capacity": (agents, len(i.resources)),
        "speed": (agents, i.speed.shape[1]),
        "job_due": (jobs,),
        "job_weight": (jobs,),
        "job_owner": (jobs,),
        "job_first": (jobs + 1,),
        "task_demand": (tasks, len(i.resources)),
        "task_ratio": (tasks,),
        "option_first": (tasks + 1,),
        "option_nominal": (i.option_agent.size,),
        "successor_first": (tasks + 1,),
    }
    for field, shape in expected.items():
        if getattr(i, field).shape != shape:
            raise WorkloadError(f"{i.name}: {field} has shape {getattr(i, field).shape}, expected {shape}")
    for field, total in (
        ("job_first", tasks),
        ("option_first", i.option_agent.size),
        ("successor_first", i.successor.size),
    ):
        first = getattr(i, field)
        if first[0] != 0 or first[-1] != total or bool(np.any(np.diff(first) < 0)):
            raise WorkloadError(f"{i.name}: {field} must ascend from 0 to {total}")
    if bool(np.any(np.diff(i.job_first) < 1)):
        raise WorkloadError(f"{i.name}: job {int(np.argmax(np.diff(i.job_first) < 1))} has no task")


def _check_values(i: Instance) -> None:
    def require(ok: NDArray[np.bool_], what: str, values: NDArray[Any], bound: str) -> None:
        if not bool(np.all(ok)):
            bad = int(np.flatnonzero(~ok)[0])
            raise WorkloadError(f"{i.name}: {what} {bad} is {values[bad]}, must be {bound}")

    agents, kinds = i.num_agents, i.num_kinds
    require(np.isfinite(i.job_release) & (i.job_release >= 0), "release time of job", i.job_release, "finite and >= 0")
    require(
        np.diff(i.job_release, prepend=0.0) >= 0, "release time of job", i.job_release, "no earlier than the job before"
    )
    require(~np.isnan(i.job_due) & (i.job_due >= 0), "due date of job", i.job_due, ">= 0 (inf for none)")
    require(
        (i.job_weight > 0) & (i.job_weight <= MAX_JOB_WEIGHT),
        "weight of job",
        i.job_weight,
        f"> 0 and at most {MAX_JOB_WEIGHT:g}",
    )
    require((i.job_owner >= 0) & (i.job_owner < agents), "owner of job", i.job_owner, f"an agent in 0..{agents - 1}")
    require((i.task_kind >= 0) & (i.task_kind < kinds), "kind of task", i.task_kind, f"in 0..{kinds - 1}")
    require(np.isfinite(i.task_ratio) & (i.task_ratio >= 0), "ratio of task", i.task_ratio, "finite and >= 0")
    require(
        np.isfinite(i.option_nominal) & (i.option_nominal >= 0),
        "nominal duration of option",
        i.option_nominal,
        "finite and >= 0",
    )
    require((i.option_agent >= 0) & (i.option_agent < agents), "agent of option", i.option_agent, f"in 0..{agents - 1}")
    require(np.all(i.task_demand >= 0, axis=1), "demand of task", i.task_demand, ">= 0 in every resource")
    speed = i.speed.ravel()
    require(np.isfinite(speed) & (speed > 0), "speed (agent x kind)", speed, "finite and > 0")
    if bool((i.shared_capacity < 0).any()) or bool((i.local_capacity < 0).any()):
        raise WorkloadError(f"{i.name}: capacities must be >= 0")
    if bool((i.shared_capacity[~i.shared] != 0).any()) or bool((i.local_capacity[:, i.shared] != 0).any()):
        raise WorkloadError(
            f"{i.name}: a shared resource has its units in shared_capacity, a local one in local_capacity"
        )
    counts = np.diff(i.option_first)
    if bool((counts < 1).any()):
        raise WorkloadError(f"{i.name}: task {int(np.argmax(counts < 1))} has no eligible agent")
    for first, values, what in (
        (i.option_first, i.option_agent, "option_agent"),
        (i.successor_first, i.successor, "successor"),
    ):
        if values.size > 1:
            same = np.ones(values.size, dtype=bool)
            inner = first[1:-1]
            same[inner[inner < values.size]] = False
            if bool((same[1:] & (np.diff(values) <= 0)).any()):
                raise WorkloadError(f"{i.name}: {what} must ascend without repeats within a task")


def _check_feasible(i: Instance) -> None:
    if i.successor.size:
        job = i.job_of_task()
        source = np.repeat(np.arange(i.num_tasks, dtype=np.int32), np.diff(i.successor_first))
        if bool(((i.successor < 0) | (i.successor >= i.num_tasks)).any()) or bool(
            (job[source] != job[i.successor]).any()
        ):
            raise WorkloadError(f"{i.name}: a successor must be a task of the same job")
        stuck = find_cycle(i.successor_first, i.successor)
        if stuck >= 0:
            raise WorkloadError(
                f"{i.name}: the precedence graph of job {int(job[stuck])} has a cycle through task {stuck}"
            )
    pool = np.where(i.shared, i.shared_capacity, i.local_capacity)  # [A, R]
    for r in range(i.num_resources):
        demand = np.repeat(i.task_demand[:, r], np.diff(i.option_first))
        over = demand > pool[i.option_agent, r]
        if bool(over.any()):
            option = int(np.argmax(over))
            task = int(np.searchsorted(i.option_first, option, side="right")) - 1
            agent = int(i.option_agent[option])
            raise WorkloadError(
                f"{i.name}: task {task} demands {int(demand[option])} of {i.resources[r]}, "
                f"but agent {agent} can give at most {int(pool[agent, r])}"
            )
