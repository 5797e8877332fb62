"""Job shops as text, in the layouts in which they are published: one agent per machine, jobs are chains.

Standard: the first line holds the numbers of jobs and machines; then one line per job holds, per operation in order, its
machine (from 0) and its duration. Taillard (1993): after the first line a line per job with the durations alone, then a
line per job with the machines alone (from 1). Either may stand in a file of several shops: OR-library's (Beasley 1990),
where each has a line "instance NAME", and Taillard's own, where each has a line "Nb of jobs, ...". Lines that start with
# are comments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np

from envs.workloads.instance import Instance, WorkloadError
from envs.workloads.source import MAX_CELLS, FileWorkload, Numbers, build, check_size, data_lines

Operation = dict[int, float]
"""Where one operation may run: agent -> nominal duration in seconds."""
Lines = list[tuple[int, str]]
"""Lines of a file with their numbers."""

_OR_LIBRARY: Final = re.compile(r"\s*instance\s+(\S+)\s*")
_TAILLARD: Final = "nb of jobs"
_TAILLARD_TITLES: Final = ("times", "machines")
_COUNTS: Final = re.compile(r"(\s*[0-9]+\s+[0-9]+)(\s+-?[0-9]+){0,4}\s*", re.ASCII)
"""The numbers of jobs and machines; in Taillard's files two seeds and two bounds are behind."""
_SHOWN: Final = 5


@dataclass(frozen=True)
class JobShopWorkload(FileWorkload):
    """One classical job shop: all jobs released at 0, weight 1; job j is owned by agent j modulo A.

    Machines count from 1 where that alone is possible: none is 0, and one has the number of machines.
    """

    shop: str = ""
    """Which shop of a file of several: its name in OR-library's files, its place from 1 on in Taillard's; '': the only one."""

    def read(self) -> tuple[Instance, tuple[str, ...]]:
        lines = self._lines()
        jobs, machines, _ = shop_header(self.path, iter(lines[:1]))
        rows = lines[1:]
        apart = len(rows) == 2 * jobs and len(rows[0][1].split()) == machines
        routes = rows[jobs:] if apart else rows
        named = {token for _, text in routes for token in text.split()[:: 1 if apart else 2]}
        first = int("0" not in named and (apart or str(machines) in named))
        report = [f"machines count from {first}"] if first != int(apart) else []
        if apart:
            report.append("read in Taillard's layout: durations, then machines")
            shop = [self._apart(machines, first, *both) for both in zip(rows[:jobs], routes, strict=True)]
        else:
            shop = [self._together(job, machines, first, row) for job, row in enumerate(rows)]
        return shop_instance(self.path, jobs, machines, shop), tuple(report)

    def _together(self, job: int, machines: int, first: int, row: tuple[int, str]) -> list[Operation]:
        numbers = Numbers(self.path, [row])
        operations = [
            {numbers.integer("machine", first, first + machines - 1) - first: numbers.number("duration")}
            for _ in range(machines)
        ]
        numbers.end(f"job {job} of {machines} operations")
        return operations

    def _apart(self, machines: int, first: int, times: tuple[int, str], route: tuple[int, str]) -> list[Operation]:
        """A job's operations in Taillard's layout, which knows jobs that visit every machine once, and no others."""
        durations, numbers = Numbers(self.path, [times]), Numbers(self.path, [route])
        operations: dict[int, Operation] = {}
        for _ in range(machines):
            machine = numbers.integer("machine", first, first + machines - 1)
            if machine in operations:
                bound = "another than before: these lines are in Taillard's layout, machines behind durations"
                raise numbers.error("machine", str(machine), bound)
            operations[machine] = {machine - first: durations.number("duration")}
        durations.end(f"the durations of {machines} operations")
        numbers.end(f"the machines of {machines} operations")
        return list(operations.values())

    def _lines(self) -> Lines:
        """The lines with numbers of the shop that is wanted."""
        shops = _shops(self.path)
        if not self.shop and len(shops) == 1:
            return next(iter(shops.values()))
        if self.shop not in shops:
            names = [name for name in shops if name]
            listed = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
            held = f"holds {len(names)} job shops ({listed})" if names else "holds one job shop without a name"
            raise WorkloadError(
                f"{self.path}: {held}; shop is {self.shop!r}, must say which{'' if names else ', or nothing'}"
            )
        return shops[self.shop]


def _shops(path: str) -> dict[str, Lines]:
    """Return the lines of each shop of a file by its name, '' where there are no titles: then all lines are the one shop's.

    Elsewhere prose may stand between a title and the line of integers with which its shop begins, and behind a line of +++ that ends it.
    """
    shops: dict[str, Lines] = {}
    untitled: Lines = []
    current, is_open, is_taillards = untitled, True, False
    for number, line in data_lines(path):
        title = _OR_LIBRARY.fullmatch(line)
        if title or line.strip().lower().startswith(_TAILLARD):
            name = title[1] if title else str(len(shops) + 1)
            if name in shops:
                raise WorkloadError(f"{path}:{number}: a second shop is called {name!r}, must have a name of its own")
            current, is_open, is_taillards = shops.setdefault(name, []), True, not title
        elif current is untitled:
            current.append((number, line))
        elif not current:
            if match := _COUNTS.fullmatch(line):
                current.append((number, match[1] if is_taillards else line))
        elif line.lstrip().startswith("+++"):
            is_open = False
        elif is_open and line.strip().lower() not in _TAILLARD_TITLES:
            current.append((number, line))
    return shops or {"": untitled}


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
