"""Rigid batch jobs of parallel computers, after the model of Lublin and Feitelson.

Source: U. Lublin, D. G. Feitelson, "The workload on parallel supercomputers: modeling the characteristics of rigid jobs",
Journal of Parallel and Distributed Computing 63 (2003) 1105-1122; constants as in the authors' program m_lublin99.c.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from envs.workloads.drawing import CyclicClock, integer, number, require, stream
from envs.workloads.instance import FloatArray, Instance, IntArray
from envs.workloads.source import MAX_AGENTS, MAX_CELLS, MAX_UNITS

DAY: Final = 86_400.0
BUCKETS: Final = 48
"""Half hours of the daily cycle."""
FIRST_BUCKET: Final = 11
"""The gamma density of the daily cycle starts at this half hour of the day (about 05:00) and wraps around at midnight."""
LOG_RUN_TIME_MAX: Final = 12.0
LOG_GAP_MAX: Final = 13.0
"""Larger draws of log seconds (about two and five days) are drawn again."""


class Population(NamedTuple):
    """The constants of one column of the model. Gamma distributions are pairs (shape, scale)."""

    serial: float
    """Share of jobs on one processor."""
    power_of_two: float
    """Share of all jobs that are parallel with a size rounded to a power of two."""
    log_size_min: float
    log_size_middle: float
    """log2 of the size: uniform in [min, most - middle] or [most - middle, most], where most = log2 of the machine."""
    lower: float
    """Chance of the first of the two."""
    short: tuple[float, float]
    long: tuple[float, float]
    """log of the run time in seconds: gamma, either short or long."""
    short_slope: float
    short_base: float
    """Chance of short = base + slope x processors, so larger jobs run longer."""
    gap: tuple[float, float]
    """log of the time between arrivals in seconds: gamma."""
    cycle: tuple[float, float]
    """Arrivals over the day, in half hours: proportional to a gamma density."""


POPULATIONS: Final = {
    "batch": Population(
        0.2927,
        0.6686,
        1.2,
        2.0,
        0.875,
        (6.57, 0.823),
        (639.1, 0.0156),
        -0.003,
        0.6986,
        (6.0415 * 1.0519, 0.8531),
        (6.1271, 5.2740),
    ),
    "interactive": Population(
        0.1541,
        0.625,
        1.0,
        2.5,
        0.705,
        (3.8351, 0.6605),
        (7.073, 0.6856),
        -0.0118,
        0.9156,
        (6.5510 * 0.9797, 0.6621),
        (8.9186, 3.6680),
    ),
    "all": Population(
        0.244,
        0.576,
        0.8,
        2.5,
        0.86,
        (4.2, 0.94),
        (312.0, 0.03),
        -0.0054,
        0.78,
        (10.2303 * 1.0225, 0.4871),
        (8.1737, 3.9631),
    ),
}
"""Columns of the published model; 'all' describes batch and interactive jobs together."""
POPULARITY: Final = 1.0
"""User u submits a share of the jobs proportional to u ** -POPULARITY (Zipf), which is what logs look like."""


@dataclass(frozen=True)
class LublinWorkload:
    """A batch queue: each job is one rigid task that holds ``processors`` units of one shared resource.

    Agents are owners, who submit in turn. Sizes, run times and the daily cycle of the arrivals are those of the model;
    run times are whole seconds, the first day starts at midnight.
    """

    jobs: int = 1000
    processors: int = 256
    """Size of the machine; the published constants fit 32 to 512."""
    owners: int = 4
    load_scale: float = 1.0
    """Jobs come this many times as often as published; the daily cycle keeps its 24 hours."""
    population: str = "batch"
    """'batch', 'interactive' or 'all'."""
    estimate_factor: float = 1.0
    """Nominal duration (the estimate that agents see) over run time."""
    users: int = 0
    """Users who request more time than their jobs take, each in a manner of their own; they are kinds of tasks. 0: requests are exact."""
    habit: float = 1.2
    """A user's jobs take on average exp(-|x|) of what is requested, x normal with this deviation."""
    whim: float = 0.8
    """Standard deviation of log(run time / request) among the jobs of a user; no job takes more than is requested."""

    def __post_init__(self) -> None:
        require(integer(self.jobs, 1, MAX_CELLS), self, "jobs", f"an integer in 1..{MAX_CELLS}")
        require(integer(self.processors, 16, MAX_UNITS), self, "processors", f"an integer in 16..{MAX_UNITS}")
        require(integer(self.owners, 1, MAX_AGENTS), self, "owners", f"an integer in 1..{MAX_AGENTS}")
        require(number(self.load_scale) and self.load_scale > 0, self, "load_scale", "> 0")
        require(self.population in POPULATIONS, self, "population", f"one of {', '.join(POPULATIONS)}")
        require(number(self.estimate_factor) and self.estimate_factor > 0, self, "estimate_factor", "> 0")
        require(
            integer(self.users, 0, MAX_CELLS // self.owners),
            self,
            "users",
            f"an integer in 0..{MAX_CELLS // self.owners}",
        )
        require(number(self.habit, 0, 10), self, "habit", "in [0, 10]")
        require(number(self.whim, 0, 10), self, "whim", "in [0, 10]")

    def instance(self, seed: int) -> Instance:
        """Draw one instance; seeds are >= 0."""
        rng = stream(seed)
        population = POPULATIONS[self.population]
        size = _draw_sizes(rng, population, self.jobs, self.processors)
        run_time = _draw_run_times(rng, population, size)
        release = _draw_releases(rng, population, self.jobs, self.load_scale)
        kind, ratio = self._draw_requests(rng)
        each = np.arange(self.jobs + 1, dtype=np.int32)
        owner = each[:-1] % self.owners
        return Instance(
            name=f"lublin-{seed}",
            resources=("processors",),
            shared=np.array([True]),
            shared_capacity=np.array([self.processors]),
            local_capacity=np.zeros((self.owners, 1), np.int32),
            speed=np.ones((self.owners, max(1, self.users))),
            job_release=release,
            job_due=np.full(self.jobs, np.inf),
            job_weight=np.ones(self.jobs),
            job_owner=owner,
            job_first=each,
            task_kind=kind,
            task_demand=size[:, None],
            task_ratio=ratio,
            option_first=each,
            option_agent=owner,
            option_nominal=run_time / ratio,
            successor_first=np.zeros(self.jobs + 1, np.int32),
            successor=np.empty(0, np.int32),
        )

    def _draw_requests(self, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
        """[J] kinds of the jobs, which are their users, and run times over nominal durations."""
        if not self.users:
            return np.zeros(self.jobs, np.int32), np.full(self.jobs, 1.0 / self.estimate_factor)
        share = np.arange(1, self.users + 1) ** -POPULARITY
        user = rng.choice(self.users, size=self.jobs, p=share / share.sum()).astype(np.int32)
        habit = -np.abs(rng.normal(0.0, self.habit, self.users))
        taken = np.exp(np.minimum(0.0, habit[user] + rng.normal(0.0, self.whim, self.jobs)))
        return user, taken / self.estimate_factor


def _draw_sizes(rng: np.random.Generator, population: Population, jobs: int, processors: int) -> IntArray:
    """[J] processors: serial, or a two-stage uniform log2, most of them rounded to a power of two."""
    most = math.log2(processors)
    middle = most - population.log_size_middle
    low = rng.random(jobs) < population.lower
    log_size = rng.uniform(np.where(low, population.log_size_min, middle), np.where(low, middle, most))
    which = rng.random(jobs)
    rounded = which < population.serial + population.power_of_two
    size = np.floor(np.exp2(np.where(rounded, np.floor(log_size + 0.5), log_size)) + 0.5)
    return np.where(which < population.serial, 1, np.minimum(size, processors)).astype(np.int32)


def _draw_run_times(rng: np.random.Generator, population: Population, size: IntArray) -> FloatArray:
    """[J] whole seconds >= 1: the exponential of a hyper-gamma."""
    chance = np.clip(population.short_base + population.short_slope * size, 0.0, 1.0)
    log_time = np.full(size.size, np.inf)
    while (todo := np.flatnonzero(log_time > LOG_RUN_TIME_MAX)).size:
        short = rng.random(todo.size) < chance[todo]
        log_time[todo] = np.where(
            short, rng.gamma(*population.short, todo.size), rng.gamma(*population.long, todo.size)
        )
    return np.asarray(np.floor(np.exp(log_time)))


def _draw_releases(rng: np.random.Generator, population: Population, jobs: int, load_scale: float) -> FloatArray:
    """[J] seconds, ascending: gaps of the exponential of a gamma, on a clock that runs with the daily cycle."""
    log_gap = np.full(jobs, np.inf)
    while (todo := np.flatnonzero(log_gap > LOG_GAP_MAX)).size:
        log_gap[todo] = rng.gamma(*population.gap, todo.size)
    return CyclicClock(_daily_cycle(population), DAY).time(np.cumsum(np.exp(log_gap)) / load_scale)


def _daily_cycle(population: Population) -> FloatArray:
    """[BUCKETS] arrival rate of each half hour of the day from midnight on, up to a factor."""
    shape, scale = population.cycle
    node, weight = np.polynomial.legendre.leggauss(8)  # integrates the density over each half hour
    bucket = np.arange(FIRST_BUCKET, FIRST_BUCKET + BUCKETS)
    at = bucket[:, None] + node / 2
    density = np.exp((shape - 1) * np.log(at) - at / scale)
    return np.asarray(np.roll(density @ weight, FIRST_BUCKET - 1))
