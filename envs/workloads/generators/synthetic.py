"""Streams of random jobs that contest shared resources: the scenario that policies are trained in by default."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from envs.workloads.drawing import CyclicClock, integer, number, require, stream
from envs.workloads.generators.shapes import Shape, connect, critical_path
from envs.workloads.instance import FloatArray, Instance, IntArray
from envs.workloads.source import MAX_AGENTS, MAX_CELLS, MAX_SECONDS, MAX_UNITS

SINGLE = "single"
MIXED = "mixed"
SHAPES = (MIXED, SINGLE, *(shape.name.lower() for shape in Shape))
PARTS_OF_PERIOD = 1024
"""Steps that stand for one period of the sinusoidal arrival rate."""


@dataclass(frozen=True)
class SyntheticWorkload:
    """A agents, each with its own stream of jobs, that hold shared resources and slots of their own while tasks run.

    The streams differ in scale and offer equal work: one has small and frequent jobs, another large and rare ones. The
    *offered load* is exact in every instance. It is the area (nominal duration x demand) of the busiest shared resource
    over its capacity x the time from 0 to the last release; without shared resources, that of all slots as one pool.
    Above 1 the queues grow until the last release.
    """

    agents: int = 4
    jobs: int = 60
    """Jobs of all streams together."""
    teams: tuple[int, ...] = ()
    """Numbers of agents of which each instance has one, with as many jobs per agent; a number that stands twice comes twice as often.
    Empty: all have ``agents``."""
    scale_spread: float = 4.0
    """Tasks of the last agent are this many times as long as those of the first, and its jobs as many times as rare."""
    shape: str = MIXED
    """'chain', 'fork_join', 'layered', 'tree' (see Shape), 'mixed': one of them drawn per job, 'single': one task per job."""
    tasks_min: int = 1
    tasks_max: int = 8
    """Tasks of a job: uniform in [tasks_min, tasks_max]."""
    duration_mean: float = 60.0
    """Mean nominal duration in seconds over all streams, before the cap."""
    duration_sigma: float = 0.8
    """Standard deviation of the logarithm of the nominal durations of a stream (lognormal: a heavy tail)."""
    duration_cap: float = 10.0
    """No task is longer than this many times the mean of its stream."""
    kinds: int = 4
    """Task kinds, drawn uniformly."""
    speed_sigma: float = 0.3
    """Standard deviation of the log of the true speed per agent and kind; scaled so that 1 / speed has mean 1."""
    slots: int = 4
    """Capacity of each agent's local resource; a task takes one."""
    shared_capacity: tuple[int, ...] = (32, 8)
    """Units of each shared resource."""
    shared_use: tuple[float, ...] = (1.0, 0.5)
    """Chance per shared resource that an ordinary task needs it at all."""
    small_max: float = 0.25
    """An ordinary demand is uniform from one unit to this share of the capacity."""
    big_fraction: float = 0.15
    """Chance that a task is big: it needs most of one shared resource, drawn uniformly."""
    big_instances: float = 1.0
    """Chance that an instance has big tasks; in the others all are ordinary."""
    big_min: tuple[float, ...] = (0.5, 0.5)
    big_max: tuple[float, ...] = (0.75, 1.0)
    """A big demand is uniform in [big_min, big_max] of the capacity, per shared resource."""
    load_min: float = 1.0
    load_max: float = 1.6
    """The offered load of an instance is uniform in [load_min, load_max]."""
    arrivals: str = "poisson"
    """'poisson' or 'diurnal': a Poisson process whose rate follows a sine."""
    diurnal_period: float = 86_400.0
    """Seconds."""
    diurnal_amplitude: float = 0.8
    """Swing of the rate relative to its mean."""
    weights: tuple[float, ...] = (1.0, 2.0, 4.0)
    weight_chances: tuple[float, ...] = (0.6, 0.3, 0.1)
    """Weights of jobs and how often each occurs."""
    slack_min: float = 2.0
    slack_max: float = 6.0
    """Due date = release + slack x critical path (nominal), slack uniform in [slack_min, slack_max]; both 0: no due dates."""
    eligible: str = "owner"
    """Who may run a task: 'owner' or 'all'."""

    def __post_init__(self) -> None:
        for name in ("teams", "shared_capacity", "shared_use", "big_min", "big_max", "weights", "weight_chances"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        self._check_jobs()
        self._check_demands()
        self._check_times()
        for agents in self.teams:
            require(integer(agents, 1, MAX_AGENTS), self, "teams", f"a list of integers in 1..{MAX_AGENTS}")
            self._with(agents)  # which checks that there are jobs for so many

    def _with(self, agents: int) -> SyntheticWorkload:
        return replace(self, agents=agents, jobs=self.jobs * agents // self.agents, teams=())

    def instance(self, seed: int) -> Instance:
        """Draw one instance. Seeds are >= 0; the time is linear in the number of tasks."""
        rng = stream(seed)
        if self.teams:
            return self._with(int(self.teams[rng.integers(len(self.teams))])).instance(seed)
        owner = rng.permutation(np.repeat(np.arange(self.agents, dtype=np.int32), self._stream_jobs()))
        job_first, successor_first, successor = self._draw_graphs(rng)
        tasks = int(job_first[-1])
        nominal = self._draw_durations(rng, np.repeat(owner, np.diff(job_first)))
        demand = self._draw_demands(rng, tasks)
        release = self._draw_releases(rng, self._area(nominal, demand) / rng.uniform(self.load_min, self.load_max))
        due = np.full(self.jobs, np.inf)
        if self.slack_max > 0:
            slack = rng.uniform(self.slack_min, self.slack_max, self.jobs)
            due = release + slack * critical_path(job_first, successor_first, successor, nominal)
        chances = np.asarray(self.weight_chances)
        weight = np.asarray(self.weights)[
            np.searchsorted(np.cumsum(chances / chances.sum())[:-1], rng.random(self.jobs), side="right")
        ]
        speed = np.exp(self.speed_sigma * rng.standard_normal((self.agents, self.kinds)))
        everybody = self.eligible == "all"
        choices = self.agents if everybody else 1
        shared = np.arange(len(self.shared_capacity) + 1) < len(self.shared_capacity)
        return Instance(
            name=f"synthetic-{seed}",
            resources=(*(f"shared_{r}" for r in range(len(self.shared_capacity))), "slots"),
            shared=shared,
            shared_capacity=np.array([*self.shared_capacity, 0]),
            local_capacity=np.tile(np.where(shared, 0, self.slots), (self.agents, 1)),
            speed=speed * (1.0 / speed).mean(),
            job_release=release,
            job_due=due,
            job_weight=weight,
            job_owner=owner,
            job_first=job_first,
            task_kind=rng.integers(self.kinds, size=tasks, dtype=np.int32),
            task_demand=demand,
            task_ratio=np.ones(tasks),
            option_first=np.arange(tasks + 1, dtype=np.int32) * choices,
            option_agent=np.tile(np.arange(self.agents, dtype=np.int32), tasks)
            if everybody
            else np.repeat(owner, np.diff(job_first)),
            option_nominal=np.repeat(nominal, choices),
            successor_first=successor_first,
            successor=successor,
        )

    def _stream_jobs(self) -> IntArray:
        """[A] jobs of each agent, falling geometrically from the first to the last."""
        share = self.scale_spread ** -np.linspace(0.0, 1.0, self.agents)
        last = np.rint(np.cumsum(share) / share.sum() * self.jobs).astype(np.int32)
        return np.asarray(np.diff(last, prepend=np.int32(0)))

    def _draw_graphs(self, rng: np.random.Generator) -> tuple[IntArray, IntArray, IntArray]:
        job_first = np.zeros(self.jobs + 1, np.int32)
        size = 1 if self.shape == SINGLE else rng.integers(self.tasks_min, self.tasks_max, self.jobs, endpoint=True)
        job_first[1:] = np.cumsum(np.broadcast_to(size, self.jobs))
        if self.shape == MIXED:
            shape = rng.integers(len(Shape), size=self.jobs, dtype=np.int32)
        else:
            shape = np.full(self.jobs, Shape.CHAIN if self.shape == SINGLE else Shape[self.shape.upper()], np.int32)
        return job_first, *connect(job_first, shape, rng.random(job_first[-1]))

    def _draw_durations(self, rng: np.random.Generator, owner: IntArray) -> FloatArray:
        """[T] seconds. The scale of a stream is the inverse of its number of jobs, so that all offer equal work."""
        scale = self.duration_mean * self.jobs / (self.agents * self._stream_jobs())
        relative = rng.lognormal(-(self.duration_sigma**2) / 2, self.duration_sigma, owner.size)
        return np.asarray(scale[owner] * np.minimum(relative, self.duration_cap))

    def _draw_demands(self, rng: np.random.Generator, tasks: int) -> IntArray:
        """[T, R] units; the last resource is the slots."""
        demand = np.ones((tasks, len(self.shared_capacity) + 1), np.int32)
        fraction = self.big_fraction if self.big_instances == 1 or rng.random() < self.big_instances else 0.0
        big = np.where(rng.random(tasks) < fraction, rng.integers(max(1, len(self.shared_capacity)), size=tasks), -1)
        for r, capacity in enumerate(self.shared_capacity):
            small = rng.integers(1, max(1, int(self.small_max * capacity)), tasks, endpoint=True)
            demand[:, r] = small * (rng.random(tasks) < self.shared_use[r])
            low, high = _big_units(capacity, self.big_min[r], self.big_max[r])
            rows = np.flatnonzero(big == r)
            demand[rows, r] = rng.integers(low, high, rows.size, endpoint=True)
        return demand

    def _area(self, nominal: FloatArray, demand: IntArray) -> float:
        """Seconds that the busiest shared resource would be full of the work; the slots, where nothing is shared."""
        if not self.shared_capacity:
            return float(nominal.sum()) / (self.agents * self.slots)
        return float((nominal @ demand[:, :-1] / np.asarray(self.shared_capacity)).max())

    def _draw_releases(self, rng: np.random.Generator, span: float) -> FloatArray:
        """[J] seconds, ascending; the last one is ``span``."""
        even = np.cumsum(rng.standard_exponential(self.jobs))
        if self.arrivals == "poisson":
            return np.asarray(even * (span / even[-1]))
        phase = (np.arange(PARTS_OF_PERIOD) + 0.5) * (2 * np.pi / PARTS_OF_PERIOD)
        clock = CyclicClock(1.0 + self.diurnal_amplitude * np.sin(phase), self.diurnal_period)
        return clock.time(even * (clock.progress(np.array([span])) / even[-1]))

    def _check_jobs(self) -> None:
        require(integer(self.agents, 1, MAX_AGENTS), self, "agents", f"an integer in 1..{MAX_AGENTS}")
        require(number(self.scale_spread, 1.0), self, "scale_spread", ">= 1")
        require(integer(self.jobs, 1, MAX_CELLS), self, "jobs", f"an integer in 1..{MAX_CELLS}")
        require(
            bool((self._stream_jobs() > 0).all()), self, "jobs", f"enough for a job of each of {self.agents} agents"
        )
        require(self.shape in SHAPES, self, "shape", f"one of {', '.join(SHAPES)}")
        require(integer(self.tasks_min, 1), self, "tasks_min", "an integer >= 1")
        require(
            integer(self.tasks_max, self.tasks_min), self, "tasks_max", f"an integer >= tasks_min, {self.tasks_min}"
        )
        cells = (
            self.jobs * (1 if self.shape == SINGLE else self.tasks_max) * (self.agents if self.eligible == "all" else 1)
        )
        require(
            cells <= MAX_CELLS,
            self,
            "tasks_max",
            f"smaller: jobs x tasks x eligible agents may be {MAX_CELLS}, here {cells}",
        )
        require(
            integer(self.kinds, 1, MAX_CELLS // self.agents),
            self,
            "kinds",
            f"an integer in 1..{MAX_CELLS // self.agents}",
        )
        require(number(self.speed_sigma, 0, 3), self, "speed_sigma", "in [0, 3]")
        require(self.eligible in ("owner", "all"), self, "eligible", "'owner' or 'all'")
        require(
            bool(self.weights) and all(number(w) and w > 0 for w in self.weights),
            self,
            "weights",
            "a list of numbers > 0",
        )
        chances = len(self.weight_chances) == len(self.weights) and all(number(c) for c in self.weight_chances)
        require(
            chances and sum(self.weight_chances) > 0,
            self,
            "weight_chances",
            f"{len(self.weights)} numbers >= 0, not all 0",
        )

    def _check_demands(self) -> None:
        require(integer(self.slots, 1, MAX_UNITS), self, "slots", f"an integer in 1..{MAX_UNITS}")
        units = all(integer(c, 1, MAX_UNITS) for c in self.shared_capacity)
        require(units, self, "shared_capacity", f"a list of integers in 1..{MAX_UNITS}")
        require(number(self.small_max, 0, 1), self, "small_max", "in [0, 1]")
        for name in ("big_fraction", "big_instances"):
            require(number(getattr(self, name), 0, 1), self, name, "in [0, 1]")
        for name in ("shared_use", "big_min", "big_max"):
            values = getattr(self, name)
            fits = len(values) == len(self.shared_capacity) and all(number(v, 0, 1) for v in values)
            require(fits, self, name, f"{len(self.shared_capacity)} numbers in [0, 1], one per shared resource")
        for r, capacity in enumerate(self.shared_capacity):
            low, high = _big_units(capacity, self.big_min[r], self.big_max[r])
            require(
                low <= high,
                self,
                "big_max",
                f"large enough for a whole unit of shared resource {r} above big_min, {self.big_min[r]}",
            )
        require(
            not self.shared_capacity or any(self.shared_use),
            self,
            "shared_use",
            "> 0 for a resource, or there is no load",
        )

    def _check_times(self) -> None:
        require(
            number(self.duration_mean, 0, MAX_SECONDS) and self.duration_mean > 0,
            self,
            "duration_mean",
            f"> 0 seconds, to {MAX_SECONDS:g}",
        )
        require(number(self.duration_sigma, 0, 3), self, "duration_sigma", "in [0, 3]")
        require(number(self.duration_cap, 1), self, "duration_cap", ">= 1")
        require(number(self.load_min) and self.load_min > 0, self, "load_min", "> 0")
        require(number(self.load_max, self.load_min), self, "load_max", f">= load_min, {self.load_min}")
        require(self.arrivals in ("poisson", "diurnal"), self, "arrivals", "'poisson' or 'diurnal'")
        require(number(self.diurnal_period) and self.diurnal_period > 0, self, "diurnal_period", "> 0 seconds")
        require(number(self.diurnal_amplitude, 0, 0.99), self, "diurnal_amplitude", "in [0, 0.99]")
        require(number(self.slack_min), self, "slack_min", ">= 0")
        require(number(self.slack_max, self.slack_min), self, "slack_max", f">= slack_min, {self.slack_min}")


def _big_units(capacity: int, low: float, high: float) -> tuple[int, int]:
    """The least and the most units of a big demand."""
    return max(1, int(np.ceil(low * capacity))), int(high * capacity)
