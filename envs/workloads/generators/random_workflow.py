"""Random scientific workflows: what policies for recorded ones are trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from envs.workloads.drawing import FloatArray, integer, number, require, stream
from envs.workloads.instance import Instance
from envs.workloads.source import MAX_AGENTS, MAX_CELLS, MAX_SECONDS

SINGLE: Final = 0.35
"""Chance of a stage to be one task: what splits work up or brings it together."""
FULL: Final = 0.6
"""Chance of any other to be as wide as the workflow is; else it has fewer tasks."""
ALL_TO_ALL: Final = 0.15
"""Chance that every task of a stage waits for every task of the stage before; else they are matched in order."""
SKIPPING: Final = 0.2
"""Chance that a stage also waits for an earlier one."""


class _Stage(NamedTuple):
    """Tasks of one kind, side by side."""

    first: int
    width: int

    def match(self, after: _Stage) -> Iterator[tuple[int, int]]:
        """Pair the tasks of both in order: one to one, or each of the fewer with several neighbours of the others."""
        most = max(self.width, after.width)
        for k in range(most):
            yield self.first + k * self.width // most, after.first + k * after.width // most


def draw_speeds(rng: np.random.Generator, agents: int, kinds: int, spread: float) -> FloatArray:
    """[A, G] factors of speed per agent and kind of task, log-uniform between 1 / (1 + spread) and 1 + spread."""
    return np.asarray((1.0 + spread) ** rng.uniform(-1.0, 1.0, (agents, kinds)))


@dataclass(frozen=True)
class RandomWorkflow:
    """Workflows of one job in stages, each of one kind of task, by agents whose speeds differ by kind; released at 0.

    As in recorded workflows, most wide stages of a workflow are equally wide, tasks of one kind take about equally long, and
    kinds differ much (Juve et al. 2013). Durations are divided by the speeds: agents know both.
    """

    stages_min: int = 3
    stages_max: int = 10
    width_max: int = 24
    """The width of a workflow is log-uniform from 2 to this."""
    agents_min: int = 3
    agents_max: int = 8
    duration_mean: float = 60.0
    """Mean duration in seconds of a kind of task at speed 1."""
    duration_sigma: float = 1.2
    """Standard deviation of the logarithm of the durations of kinds (lognormal)."""
    task_sigma: float = 0.3
    """The same of tasks of one kind."""
    speed_spread: float = 1.0
    """Speeds rise geometrically from 1 / (1 + spread) at the first agent to 1 + spread at the last, ..."""
    kind_spread: float = 1.0
    """... times a factor per agent and kind, log-uniform between the same bounds of this spread."""
    ratio_sigma: float = 0.0
    """Realised over estimated durations are lognormal with mean 1; the standard deviation of their logarithm is uniform from 0 to this,
    one for each workflow, so that whoever learns meets certain and uncertain ones."""

    def __post_init__(self) -> None:
        for low, high, least in (("stages_min", "stages_max", 1), ("agents_min", "agents_max", 2)):
            require(integer(getattr(self, low), least), self, low, f"an integer >= {least}")
            require(
                integer(getattr(self, high), getattr(self, low)),
                self,
                high,
                f"an integer >= {low}, {getattr(self, low)}",
            )
        require(self.agents_max <= MAX_AGENTS, self, "agents_max", f"at most {MAX_AGENTS}")
        require(integer(self.width_max, 2), self, "width_max", "an integer >= 2")
        cells = self.stages_max * self.width_max * max(self.agents_max, 2 * self.width_max)
        require(
            cells <= MAX_CELLS,
            self,
            "width_max",
            f"smaller: stages x width x agents, or edges, may be {MAX_CELLS}, here {cells}",
        )
        require(
            number(self.duration_mean, 1e-3, MAX_SECONDS), self, "duration_mean", f"in [0.001, {MAX_SECONDS:g}] seconds"
        )
        for name in ("duration_sigma", "task_sigma", "ratio_sigma"):
            require(number(getattr(self, name), 0, 3), self, name, "in [0, 3]")
        for name in ("speed_spread", "kind_spread"):
            require(number(getattr(self, name), 0, 1e6), self, name, "in [0, 1e6]")

    def instance(self, seed: int) -> Instance:
        """Draw one instance; seeds are >= 0."""
        rng = stream(seed)
        agents = int(rng.integers(self.agents_min, self.agents_max, endpoint=True))
        stages = self._draw_stages(rng)
        count, kinds = stages[-1].first + stages[-1].width, len(stages)
        kind = np.repeat(np.arange(kinds), [stage.width for stage in stages])
        scale = rng.lognormal(-(self.duration_sigma**2) / 2, self.duration_sigma, kinds)
        duration = self.duration_mean * scale[kind] * rng.lognormal(-(self.task_sigma**2) / 2, self.task_sigma, count)
        speed = (1.0 + self.speed_spread) ** np.linspace(-1, 1, agents)[:, None] * draw_speeds(
            rng, agents, kinds, self.kind_spread
        )
        edges = np.array(sorted(set(_edges(rng, stages))), np.int32).reshape(-1, 2)
        sigma = self.ratio_sigma * rng.random()
        return Instance(
            name=f"random-workflow-{count}x{agents}-{seed}",
            resources=("cores",),
            shared=np.zeros(1, np.bool_),
            shared_capacity=np.zeros(1, np.int32),
            local_capacity=np.ones((agents, 1), np.int32),
            speed=np.ones((agents, kinds)),
            job_release=np.zeros(1),
            job_due=np.full(1, np.inf),
            job_weight=np.ones(1),
            job_owner=np.zeros(1, np.int32),
            job_first=np.array([0, count], np.int32),
            task_kind=kind.astype(np.int32),
            task_demand=np.ones((count, 1), np.int32),
            task_ratio=np.exp(sigma * rng.standard_normal(count) - sigma**2 / 2),
            option_first=np.arange(count + 1, dtype=np.int32) * agents,
            option_agent=np.tile(np.arange(agents, dtype=np.int32), count),
            option_nominal=(duration[:, None] / speed.T[kind]).ravel(),
            successor_first=np.searchsorted(edges[:, 0], np.arange(count + 1)).astype(np.int32),
            successor=edges[:, 1],
        )

    def _draw_stages(self, rng: np.random.Generator) -> list[_Stage]:
        width = int(np.exp(rng.uniform(np.log(2), np.log(self.width_max + 1))))
        count = int(rng.integers(self.stages_min, self.stages_max, endpoint=True))
        luck, part = rng.random(count), rng.integers(1, width, count, endpoint=True)
        widths = np.where(luck < SINGLE, 1, np.where(luck < SINGLE + (1 - SINGLE) * FULL, width, part))
        widths[rng.integers(count)] = width  # else there might be nothing to decide
        return [_Stage(int(end - its), int(its)) for end, its in zip(np.cumsum(widths), widths, strict=True)]


def _edges(rng: np.random.Generator, stages: list[_Stage]) -> Iterator[tuple[int, int]]:
    for place, stage in enumerate(stages[1:], 1):
        before = stages[place - 1]
        if rng.random() < ALL_TO_ALL:
            yield from ((before.first + k, stage.first + m) for k in range(before.width) for m in range(stage.width))
        else:
            yield from before.match(stage)
        if place > 1 and rng.random() < SKIPPING:
            yield from stages[int(rng.integers(place - 1))].match(stage)
