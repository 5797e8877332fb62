"""Small random worlds that together switch on everything the world can do."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envs.scenario import Knowledge, Limits, Negotiation, Objective, Reservations, Scenario, Uncertainty
from envs.workloads.instance import Instance

Random = np.random.Generator


@dataclass(frozen=True)
class Fixed:
    """A workload that is always the same instance."""

    held: Instance

    def instance(self, seed: int) -> Instance:
        """Return the instance."""
        return self.held


@dataclass
class TaskSpec:
    """A task to build an instance from."""

    options: dict[int, float]
    """Nominal duration by agent."""
    demand: list[int]
    after: tuple[int, ...] = ()
    """Places, in the job, of the tasks that it waits for."""
    kind: int = 0
    ratio: float = 1.0


@dataclass
class JobSpec:
    """A job to build an instance from."""

    tasks: list[TaskSpec]
    release: float = 0.0
    due: float = math.inf
    weight: float = 1.0
    owner: int = 0


def build(
    jobs: list[JobSpec],
    shared: list[bool],
    shared_capacity: list[int],
    local_capacity: list[list[int]],
    speed: list[list[float]],
) -> Instance:
    """Pack jobs into an instance; local_capacity and speed have one row per agent."""
    tasks = [task for job in jobs for task in job.tasks]
    successors = [
        [place for place, other in enumerate(job.tasks) if here in other.after]
        for job in jobs
        for here in range(len(job.tasks))
    ]
    job_first = np.cumsum([0, *(len(job.tasks) for job in jobs)])
    offsets = [first for job, first in zip(jobs, job_first[:-1], strict=True) for _ in job.tasks]
    return Instance(
        name="built",
        resources=tuple(f"r{r}" for r in range(len(shared))),
        shared=np.array(shared),
        shared_capacity=np.array(shared_capacity),
        local_capacity=np.array(local_capacity),
        speed=np.array(speed),
        job_release=np.array([job.release for job in jobs]),
        job_due=np.array([job.due for job in jobs]),
        job_weight=np.array([job.weight for job in jobs]),
        job_owner=np.array([job.owner for job in jobs]),
        job_first=job_first,
        task_kind=np.array([task.kind for task in tasks]),
        task_demand=np.array([task.demand for task in tasks]),
        task_ratio=np.array([task.ratio for task in tasks]),
        option_first=np.cumsum([0, *(len(task.options) for task in tasks)]),
        option_agent=np.array([a for task in tasks for a in sorted(task.options)]),
        option_nominal=np.array([task.options[a] for task in tasks for a in sorted(task.options)]),
        successor_first=np.cumsum([0, *(len(row) for row in successors)]),
        successor=np.array(
            [offset + s for row, offset in zip(successors, offsets, strict=True) for s in row], dtype=np.int32
        ),
    )


def random_case(seed: int) -> tuple[Scenario, Instance]:
    """A small random world: equal seeds give equal ones."""
    random = np.random.default_rng(seed)
    instance = _instance(random)
    return _scenario(random, instance), instance


def random_actions(random: Random, mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Legal picks for every agent from mask [A, K+1], and bids: levels, so that some are equal, or reals, some of them negative."""
    agents = mask.shape[0]
    picks = np.array([random.choice(np.flatnonzero(row)) for row in mask], np.int32)
    levels = _chance(random, 0.5)
    bids = np.array([float(random.integers(0, 3)) if levels else random.normal(0.0, 5.0) for _ in range(agents)])
    return picks, bids


def _chance(random: Random, p: float) -> bool:
    return bool(random.random() < p)


def _instance(random: Random) -> Instance:
    agents, resources, kinds = int(random.integers(1, 6)), int(random.integers(1, 4)), int(random.integers(1, 4))
    shared = [_chance(random, 0.5) for _ in range(resources)]
    shared_capacity = [int(random.integers(1, 7)) if s else 0 for s in shared]
    local_capacity = [
        [0 if s else int(random.integers(0 if _chance(random, 0.2) else 1, 5)) for s in shared] for _ in range(agents)
    ]
    plain_speed = _chance(random, 0.3)
    speed = [[1.0 if plain_speed else float(random.uniform(0.5, 2.0)) for _ in range(kinds)] for _ in range(agents)]
    whole = _chance(random, 0.5)  # whole seconds, so that events coincide
    spread = int(random.choice([0, 30, 100]))
    releases = np.sort(random.integers(0, spread + 1, size=20) if whole else random.uniform(0, spread, size=20))
    same_release = _chance(random, 0.2)
    jobs = []
    for j in range(int(random.integers(3, 13))):
        release = 0.0 if same_release else float(releases[j])
        jobs.append(
            JobSpec(
                tasks=_tasks(random, whole, shared, shared_capacity, local_capacity, kinds),
                release=release,
                due=math.inf if _chance(random, 0.3) else max(0.0, release + float(random.integers(-5, 60))),
                weight=1.0 if _chance(random, 0.3) else float(random.uniform(0.2, 4.0)),
                owner=int(random.integers(agents)),
            )
        )
    return build(jobs, shared, shared_capacity, local_capacity, speed)


