"""RLScheduler's protocol in plain Python, written from its description and without the world: what its rules make of a window of jobs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """A line of a log."""

    submit: float
    run: float
    processors: int
    requested: float


def _log10(x: float) -> float:
    return math.log10(x if x > 0 else 0.1)


SCORES: dict[str, Callable[[Job], float]] = {
    "fifo+r": lambda job: job.submit,
    "spt+r": lambda job: job.requested,
    "saf+r": lambda job: job.requested * job.processors,
    "f1+r": lambda job: _log10(job.requested) * job.processors + 870 * _log10(job.submit),
}
"""By the name of the same rule here: the job with the smallest comes first, ties to the earliest."""


class Queue:
    """One cluster, empty at first; jobs are submitted in their order."""

    def __init__(self, jobs: list[Job], processors: int, backfilling: bool) -> None:
        self.jobs, self.free, self.backfilling = jobs, processors, backfilling
        self.now = 0.0
        self.submitted = 0
        self.waiting: list[int] = []
        self.started: dict[int, float] = {}
        self.running: list[int] = []

    def slowdowns(self, score: Callable[[Job], float]) -> list[float]:
        """Play to the end; return the bounded slowdown of every job."""
        while len(self.started) < len(self.jobs):
            if self.waiting:
                self._serve(min(self.waiting, key=lambda i: (score(self.jobs[i]), i)))
            else:
                self._next_event()
        return [
            max(1.0, (self.started[i] - job.submit + job.run) / max(job.run, 10.0)) for i, job in enumerate(self.jobs)
        ]

    def _serve(self, head: int) -> None:
        """Let everything wait for the head, but for what is backfilled behind it."""
        deadline = self._expected_start(head)
        while self.jobs[head].processors > self.free:
            for i in sorted(self.waiting) if self.backfilling else []:
                job = self.jobs[i]
                if i != head and job.processors <= self.free and self.now + job.requested < deadline:
                    self._start(i)
            self._next_event()
        self._start(head)

    def _expected_start(self, head: int) -> float:
        free, when = self.free, self.now
        for end, i in sorted((self.started[i] + self.jobs[i].requested, i) for i in self.running):
            if free >= self.jobs[head].processors:
                break
            free, when = free + self.jobs[i].processors, end
        return when

    def _start(self, i: int) -> None:
        self.started[i] = self.now
        self.free -= self.jobs[i].processors
        self.waiting.remove(i)
        self.running.append(i)

    def _next_event(self) -> None:
        """One submission or one end; a submission first, where both are at the same time."""
        ends = min(((self.started[i] + self.jobs[i].run, i) for i in self.running), default=(math.inf, -1))
        if self.submitted < len(self.jobs) and self.jobs[self.submitted].submit <= ends[0]:
            self.now = self.jobs[self.submitted].submit
            self.waiting.append(self.submitted)
            self.submitted += 1
        else:
            self.now = ends[0]
            self.running.remove(ends[1])
            self.free += self.jobs[ends[1]].processors
