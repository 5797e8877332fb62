"""New batch queues out of the first jobs of one log: users keep their habits, and meet other users (Zakay and Feitelson 2013)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from envs.workloads.drawing import integer, number, require, stream
from envs.workloads.instance import Instance, WorkloadError
from envs.workloads.readers.swf import SwfWorkload, chosen

DAY: Final = 86_400.0
WEEK: Final = 7 * DAY
LEAST_WEEKS: Final = 4
"""Whole weeks that a log must have for weekdays to be kept; of a shorter one, hours are, and of one of fewer days, nothing is moved."""


@dataclass(frozen=True)
class ResampledLog:
    """Every instance is a window of the first ``jobs`` jobs of a log, in one queue, after each user's were moved by whole weeks.

    A user's jobs stay as they are: their order, the time of day and of the week, how long they run and what was requested. By how many
    weeks they are moved, around the circle of whole weeks of the log, is drawn per user: so who meets whom differs from the log, and
    from seed to seed. Of a log of fewer than four weeks, days are meant instead of weeks; jobs behind the last whole one are left out.
    Where nobody is named, all jobs are one user's, and instances are windows of the log itself.

    Raises:
        WorkloadError: from ``instance`` and ``report``, where the log is damaged, or has too few jobs.
    """

    path: str
    jobs: int
    """First jobs of the log that can run: nothing behind them is read."""
    window: int = 256
    """Jobs of an instance."""
    load_min: float = 1.0
    load_max: float = 1.0
    """Interarrival times are divided by a number between the two, uniform."""
    unknown_run: float = 0.0
    """Seconds that jobs run whose run time is unknown; 0: they are skipped."""
    processors: int = 0
    """Units in the pool; 0: those of the header."""
    estimate: str = "requested"
    """Nominal durations: see SwfWorkload."""
    default_request: float = 0.0
    """Seconds that jobs without a requested time are thought to take; 0: the median of what the log's others request."""

    def __post_init__(self) -> None:
        require(integer(self.jobs, 1), self, "jobs", "an integer >= 1")
        require(integer(self.window, 1, self.jobs), self, "window", f"an integer in 1..jobs, {self.jobs}")
        require(number(self.load_min, 1e-9, 1e9), self, "load_min", "in [1e-9, 1e9]")
        bound = f"in [load_min, 1e9], load_min is {self.load_min}"
        require(number(self.load_max, self.load_min, 1e9), self, "load_max", bound)
        self._log()  # what is said of the log is checked before it is read

    def instance(self, seed: int) -> Instance:
        """Draw one instance; seeds are >= 0. Kinds of tasks are users, whom agents learn about."""
        rng = stream(seed)
        load = float(rng.uniform(self.load_min, self.load_max))
        whole, turn, turns = self._circle
        moved = whole.job_release
        if turns > 1:
            by = turn * rng.integers(turns, size=whole.num_kinds)
            moved = (whole.job_release + by[whole.task_kind]) % (turn * turns)
        order = np.argsort(moved, kind="stable")
        first = int(rng.integers(whole.num_jobs - self.window + 1))
        jobs = order[first : first + self.window]
        return chosen(whole, jobs, (moved[jobs] - moved[jobs[0]]) / load, f"{whole.name} resampled by {seed}")

    def report(self) -> tuple[str, ...]:
        """Return what was skipped in the log, or put right."""
        self._circle  # noqa: B018  # says whether there are enough jobs
        return self._whole.report()

    @cached_property
    def _circle(self) -> tuple[Instance, float, int]:
        """The jobs in whole weeks, or days; how long one is, and how many there are: 1 where nothing can be moved."""
        whole = self._whole.instance(0)
        span = float(whole.job_release[-1])
        turn = WEEK if span >= LEAST_WEEKS * WEEK else DAY
        turns = int(span // turn)
        if turns > 1 and whole.num_kinds > 1:
            kept = np.flatnonzero(whole.job_release < turn * turns)
            whole = chosen(whole, kept, whole.job_release[kept], whole.name)
        else:
            turns = 1
        if self.window > whole.num_jobs:
            place = f"{Path(self.path).name}: the {turns} whole {'weeks' if turn == WEEK else 'days'} of its first {self.jobs} jobs"
            raise WorkloadError(f"{place} have {whole.num_jobs} jobs, too few for window={self.window}")
        return whole, turn, turns

    @cached_property
    def _whole(self) -> SwfWorkload:
        return self._log()

    def _log(self) -> SwfWorkload:
        return SwfWorkload(
            self.path,
            jobs=self.jobs,
            owners=1,
            kind_by="user",
            unknown_run=self.unknown_run,
            processors=self.processors,
            estimate=self.estimate,
            default_request=self.default_request,
        )
