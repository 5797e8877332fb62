"""Random job shops of uncertain durations: what policies for Wheatley's public set are trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from envs.workloads.drawing import integer, require, stream
from envs.workloads.instance import Instance
from envs.workloads.readers.stochastic_job_shop import triangular_shop
from envs.workloads.source import MAX_UNITS, check_shop


@dataclass(frozen=True)
class RandomStochasticJobShop:
    """Job shops whose durations are triangular, as those of Wheatley's public set; an agent manages one machine.

    Each job visits every machine once, in a random order. All jobs are released at 0. All parameters are drawn uniformly from whole
    numbers, both bounds included; realised durations are rounded down to whole seconds.
    """

    jobs_min: int = 6
    jobs_max: int = 20
    machines_min: int = 6
    machines_max: int = 20
    mode_min: int = 10
    """Seconds, of the likeliest duration."""
    mode_max: int = 49
    below_max: int = 9
    """Seconds that the least duration is below the likeliest, at least 1."""
    above_max: int = 199
    """Seconds that the largest duration is above it, at least 1."""

    def __post_init__(self) -> None:
        check_shop(self)
        require(integer(self.below_max, 1, MAX_UNITS), self, "below_max", f"an integer in 1..{MAX_UNITS}")
        require(
            integer(self.mode_min, self.below_max, MAX_UNITS),
            self,
            "mode_min",
            f"an integer in below_max, {self.below_max}..{MAX_UNITS}",
        )
        require(
            integer(self.mode_max, self.mode_min, MAX_UNITS),
            self,
            "mode_max",
            f"an integer in mode_min, {self.mode_min}..{MAX_UNITS}",
        )
        require(integer(self.above_max, 1, MAX_UNITS), self, "above_max", f"an integer in 1..{MAX_UNITS}")

    def instance(self, seed: int) -> Instance:
        """Draw one instance; seeds are >= 0."""
        rng = stream(seed)
        jobs = int(rng.integers(self.jobs_min, self.jobs_max, endpoint=True))
        machines = int(rng.integers(self.machines_min, self.machines_max, endpoint=True))
        route = rng.permuted(np.tile(np.arange(machines), (jobs, 1)), axis=1)
        mode = rng.integers(self.mode_min, self.mode_max, route.shape, endpoint=True)
        least = mode - rng.integers(1, self.below_max, route.shape, endpoint=True)
        largest = mode + rng.integers(1, self.above_max, route.shape, endpoint=True)
        realised = np.floor(rng.triangular(least, mode, largest))
        durations = np.stack([realised, least, largest, mode], axis=2).astype(np.float64)
        return triangular_shop(f"random-stochastic-jobshop-{jobs}x{machines}-{seed}", route.tolist(), durations)
