"""Batch queues to learn from: windows of the first jobs of any of a folder's logs, at loads around the recorded one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from envs.workloads.drawing import integer, number, require, stream
from envs.workloads.instance import Instance, WorkloadError
from envs.workloads.readers.swf import SwfWorkload


@dataclass(frozen=True)
class SwfLogs:
    """Every instance is a window of one log of ``folder`` (``*.swf``): the seed draws the log, the window and the load.

    Only the first ``jobs`` jobs of each log are read, so that the rest can be scored on.

    Raises:
        WorkloadError: from ``instance`` and ``report``, where there is no log, or one is damaged or has fewer jobs.
    """

    folder: str
    jobs: int = 1981
    """First jobs of each log that can run; 1,981 is where the windows of RLScheduler's protocol begin."""
    window: int = 384
    """Jobs of an instance."""
    load_min: float = 1.0
    load_max: float = 1.0
    """Interarrival times are divided by a number between the two, uniform."""
    unknown_run: float = 10.0
    """Seconds that jobs run whose run time is unknown; 0: they are skipped."""

    def __post_init__(self) -> None:
        require(isinstance(self.folder, str) and self.folder.strip() != "", self, "folder", "the path of a folder with *.swf files")
        require(integer(self.jobs, 1), self, "jobs", "an integer >= 1")
        require(integer(self.window, 1, self.jobs), self, "window", f"an integer in 1..jobs, {self.jobs}")
        require(number(self.load_min, 1e-9, 1e9), self, "load_min", "in [1e-9, 1e9]")
        require(number(self.load_max, self.load_min, 1e9), self, "load_max", f"in [load_min, 1e9], load_min is {self.load_min}")
        require(number(self.unknown_run, 0, 1e9), self, "unknown_run", "in [0, 1e9] (0 to skip such jobs)")

    def instance(self, seed: int) -> Instance:
        """Draw one instance; seeds are >= 0. Kinds of tasks are users, whom agents learn about."""
        rng = stream(seed)
        log = self._logs[int(rng.integers(len(self._logs)))]
        load = float(rng.uniform(self.load_min, self.load_max))
        part = log.instance(int(rng.integers(2**62)))
        return replace(part, job_release=part.job_release / load)

    def report(self) -> tuple[str, ...]:
        """Return what was skipped in the logs, or put right."""
        return tuple(f"{Path(log.path).name}: {line}" for log in self._logs for line in log.report())

    @cached_property
    def _logs(self) -> list[SwfWorkload]:
        paths = sorted(str(path) for path in Path(self.folder).glob("*.swf"))
        if not paths:
            raise WorkloadError(f"{self.folder}: has no *.swf, must be a folder of batch logs")
        return [
            SwfWorkload(path, jobs=self.jobs, owners=1, kind_by="user", unknown_run=self.unknown_run, random_window=self.window)
            for path in paths
        ]