def _tasks(
    random: Random,
    whole: bool,
    shared: list[bool],
    shared_capacity: list[int],
    local_capacity: list[list[int]],
    kinds: int,
) -> list[TaskSpec]:
    agents = len(local_capacity)
    density = float(random.choice([0.0, 0.3, 0.7, 1.0]))
    tasks = []
    for place in range(int(random.integers(1, 7))):
        eligible = int(random.choice([1, int(random.integers(1, agents + 1)), agents]))
        options = sorted(random.choice(agents, size=eligible, replace=False).tolist())
        pool = [shared_capacity[r] if s else min(local_capacity[a][r] for a in options) for r, s in enumerate(shared)]
        tasks.append(
            TaskSpec(
                options={a: _duration(random, whole) for a in options},
                demand=[int(random.integers(0, most + 1)) for most in pool],
                after=tuple(before for before in range(place) if _chance(random, density)),
                kind=int(random.integers(kinds)),
                ratio=float(random.choice([1.0, 1.0, 0.0, float(random.uniform(0.3, 2.0))])),
            )
        )
    return tasks


def _duration(random: Random, whole: bool) -> float:
    if _chance(random, 0.1):
        return 0.0
    return float(random.integers(1, 12)) if whole else float(random.lognormal(1.5, 0.8))


def _scenario(random: Random, instance: Instance) -> Scenario:
    def sometimes(p: float, value: float) -> float:
        return value if _chance(random, p) else 0.0

    terms = {
        term: sometimes(0.5, float(random.uniform(0.1, 2.0)))
        for term in ("flow", "tardiness", "slowdown", "makespan", "lease")
    }
    if not any(terms.values()):
        terms["flow"] = 1.0
    return Scenario(
        workload=Fixed(instance),
        objective=Objective(**terms, abandonment=float(random.choice([0.0, 1.0, 50.0]))),
        uncertainty=Uncertainty(
            duration_sigma=sometimes(0.4, float(random.uniform(0.1, 1.0))),
            failure_probability=sometimes(0.4, float(random.uniform(0.05, 0.5))),
            retry_delay=sometimes(0.6, float(random.integers(1, 10))),
            max_failures=int(random.integers(1, 5)),
            mean_time_between_failures=float(random.uniform(10, 60)) if _chance(random, 0.35) else math.inf,
            mean_time_to_repair=float(random.uniform(1, 15)),
            kept_progress=float(random.choice([0.0, 0.5, 1.0])),
        ),
        knowledge=Knowledge(
            learn=_chance(random, 0.7),
            prior_count=float(random.uniform(0.5, 8.0)),
            prior_std=sometimes(0.8, float(random.uniform(0.1, 1.0))),
        ),
        reservations=_reservations(random),
        negotiation=Negotiation(credits=sometimes(0.5, float(random.uniform(0.5, 30.0)))),
        limits=Limits(
            max_time=_max_time(random, instance) if _chance(random, 0.15) else math.inf,
            max_rounds=int(random.integers(1, 40)) if _chance(random, 0.2) else 2**31 - 1,
        ),
        candidates=int(random.choice([1, 2, 3, 4, 8, 32])),
        allow_pass=_chance(random, 0.4),
        cooperation=float(random.choice([0.0, 0.3, 1.0])),
    )


def _reservations(random: Random) -> Reservations:
    allowed, start, backfill = _chance(random, 0.8), _chance(random, 0.5), _chance(random, 0.5)
    return Reservations(
        allowed, "start" if start else "event", backfill, blocking=allowed and start and _chance(random, 0.5)
    )


def _max_time(random: Random, instance: Instance) -> float:
    """A limit, at times one at which a job arrives."""
    return (
        float(random.integers(5, 80)) if _chance(random, 0.5) else max(1.0, float(random.choice(instance.job_release)))
    )
