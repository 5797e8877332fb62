"""Job shops in the standard text format (Fisher and Thompson 1963; Taillard 1993): one agent per machine, jobs are chains.

The first line holds the numbers of jobs and machines; then one line per job holds, per operation in order, its machine
(from 0) and its duration. Lines that start with # are comments.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from envs.workloads.instance import Instance, WorkloadError
from envs.workloads.source import MAX_CELLS, FileWorkload, Numbers, build, check_size, data_lines

Operation = dict[int, float]
"""Where one operation may run: agent -> nominal duration in seconds."""


@dataclass(frozen=True)
class JobShopWorkload(FileWorkload):
    """One classical job shop: all jobs released at 0, weight 1; job j is owned by agent j modulo A."""

    def read(self) -> tuple[Instance, tuple[str, ...]]:
        jobs, machines, rows = shop_header(self.path, data_lines(self.path))
        shop = []
        for row in rows:
            shop.append([{row.integer("machine", 0, machines - 1): row.number("duration")} for _ in range(machines)])
            row.end(f"job {len(shop) - 1} of {machines} operations")
        return shop_instance(self.path, jobs, machines, shop), ()


def shop_header(path: str, source: Iterator[tuple[int, str]], averages: int = 0) -> tuple[int, int, Iterator[Numbers]]:
    """Read the first line: the numbers of jobs and machines, then up to ``averages`` numbers that say nothing new.

    Returns the two, and the numbers of each later line.
    """
    line = next(source, None)
    if line is None:
        raise WorkloadError(f"{path}: is empty, must start with the numbers of jobs and machines")
    header = Numbers(path, [line])
    jobs, machines = header.integer("jobs", 1, MAX_CELLS), header.integer("machines", 1, MAX_CELLS)
    check_size(path, f"{jobs} jobs x {machines} machines", jobs * machines)
    for _ in line[1].split()[2 : 2 + averages]:
        header.number("alternatives per operation")
    header.end("the header")
    return jobs, machines, (Numbers(path, [line]) for line in source)


def shop_instance(path: str, jobs: int, machines: int, shop: Sequence[Sequence[Operation]]) -> Instance:
    """Return the instance of a shop whose ``jobs`` are chains of operations, one agent of local capacity 1 per machine.

    Raises:
        WorkloadError: where the shop has more or fewer jobs than the file announced.
    """
    if len(shop) != jobs:
        raise WorkloadError(f"{path}: has lines for {len(shop)} jobs, must have {jobs} as the first line says")
    operations = list(chain.from_iterable(shop))
    tasks = len(operations)
    options = [sorted(operation.items()) for operation in operations]
    job_first = np.cumsum([0, *(len(job) for job in shop)])
    has_next = np.ones(tasks, np.int32)
    has_next[job_first[1:] - 1] = 0
    return build(
        path,
        resources=("machine",),
        shared=np.zeros(1, np.bool_),
        shared_capacity=np.zeros(1),
        local_capacity=np.ones((machines, 1)),
        speed=np.ones((machines, 1)),
        job_release=np.zeros(jobs),
        job_due=np.full(jobs, np.inf),
        job_weight=np.ones(jobs),
        job_owner=np.arange(jobs) % machines,
        job_first=job_first,
        task_kind=np.zeros(tasks),
        task_demand=np.ones((tasks, 1)),
        task_ratio=np.ones(tasks),
        option_first=np.cumsum([0, *(len(choice) for choice in options)]),
        option_agent=[agent for choice in options for agent, _ in choice],
        option_nominal=[nominal for choice in options for _, nominal in choice],
        successor_first=np.cumsum([0, *has_next]),
        successor=np.flatnonzero(has_next) + 1,
    )
