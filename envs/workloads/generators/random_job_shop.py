"""Random job shops: what policies for published job shops are trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from envs.workloads.drawing import integer, require, stream
from envs.workloads.instance import Instance
from envs.workloads.source import MAX_UNITS, check_shop


@dataclass(frozen=True)
class RandomJobShop:
    """Job shops as Taillard (1993) draws them; an agent manages one machine.

    Each job visits every machine once, in a random order, for an integer duration uniform in [1, duration_max]. All jobs
    are released at 0. The number of jobs and of machines is uniform in its bounds, both included.
    """

    jobs_min: int = 10
    jobs_max: int = 20
    machines_min: int = 10
    machines_max: int = 20
    duration_max: int = 99
    """Seconds."""

    def __post_init__(self) -> None:
        check_shop(self)
        require(integer(self.duration_max, 1, MAX_UNITS), self, "duration_max", f"an integer in 1..{MAX_UNITS}")

    def instance(self, seed: int) -> Instance:
        """Draw one instance; seeds are >= 0."""
        rng = stream(seed)
        jobs = int(rng.integers(self.jobs_min, self.jobs_max, endpoint=True))
        machines = int(rng.integers(self.machines_min, self.machines_max, endpoint=True))
        duration = rng.integers(1, self.duration_max, jobs * machines, endpoint=True)
        route = rng.permuted(np.tile(np.arange(machines), (jobs, 1)), axis=1)
        tasks = jobs * machines
        waits = (
            np.arange(tasks, dtype=np.int32) % machines != machines - 1
        )  # every task but the last of its job has a successor
        return Instance(
            name=f"random-jobshop-{jobs}x{machines}-{seed}",
            resources=("machine",),
            shared=np.array([False]),
            shared_capacity=np.array([0]),
            local_capacity=np.ones((machines, 1), np.int32),
            speed=np.ones((machines, 1)),
            job_release=np.zeros(jobs),
            job_due=np.full(jobs, np.inf),
            job_weight=np.ones(jobs),
            job_owner=np.arange(jobs, dtype=np.int32) % machines,
            job_first=np.arange(jobs + 1, dtype=np.int32) * machines,
            task_kind=np.zeros(tasks, np.int32),
            task_demand=np.ones((tasks, 1), np.int32),
            task_ratio=np.ones(tasks),
            option_first=np.arange(tasks + 1, dtype=np.int32),
            option_agent=route.ravel(),
            option_nominal=duration.astype(np.float64),
            successor_first=np.concatenate([[0], np.cumsum(waits)]),
            successor=np.flatnonzero(waits).astype(np.int32) + 1,
        )
