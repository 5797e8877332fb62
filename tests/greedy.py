"""The simplest correct player, for tests of what reads event logs: whenever anything happens, every ready task that fits starts.

Written from ``docs/world.md`` with plain Python numbers; it neither reserves nor negotiates.
"""

from __future__ import annotations

import heapq
import math

import numpy as np

from envs.events import NONE, EventKind
from envs.scenario import Scenario
from envs.workloads.instance import Instance
from tests.by_hand import event_log

_END, _UP, _DOWN, _ARRIVAL, _RETRY = range(5)
_WORD = 2**64


def _mix(z: int) -> int:
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % _WORD
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % _WORD
    return z ^ (z >> 31)


def uniform(seed: int, what: int, index: int, attempt: int) -> float:
    """One draw in (0, 1)."""
    h = _mix((seed + 0x9E3779B97F4A7C15) % _WORD)
    for part in (what, index, attempt):
        h = _mix(((h ^ part) + 0x9E3779B97F4A7C15) % _WORD)
    return ((h >> 11) + 0.5) * 2.0**-53


class Greedy:
    """One episode, played as it is made; ``log`` has its events."""

    def __init__(self, scenario: Scenario, instance: Instance, seed: int) -> None:
        self.u, self.i, self.seed = scenario.uncertainty, instance, seed
        i = instance
        self.now, self.rows, self.due = 0.0, [], []
        self.job_of = i.job_of_task().tolist()
        self.open = np.bincount(i.successor, minlength=i.num_tasks)
        self.local, self.shared = i.local_capacity.copy(), i.shared_capacity.copy()
        self.starts, self.failures = [0] * i.num_tasks, [0] * i.num_tasks
        self.progress, self.left = [0.0] * i.num_tasks, np.diff(i.job_first).tolist()
        self.ready: set[int] = set()
        self.running: dict[int, tuple[int, float, float, bool, float]] = {}
        self.over: set[int] = set()
        self.down: set[int] = set()
        self.breakdowns = [0] * i.num_agents
        for job, release in enumerate(i.job_release.tolist()):
            self._at(release, _ARRIVAL, job)
        for agent in range(i.num_agents):
            self._breaks(agent)
        while len(self.over) < i.num_jobs and self.due[0][0] <= scenario.limits.max_time:
            self.now = self.due[0][0]
            while self.due and self.due[0][0] == self.now:
                _, what, index, stamp = heapq.heappop(self.due)
                (self._end, self._up, self._break, self._arrive, self._retry)[what](index, stamp)
            for task in sorted(self.ready):
                self._start(task)
        if len(self.over) < i.num_jobs:
            self.now = scenario.limits.max_time
            self._note(EventKind.TRUNCATED)
        self.log = event_log(self.rows)

    def _at(self, time: float, what: int, index: int, stamp: int = 0) -> None:
        if math.isfinite(time):
            heapq.heappush(self.due, (time, what, index, stamp))

    def _note(self, kind: EventKind, agent: int = NONE, task: int = NONE, value: float = 0.0, job: int = NONE) -> None:
        self.rows.append((self.now, kind, agent, job if task == NONE else self.job_of[task], task, value))

    def _exponential(self, mean: float, what: int, agent: int) -> float:
        return -mean * math.log(uniform(self.seed, what, agent, self.breakdowns[agent]))

    def _demands_shared(self, task: int) -> bool:
        return bool(self.i.task_demand[task][self.i.shared].any())

    def _become_ready(self, task: int) -> None:
        self.ready.add(task)
        self._note(EventKind.TASK_READY, task=task)

    def _breaks(self, agent: int) -> None:
        self._at(self.now + self._exponential(self.u.mean_time_between_failures, 5, agent), _DOWN, agent)

    def _start(self, task: int) -> None:
        i, u, k, demand = self.i, self.u, self.starts[task], self.i.task_demand[task]
        for p in range(i.option_first[task], i.option_first[task + 1]):
            a = int(i.option_agent[p])
            if a not in self.down and np.all(demand <= np.where(i.shared, self.shared, self.local[a])):
                break
        else:
            return
        self.ready.discard(task)
        self.starts[task] += 1
        z = math.sqrt(-2 * math.log(uniform(self.seed, 1, task, k))) * math.cos(
            2 * math.pi * uniform(self.seed, 2, task, k)
        )
        noise = math.exp(u.duration_sigma * z - 0.5 * u.duration_sigma * u.duration_sigma)
        full = float(i.option_nominal[p] * i.task_ratio[task] / i.speed[a, i.task_kind[task]] * noise)
        length, fails = full * (1 - self.progress[task]), uniform(self.seed, 3, task, k) < u.failure_probability
        ends = self.now + length * (uniform(self.seed, 4, task, k) if fails else 1.0)
        self._at(ends, _END, task, k)
        self.local[a] -= np.where(i.shared, 0, demand)
        self.shared -= np.where(i.shared, demand, 0)
        self.running[task] = (a, self.now, full, fails, self.progress[task])
        if self._demands_shared(task):
            self._note(EventKind.ALLOCATION_UPDATE, a, task)
        self._note(EventKind.TASK_START, a, task, ends)

    def _stop(self, kind: EventKind, task: int, value: float = 0.0) -> None:
        a, demand = self.running.pop(task)[0], self.i.task_demand[task]
        self._note(kind, a, task, value)
        self.local[a] += np.where(self.i.shared, 0, demand)
        self.shared += np.where(self.i.shared, demand, 0)
        if self._demands_shared(task):
            self._note(EventKind.RELEASE_NOTIFICATION, a, task)

    def _end(self, task: int, stamp: int) -> None:
        if task not in self.running or stamp != self.starts[task] - 1:
            return
        if self.running[task][3]:
            self._fail(task)
            return
        self._stop(EventKind.TASK_END, task)
        for s in self.i.successor[self.i.successor_first[task] : self.i.successor_first[task + 1]].tolist():
            self.open[s] -= 1
            if self.open[s] == 0:
                self._become_ready(s)
        job = self.job_of[task]
        self.left[job] -= 1
        if self.left[job] == 0:
            self.over.add(job)
            self._note(EventKind.JOB_DONE, job=job)

    def _fail(self, task: int) -> None:
        self.failures[task] += 1
        self.progress[task] = 0.0
        if self.failures[task] < self.u.max_failures:
            self._stop(EventKind.TASK_FAILED, task, self.now + self.u.retry_delay)
            self._at(self.now + self.u.retry_delay, _RETRY, task)
            return
        job = self.job_of[task]
        self._stop(EventKind.TASK_FAILED, task, math.inf)
        for t in range(self.i.job_first[job], self.i.job_first[job + 1]):
            if t in self.running:
                self._stop(EventKind.TASK_INTERRUPTED, t, self.running[t][4])
            self.ready.discard(t)
        self.over.add(job)
        self._note(EventKind.JOB_ABANDONED, job=job)

    def _up(self, agent: int, stamp: int) -> None:
        self.down.discard(agent)
        self._note(EventKind.AGENT_UP, agent)
        self._breaks(agent)

    def _break(self, agent: int, stamp: int) -> None:
        self.down.add(agent)
        self._note(EventKind.AGENT_DOWN, agent)
        self._at(self.now + self._exponential(self.u.mean_time_to_repair, 6, agent), _UP, agent)
        self.breakdowns[agent] += 1
        for task in sorted(t for t, attempt in self.running.items() if attempt[0] == agent):
            _, began, full, _, _ = self.running[task]
            if full > 0:
                self.progress[task] += self.u.kept_progress * ((self.now - began) / full)
            self._stop(EventKind.TASK_INTERRUPTED, task, self.progress[task])
            self._become_ready(task)

    def _arrive(self, job: int, stamp: int) -> None:
        self._note(EventKind.TASK_SUBMISSION, job=job)
        for t in range(self.i.job_first[job], self.i.job_first[job + 1]):
            if self.open[t] == 0:
                self._become_ready(t)

    def _retry(self, task: int, stamp: int) -> None:
        if self.job_of[task] not in self.over:
            self._become_ready(task)
