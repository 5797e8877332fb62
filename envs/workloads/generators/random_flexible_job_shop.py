"""Random flexible job shops: what policies for published flexible job shops are trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from envs.workloads.drawing import integer, number, require, stream
from envs.workloads.instance import Instance
from envs.workloads.readers.job_shop import Operation, shop_instance
from envs.workloads.source import check_shop

STYLES: Final = ("brandimarte", "edata", "rdata", "vdata")
MOST_OPERATIONS: Final = 15
"""Of a job in Brandimarte's (1993) style."""
MOST_ALTERNATIVES: Final = 6
"""Of an operation there."""
LONGEST: Final = (10, 20, 30)
"""Seconds: the longest duration of an instance there is one of these."""


@dataclass(frozen=True)
class RandomFlexibleJobShop:
    """Flexible job shops in the styles of the published collections; an agent manages one machine, all jobs are released at 0.

    *brandimarte* (1993): jobs differ in length, an operation may run on up to six machines, for a duration that differs from machine
    to machine. *edata*, *rdata*, *vdata* (Hurink, Jurisch, Thole 1994): a job shop as Taillard draws it, whose operations may
    also run, for the same duration, on other machines: on 1.15, 2 and about half of all machines in the mean.
    """

    jobs_min: int = 10
    jobs_max: int = 20
    machines_min: int = 5
    machines_max: int = 10
    duration_max: int = 99
    """Seconds, of the last three styles."""
    style_chances: tuple[float, ...] = (0.4, 0.2, 0.2, 0.2)
    """In the order of STYLES."""

    def __post_init__(self) -> None:
        check_shop(self, machines=2)
        require(integer(self.duration_max, 1), self, "duration_max", "an integer >= 1")
        chances = self.style_chances
        whole = (
            len(chances) == len(STYLES) and all(number(chance) for chance in chances) and abs(sum(chances) - 1) < 1e-9
        )
        require(whole, self, "style_chances", f"{len(STYLES)} numbers >= 0 with sum 1")

    def instance(self, seed: int) -> Instance:
        """Draw one instance; seeds are >= 0."""
        rng = stream(seed)
        jobs = int(rng.integers(self.jobs_min, self.jobs_max, endpoint=True))
        machines = int(rng.integers(self.machines_min, self.machines_max, endpoint=True))
        style = str(rng.choice(STYLES, p=self.style_chances))
        shop = (
            _brandimarte(rng, jobs, machines)
            if style == "brandimarte"
            else _hurink(rng, jobs, machines, style, self.duration_max)
        )
        return shop_instance(f"random-flexible-jobshop-{style}-{jobs}x{machines}-{seed}", jobs, machines, shop)


def _brandimarte(rng: np.random.Generator, jobs: int, machines: int) -> list[list[Operation]]:
    """Jobs of 3 to MOST_OPERATIONS operations, in a narrower range of the instance's own, with durations of their own everywhere."""
    fewest = int(rng.integers(3, 10, endpoint=True))
    most = int(rng.integers(fewest, MOST_OPERATIONS, endpoint=True))
    widest = int(rng.integers(2, min(MOST_ALTERNATIVES, machines), endpoint=True))
    longest = int(rng.choice(LONGEST))
    return [
        [_alternatives(rng, machines, widest, longest) for _ in range(int(rng.integers(fewest, most, endpoint=True)))]
        for _ in range(jobs)
    ]


def _alternatives(rng: np.random.Generator, machines: int, widest: int, longest: int) -> Operation:
    count = int(rng.integers(1, widest, endpoint=True))
    chosen = rng.choice(machines, count, replace=False)
    return {int(machine): float(rng.integers(1, longest, endpoint=True)) for machine in chosen}


def _hurink(rng: np.random.Generator, jobs: int, machines: int, style: str, longest: int) -> list[list[Operation]]:
    """A route over all machines per job, and for each operation the machine of the route and others that are as fast."""
    shop = []
    for _ in range(jobs):
        job = []
        for machine in rng.permutation(machines):
            others = rng.permutation(np.delete(np.arange(machines), machine))[: _others(rng, machines, style)]
            duration = float(rng.integers(1, longest, endpoint=True))
            job.append(dict.fromkeys((int(machine), *others.tolist()), duration))
        shop.append(job)
    return shop


def _others(rng: np.random.Generator, machines: int, style: str) -> int:
    """How many machines an operation may run on besides its own."""
    if style == "edata":
        return int(rng.random() < 0.15)
    return int(rng.integers(0, 2 if style == "rdata" else machines - 2, endpoint=True))
