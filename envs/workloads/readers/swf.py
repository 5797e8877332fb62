"""Batch queues in the Standard Workload Format (Chapin et al. 1999; Feitelson's Parallel Workloads Archive).

A line per job with 18 fields, of which these are read: 1 job number, 2 submit time, 4 run time, 5 allocated processors, 8 requested
processors, 9 requested time, 11 status, 12 user, 13 group, 14 application, 17 preceding job; -1 means unknown. Lines that start with
``;`` are the header. A job that was checkpointed has a line that sums it up (status 0 or 1) and, behind it, one per burst (status 2, 3
or 4): by the format's definition, studies of workloads use the former alone.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from envs.workloads.drawing import integer, number, require, stream
from envs.workloads.instance import FloatArray, Instance, WorkloadError
from envs.workloads.readers.swf_lines import UNKNOWN, USED, Header, capacity_of, records
from envs.workloads.source import MAX_AGENTS, MAX_SECONDS, MAX_UNITS, FileWorkload, build, check_size

BURSTS: Final = (2, 3, 4)
"""Status of a part of a job: to be continued, the last one of a job that completed, or that failed."""
REQUESTED: Final = "requested"
REQUESTED_OR_ACTUAL: Final = "requested_or_actual"
ACTUAL: Final = "actual"
ESTIMATES: Final = (REQUESTED, REQUESTED_OR_ACTUAL, ACTUAL)

_OWNER: Final[Mapping[str, Mapping[int, str]]] = {"round_robin": {}, "user": {12: "user"}, "group": {13: "group"}}
_KIND: Final[Mapping[str, Mapping[int, str]]] = {
    "one": {},
    "user": {12: "user"},
    "group": {13: "group"},
    "application": {14: "application"},
}


class TooShortError(WorkloadError):
    """A log with fewer jobs that can run than somebody wants of it."""


@dataclass
class _Log:
    """The jobs of the window, in the order of the file, and what was met on the way."""

    capacity: int
    submit: array[float] = field(default_factory=lambda: array("d"))
    run: array[float] = field(default_factory=lambda: array("d"))
    asked: array[float] = field(default_factory=lambda: array("d"))
    demand: array[int] = field(default_factory=lambda: array("i"))
    owner: array[float] = field(default_factory=lambda: array("d"))
    kind: array[float] = field(default_factory=lambda: array("d"))
    seen: int = 0
    kept: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    bursts: int = 0
    stray_bursts: int = 0
    """Those without a line that sums them up before them."""
    following: int = 0
    """Jobs of the window that were submitted when another had ended."""


@dataclass(frozen=True)
class SwfWorkload(FileWorkload):
    """One batch log: a job is one rigid task on a shared pool of ``processors``; agents stand for groups of its users.

    Jobs that never ran, or ask for an unknown number of processors or more than there are, are skipped and reported.
    What remains is counted from 0, and a window of it is cut out in the order of the file.
    """

    start: int = 0
    """First job of the window."""
    jobs: int = 0
    """Jobs of the window; 0: all from ``start`` on. Reading stops at its end."""
    load_scale: float = 1.0
    """Interarrival times are divided by this: 2 doubles the load."""
    owners: int = 4
    """Agents; a task is eligible on its owner only."""
    owner_by: str = "round_robin"
    """'round_robin': by position in the window; 'user', 'group': by that number modulo ``owners``, agent 0 where unknown."""
    kind_by: str = "one"
    """Kinds of tasks, by which agents learn how run times compare with estimates: 'one' for all, or by 'user', 'group', 'application'."""
    processors: int = 0
    """Units in the pool; 0: MaxProcs of the header, else its MaxNodes, else ``default_processors``."""
    default_processors: int = 0
    """Units in the pool where the header says nothing; 0: such a log is refused."""
    estimate: str = "requested"
    """Nominal duration, which agents know: 'requested', the requested time, or ``default_request`` of jobs that have none;
    'requested_or_actual', their run time, which nobody could know; 'actual', the run time of all."""
    default_request: float = 0.0
    """Seconds that jobs without a requested time are thought to take; 0: the median of what the others of the window request."""
    unknown_run: float = 0.0
    """Seconds that jobs run whose run time is unknown; 0: they are skipped."""
    clock: str = "window"
    """'window': the first job of a window is released at 0; 'log': jobs are released at the seconds of the log."""
    due_slack: float = 0.0
    """Due date: this many nominal durations after release; 0: none."""
    random_window: int = 0
    """Jobs of an instance: so many in a row, from a place drawn by its seed among those read; 0: all, whatever the seed."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(integer(self.start, 0), self, "start", "an integer >= 0")
        require(integer(self.jobs, 0), self, "jobs", "an integer >= 0 (0 for all)")
        require(number(self.load_scale, 1e-9, 1e9), self, "load_scale", "in [1e-9, 1e9]")
        require(integer(self.owners, 1, MAX_AGENTS), self, "owners", f"an integer in 1..{MAX_AGENTS}")
        require(self.owner_by in _OWNER, self, "owner_by", "'round_robin', 'user' or 'group'")
        require(self.kind_by in _KIND, self, "kind_by", f"one of {', '.join(_KIND)}")
        require(
            integer(self.processors, 0, MAX_UNITS),
            self,
            "processors",
            f"an integer in 0..{MAX_UNITS} (0 for the header's)",
        )
        bound = f"an integer in 0..{MAX_UNITS} (0 to refuse a log that does not say)"
        require(integer(self.default_processors, 0, MAX_UNITS), self, "default_processors", bound)
        require(self.estimate in ESTIMATES, self, "estimate", f"one of {', '.join(ESTIMATES)}")
        bound = f"in [0, {MAX_SECONDS:g}] (0 for the median of the others)"
        require(number(self.default_request, 0, MAX_SECONDS), self, "default_request", bound)
        require(
            number(self.unknown_run, 0, MAX_SECONDS),
            self,
            "unknown_run",
            f"in [0, {MAX_SECONDS:g}] (0 to skip such jobs)",
        )
        require(self.clock in ("window", "log"), self, "clock", "'window' or 'log'")
        require(number(self.due_slack, 0, 1e9), self, "due_slack", "in [0, 1e9] (0 for none)")
        require(integer(self.random_window, 0), self, "random_window", "an integer >= 0 (0 for all)")

    def instance(self, seed: int) -> Instance:
        whole = super().instance(seed)
        if not self.random_window:
            return whole
        if self.random_window > whole.num_jobs:
            raise WorkloadError(
                f"{self.path}: has {whole.num_jobs} jobs, too few for random_window={self.random_window}"
            )
        first = int(stream(seed).integers(whole.num_jobs - self.random_window + 1))
        window = slice(first, first + self.random_window)
        origin = float(whole.job_release[first]) if self.clock == "window" else 0.0
        name = f"{whole.name} jobs {first}..{window.stop - 1}"
        return chosen(whole, np.arange(first, window.stop), whole.job_release[window] - origin, name)

    def read(self) -> tuple[Instance, tuple[str, ...]]:
        log = self._scan()
        jobs = len(log.submit)
        report = [f"skipped {count} of {log.seen} jobs: {reason}" for reason, count in log.skipped.items()]
        for count, which in (
            (log.bursts, "that others sum up"),
            (log.stray_bursts, "that no line before them (status 0 or 1) sums up"),
        ):
            if count:
                report.append(f"left out {count} lines (status 2, 3 or 4): bursts of jobs {which}")
        if jobs == 0 or jobs < self.jobs:
            window = f"start={self.start}, jobs={self.jobs or 'all'}"
            raise TooShortError(
                f"{self.path}: has {'; '.join([f'{log.kept} jobs that can run', *report])}: too few for {window}"
            )
        if log.following:
            followers = f"{log.following} of {jobs} jobs"
            report.append(
                f"released {followers} as recorded: that each follows a preceding job (fields 17, 18) is not played"
            )
        estimates = self._estimates(log, report)
        backward = int(np.count_nonzero(np.diff(log.submit) < 0))
        if backward:
            report.append(f"sorted {jobs} jobs by submit time: {backward} were earlier than the job before")
        order = np.argsort(log.submit, kind="stable")
        submit, run, nominal, demand = (
            np.asarray(column)[order] for column in (log.submit, log.run, estimates, log.demand)
        )
        release = (submit - submit[0] if self.clock == "window" else submit) / self.load_scale
        kinds, kind = (
            np.unique(np.asarray(log.kind)[order], return_inverse=True) if log.kind else (np.zeros(1), np.zeros(jobs))
        )
        check_size(self.path, f"{self.owners} owners x {kinds.size} kinds", self.owners * kinds.size)
        owner = np.asarray(log.owner)[order] if log.owner else np.arange(jobs)
        agent = np.where(owner == UNKNOWN, 0, owner % self.owners).astype(np.int32)
        one_each = np.arange(jobs + 1, dtype=np.int32)
        instance = build(
            self.path,
            resources=("processors",),
            shared=np.ones(1, np.bool_),
            shared_capacity=np.array([log.capacity]),
            local_capacity=np.zeros((self.owners, 1)),
            speed=np.ones((self.owners, kinds.size)),
            job_release=release,
            job_due=release + self.due_slack * nominal if self.due_slack else np.full(jobs, np.inf),
            job_weight=np.ones(jobs),
            job_owner=agent,
            job_first=one_each,
            task_kind=kind.astype(np.int32),
            task_demand=demand.reshape(jobs, 1),
            task_ratio=run / nominal,
            option_first=one_each,
            option_agent=agent,
            option_nominal=nominal,
            successor_first=np.zeros(jobs + 1, np.int32),
            successor=np.zeros(0, np.int32),
        )
        return instance, tuple(report)

    def _estimates(self, log: _Log, report: list[str]) -> FloatArray:
        """[J] nominal durations; says in ``report`` what stands in for requests that nobody made.

        Raises:
            WorkloadError: where nobody made any, and no setting says what stands in for them.
        """
        run, asked = np.asarray(log.run), np.asarray(log.asked)
        missing = asked <= 0
        count = f"of {np.count_nonzero(missing)} of {run.size} jobs"
        if self.estimate == ACTUAL:
            return run
        if not missing.any():
            return asked
        if self.estimate == REQUESTED_OR_ACTUAL:
            report.append(f"took the run time {count} as nominal: requested time is 0 or unknown")
            return np.where(missing, run, asked)
        if not self.default_request and missing.all():
            wanted = f"default_request=SECONDS, or with estimate={REQUESTED_OR_ACTUAL} that they know run times"
            raise WorkloadError(
                f"{self.path}: none of {run.size} jobs requests a time (field 9): say what agents shall expect with {wanted}"
            )
        usual = self.default_request or float(np.median(asked[~missing]))
        origin = "default_request" if self.default_request else "the median of the others"
        report.append(f"took {usual:g} s, {origin}, as nominal {count}: requested time is 0 or unknown")
        return np.where(missing, usual, asked)

    def _scan(self) -> _Log:
        """Go through the file up to the end of the window, keeping the few numbers of each job that are needed."""
        header: Header = {}
        stop = self.start + self.jobs if self.jobs else math.inf
        log = _Log(self.processors)
        owners, kinds = _OWNER[self.owner_by], _KIND[self.kind_by]
        summed_up = math.nan
        for each in records(self.path, [USED, owners, kinds], header):
            job, submit, recorded, allocated, requested, limit, status, preceding, *groups = each
            log.capacity = log.capacity or capacity_of(self.path, header, self.default_processors)
            if status in BURSTS:
                log.bursts += job == summed_up
                log.stray_bursts += job != summed_up
                continue
            summed_up = job
            log.seen += 1
            demand = max(allocated, requested)
            run = self.unknown_run if recorded < 0 else recorded
            if submit < 0:
                log.skipped["submit time is unknown"] += 1
            elif run <= 0:
                log.skipped["run time is 0" if self.unknown_run else "run time is 0 or unknown"] += 1
            elif demand <= 0:
                log.skipped["number of processors is 0 or unknown"] += 1
            elif demand > log.capacity:
                log.skipped[f"needs more than the {log.capacity} processors there are"] += 1
            else:
                log.kept += 1
                if log.kept <= self.start:
                    continue
                log.following += preceding > 0
                log.submit.append(submit)
                log.run.append(run)
                log.asked.append(limit)
                log.demand.append(int(demand))
                log.owner.extend(groups[: len(owners)])
                log.kind.extend(groups[len(owners) :])
                if log.kept >= stop:
                    break
        return log


def chosen(whole: Instance, jobs: NDArray[np.integer], release: FloatArray, name: str) -> Instance:
    """Return some ``jobs`` [J] of a log, each one task with one option, in the order in which they are released at ``release`` [J]."""
    bounds = np.arange(jobs.size + 1, dtype=np.int32)
    return replace(
        whole,
        name=name,
        job_release=release,
        job_due=whole.job_due[jobs] + (release - whole.job_release[jobs]),
        job_weight=whole.job_weight[jobs],
        job_owner=whole.job_owner[jobs],
        job_first=bounds,
        task_kind=whole.task_kind[jobs],
        task_demand=whole.task_demand[jobs],
        task_ratio=whole.task_ratio[jobs],
        option_first=bounds,
        option_agent=whole.option_agent[jobs],
        option_nominal=whole.option_nominal[jobs],
        successor_first=np.zeros(jobs.size + 1, np.int32),
    )
