"""RLScheduler's protocol on batch logs (Zhang et al. 2020): which jobs of a log are scored, and what was published for it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from envs.workloads.readers.swf import REQUESTED_OR_ACTUAL, SwfWorkload
from envs.workloads.source import files_in, stem
from experiments.plumbing.cli import UsageError
from experiments.suites.public_data import Group

STARTS: Final = (1981, 2756, 4299, 8850, 3316, 2714, 5228, 7762, 4022, 7085)
"""First jobs of the published windows, among those that can run."""
TRAINING_JOBS: Final = min(STARTS)
"""Of each log: the first ones. No window that is scored holds any of them."""
JOBS: Final = 1024
"""Of a window."""
LAST: Final = 3
"""Windows at the end of a log, one after another."""
UNKNOWN_RUN: Final = 10.0
"""Seconds that jobs run whose run time is unknown, as in the published implementation."""
BLOCKING: Final = "blocking"
BACKFILLING: Final = "backfilling"
MODES: Final[Mapping[str, bool]] = {BLOCKING: False, BACKFILLING: True}
RL: Final = "RL"
"""RLScheduler's own policy, among what was published."""
PUBLISHED_RULES: Final = {"FCFS": "fifo+r", "SJF": "spt+r", "F1": "f1+r"}
"""Rules by their names in the publication. Its columns WFP3 and UNICEP are left out: they count waiting from -1."""

_NAMES: Final = {"lublin_256": "Lublin-1", "SDSC-SP2-1998": "SDSC-SP2", "lublin_256_new2": "Lublin-2"}
"""Of the published logs, by the longest beginning of a file's name."""
_PRINTED: Final[Mapping[str, Mapping[str, str]]] = {
    "Lublin-1": {BLOCKING: "7274 277 258 255", BACKFILLING: "236 73.3 75.1 58.6"},
    "SDSC-SP2": {BLOCKING: "1728 2681 1232 466", BACKFILLING: "1595 2168 1098 398"},
    "Lublin-2": {BLOCKING: "7842 788 698 725", BACKFILLING: "248 92.0 148 119"},
}
"""Mean bounded slowdown by FCFS, SJF, F1 and RL, to the printed digits."""
_YEAR: Final = re.compile(r"-(19|20)\d\d\b.*")
"""Where the archive's file names go on with what nobody cites."""


def cell(log: str, mode: str) -> str:
    """What a log in a mode is called in tables."""
    return f"{log}, {mode}"


PUBLISHED: Final[Mapping[str, Mapping[str, str]]] = {
    cell(log, mode): dict(zip((*PUBLISHED_RULES, RL), row.split(), strict=True))
    for log, rows in _PRINTED.items()
    for mode, row in rows.items()
}
"""By cell and published name: the number as it was printed."""


def overlapping(starts: Sequence[int]) -> list[int]:
    """For each window of JOBS, the first job of the first one to which others tie it, each sharing jobs with the next."""
    first: dict[int, int] = {}
    last, group = -JOBS, 0
    for start in sorted(starts):
        group = start if start >= last + JOBS else group
        first[start], last = group, start
    return [first[start] for start in starts]


@dataclass(frozen=True)
class Trace:
    """One log."""

    name: str
    path: str
    default_processors: int = 0
    """Of a log whose header does not say; 0: such a log is refused."""

    def part(self, starts: tuple[int, ...], kind_by: str) -> Group:
        """Return the windows that begin at ``starts``, in one queue; times are the log's, since F1 reads them."""
        return Group(self.name, [self._workload(kind_by, start, JOBS) for start in starts])

    def protocol(self) -> tuple[int, ...]:
        """First jobs of the published windows; none where the log is too short for them."""
        return STARTS if max(STARTS) + JOBS <= self._jobs() else ()

    def last(self) -> tuple[int, ...]:
        """First jobs of the last windows, as many as there is room for behind the jobs that are for training."""
        jobs = self._jobs()
        room = max(0, min(LAST, (jobs - TRAINING_JOBS) // JOBS))
        return tuple(jobs - JOBS * k for k in range(room, 0, -1))

    def _jobs(self) -> int:
        return self.whole.instance(0).num_jobs

    @cached_property
    def whole(self) -> SwfWorkload:
        """All jobs of the log."""
        return self._workload("one", 0, 0)

    def _workload(self, kind_by: str, start: int, jobs: int) -> SwfWorkload:
        return SwfWorkload(
            self.path,
            start=start,
            jobs=jobs,
            owners=1,
            kind_by=kind_by,
            default_processors=self.default_processors,
            estimate=REQUESTED_OR_ACTUAL,  # as published: Lublin-1 and Lublin-2 have no requests
            unknown_run=UNKNOWN_RUN,
            clock="log",
        )


def find(folder: Path, default_processors: int = 0) -> list[Trace]:
    """Return the logs below a folder, packed or not; ``default_processors`` have those whose headers do not say.

    Raises:
        UsageError: where there is none.
    """
    files = files_in(folder, ".swf", below=True)
    if not files:
        raise UsageError(f"{folder} has no file *.swf")
    return [Trace(_name(stem(file)), str(file), default_processors) for file in files]


def _name(log: str) -> str:
    known = max((beginning for beginning in _NAMES if log.startswith(beginning)), key=len, default=None)
    return _YEAR.sub("", log) if known is None else _NAMES[known]


def agrees(value: float, printed: str) -> bool:
    """Whether a number, rounded, is the printed one."""
    return f"{value:.{len(printed.partition('.')[2])}f}" == printed
