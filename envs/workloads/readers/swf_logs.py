"""Batch queues to learn from: windows of the first jobs of any of a folder's logs, at loads around the recorded one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from envs.workloads.drawing import integer, number, require, stream
from envs.workloads.instance import Instance, WorkloadError
from envs.workloads.readers.swf import SwfWorkload, TooShortError
from envs.workloads.source import files_in


@dataclass(frozen=True)
class SwfLogs:
    """Every instance is a window of one log of ``folder`` (``*.swf``, also packed): the seed draws the log, the window and the load.

    Only the first ``jobs`` jobs of each log are read, so that the rest can be scored on. Logs with fewer are left out, and reported.

    Raises:
        WorkloadError: from ``instance`` and ``report``, where there is no log that is long enough, or one is damaged.
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
    default_processors: int = 0
    """Units in the pool of logs whose headers say nothing; 0: such a log is refused."""
    estimate: str = "requested"
    """Nominal durations: see SwfWorkload."""
    default_request: float = 0.0
    """Seconds that jobs without a requested time are thought to take; 0: the median of what the log's others request."""

    def __post_init__(self) -> None:
        require(
            isinstance(self.folder, str) and self.folder.strip() != "",
            self,
            "folder",
            "the path of a folder with *.swf files",
        )
        require(integer(self.jobs, 1), self, "jobs", "an integer >= 1")
        require(integer(self.window, 1, self.jobs), self, "window", f"an integer in 1..jobs, {self.jobs}")
        require(number(self.load_min, 1e-9, 1e9), self, "load_min", "in [1e-9, 1e9]")
        require(
            number(self.load_max, self.load_min, 1e9),
            self,
            "load_max",
            f"in [load_min, 1e9], load_min is {self.load_min}",
        )
        require(number(self.unknown_run, 0, 1e9), self, "unknown_run", "in [0, 1e9] (0 to skip such jobs)")
        self._log("x")  # what is said of each log is checked before any is read

    def instance(self, seed: int) -> Instance:
        """Draw one instance; seeds are >= 0. Kinds of tasks are users, whom agents learn about."""
        rng = stream(seed)
        logs, _ = self._found
        log = logs[int(rng.integers(len(logs)))]
        load = float(rng.uniform(self.load_min, self.load_max))
        part = log.instance(int(rng.integers(2**62)))
        return replace(part, job_release=part.job_release / load)

    def report(self) -> tuple[str, ...]:
        """Return what was skipped in the logs, or put right."""
        logs, left_out = self._found
        return (*left_out, *(f"{Path(log.path).name}: {line}" for log in logs for line in log.report()))

    @cached_property
    def _found(self) -> tuple[list[SwfWorkload], list[str]]:
        """The logs that are long enough, all read, and a line for each that is not."""
        paths = [str(path) for path in files_in(Path(self.folder), ".swf")]
        if not paths:
            raise WorkloadError(f"{self.folder}: has no *.swf, must be a folder of batch logs")
        logs, left_out = [], []
        for log in map(self._log, paths):
            try:
                log.report()
                logs.append(log)
            except TooShortError as short:
                left_out.append(f"left out {short}")
        if not logs:
            raise WorkloadError(
                f"{self.folder}: no log has as many jobs as jobs={self.jobs} says; {'; '.join(left_out)}"
            )
        return logs, left_out

    def _log(self, path: str) -> SwfWorkload:
        return SwfWorkload(
            path,
            jobs=self.jobs,
            owners=1,
            kind_by="user",
            unknown_run=self.unknown_run,
            random_window=self.window,
            default_processors=self.default_processors,
            estimate=self.estimate,
            default_request=self.default_request,
        )
