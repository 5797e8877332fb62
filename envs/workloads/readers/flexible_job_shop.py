"""Flexible job shops in the .fjs format (Brandimarte 1993; Hurink, Jurisch, Thole 1994): an operation may choose its machine.

The first line holds the numbers of jobs and machines and, often, the mean number of alternatives; then one line per job
holds the number of operations and, per operation, the number of alternatives and a machine and a duration for each.
"""

from __future__ import annotations

from dataclasses import dataclass

from envs.workloads.drawing import require
from envs.workloads.instance import Instance
from envs.workloads.readers.job_shop import Operation, shop_header, shop_instance
from envs.workloads.source import MAX_CELLS, FileWorkload, Numbers, check_size, data_lines


@dataclass(frozen=True)
class FlexibleJobShopWorkload(FileWorkload):
    """One flexible job shop: all jobs released at 0, weight 1; job j is owned by agent j modulo A."""

    first_machine: int = 1
    """The number of the first machine: 1 in most collections, 0 in some."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.first_machine in (0, 1), self, "first_machine", "0 or 1")

    def read(self) -> tuple[Instance, tuple[str, ...]]:
        jobs, machines, rows = shop_header(self.path, data_lines(self.path), averages=1)
        shop: list[list[Operation]] = []
        repeats = options = 0
        for row in rows:
            operations = row.integer("operations", 1, MAX_CELLS)
            job: list[Operation] = []
            for _ in range(operations):
                count = row.integer("alternatives", 1, MAX_CELLS)
                options += count
                check_size(self.path, "options of all operations", options)
                job.append(self._operation(row, count, machines))
                repeats += count - len(job[-1])
            row.end(f"job {len(shop)} of {operations} operations")
            shop.append(job)
        report = (
            (f"dropped {repeats} of {options} options: the operation has a shorter one on the same machine",)
            if repeats
            else ()
        )
        return shop_instance(self.path, jobs, machines, shop), report

    def _operation(self, row: Numbers, count: int, machines: int) -> Operation:
        operation: Operation = {}
        for _ in range(count):
            machine = row.integer("machine", 0)
            agent = machine - self.first_machine
            if not 0 <= agent < machines:
                last = self.first_machine + machines - 1
                bound = f"in {self.first_machine}..{last} (set first_machine to {1 - self.first_machine} if the file counts so)"
                raise row.error("machine", str(machine), bound)
            duration = row.number("duration")
            operation[agent] = min(duration, operation.get(agent, duration))
        return operation
