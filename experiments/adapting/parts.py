"""A log in two parts: the first one to fit, to train and to choose on, and the later one, which nobody has seen, to judge on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from agents.evaluation.play import Episodes
from envs.scenario import Knowledge, Objective, Reservations, Scenario
from envs.workloads.generators.resampled import ResampledLog
from envs.workloads.instance import Instance
from envs.workloads.readers.swf import ESTIMATES, SwfWorkload, chosen
from experiments.plumbing.cli import UsageError

WINDOW: Final = 256
"""Jobs of a window, where the later part has LEAST_WINDOWS of them or more."""
LEAST_WINDOWS: Final = 10
SMALLEST_WINDOW: Final = 32
CANDIDATES: Final = 64
OBJECTIVES: Final = {"slowdown": Objective(slowdown=1.0), "flow": Objective(flow=1.0)}
LOAD: Final = (0.9, 1.3)
"""Training meets the recorded load times a number between these: some quieter than the log, more of it busier."""


@dataclass(frozen=True)
class Site:
    """What the user says of the log and of the queue that it was recorded in."""

    path: str
    share: float = 0.6
    """Of the jobs, those of the first part."""
    window: int = 0
    """Jobs of a window; 0: WINDOW, or so few that the later part has LEAST_WINDOWS windows."""
    minimise: str = "slowdown"
    backfill: bool = True
    """Whether others may start before the head of the queue where that does not delay it."""
    estimate: str = "requested"
    default_request: float = 0.0
    unknown_run: float = 0.0
    processors: int = 0

    def __post_init__(self) -> None:
        """Raise UsageError for what makes no sense."""
        if not 0.1 <= self.share <= 0.9:
            raise UsageError(
                f"--first is {self.share:g}, must be in [0.1, 0.9]: the share of the jobs that are learned from"
            )
        if self.window and self.window < SMALLEST_WINDOW:
            raise UsageError(f"--window is {self.window}, must be at least {SMALLEST_WINDOW} jobs")
        if self.minimise not in OBJECTIVES:
            raise UsageError(f"--minimise is {self.minimise!r}, must be one of {', '.join(OBJECTIVES)}")
        if self.estimate not in ESTIMATES:
            raise UsageError(f"--estimate is {self.estimate!r}, must be one of {', '.join(ESTIMATES)}")


@dataclass(frozen=True)
class Parts:
    """The two parts of a log, cut into windows of equally many jobs that start with an empty queue, and the scenario to train on."""

    site: Site
    whole: Instance
    jobs: int
    """Of the first part."""
    window: int
    generator: ResampledLog
    """Draws new queues like the first part."""
    fitted: Scenario
    """Around the generator: what is trained on."""
    first: Episodes
    later: Episodes
    report: tuple[str, ...]
    """What the reader skipped or put right."""

    @classmethod
    def of(cls, site: Site) -> Parts:
        """Read and split a log.

        Raises:
            WorkloadError: the log is damaged.
            UsageError: it is too short.
        """
        log = SwfWorkload(
            site.path,
            owners=1,
            kind_by="user",
            clock="log",
            estimate=site.estimate,
            default_request=site.default_request,
            unknown_run=site.unknown_run,
            processors=site.processors,
        )
        whole = log.instance(0)
        jobs = int(site.share * whole.num_jobs)
        behind = whole.num_jobs - jobs
        window = site.window or max(SMALLEST_WINDOW, min(WINDOW, behind // LEAST_WINDOWS))
        if behind < 2 * window or jobs < 4 * window:
            raise UsageError(
                f"{site.path}: has {whole.num_jobs} jobs that can run, {jobs} of them in the first part and {behind} behind it: must be "
                f"{4 * window} and {2 * window} at least, with windows of {window} jobs; --window makes them smaller"
            )
        generator = ResampledLog(
            site.path,
            jobs=jobs,
            window=window,
            load_min=LOAD[0],
            load_max=LOAD[1],
            unknown_run=site.unknown_run,
            processors=site.processors,
            estimate=site.estimate,
            default_request=site.default_request,
        )
        generator.report()
        fitted = Scenario(
            generator,
            objective=OBJECTIVES[site.minimise],
            knowledge=Knowledge(prior_count=2.0),
            reservations=Reservations(hold="start", blocking=True, backfill=site.backfill),
            candidates=CANDIDATES,
        )
        first, later = (_windows(whole, *ends, window) for ends in ((0, jobs), (jobs, whole.num_jobs)))
        return cls(site, whole, jobs, window, generator, fitted, first, later, log.report())


def _windows(whole: Instance, start: int, stop: int, window: int) -> Episodes:
    """The windows of jobs start..stop-1, one behind the other, on the clock of the log."""
    parts = []
    for begin in range(start, stop - window + 1, window):
        jobs = np.arange(begin, begin + window)
        parts.append(chosen(whole, jobs, whole.job_release[jobs], f"{whole.name} jobs {begin}..{begin + window - 1}"))
    place = np.arange(len(parts))
    return Episodes(parts, place.astype(np.int32), place.astype(np.uint64))
