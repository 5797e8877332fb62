"""Follows a log event by event, keeps the state that it implies, and notes where an event cannot follow from the ones before."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import Final, NamedTuple

import numpy as np

from envs.events import NONE, EventKind, EventLog
from envs.scenario import Scenario
from envs.validate import draws
from envs.validate.fields import unreadable
from envs.validate.ledger import Ledger
from envs.workloads.instance import Instance

TIME_TOLERANCE: Final = 1e-12
"""Relative: mathematical libraries differ in the last bit of log, exp and cos."""

PENDING, READY, RUNNING, INTERRUPTED = "pending", "ready", "running", "interrupted"
RETRYING, DONE, ABANDONED = "waiting to be retried", "done", "abandoned"


class Attempt(NamedTuple):
    """A task that runs."""

    agent: int
    began: float
    full: float
    """Seconds that it would take from progress 0."""
    ends: float
    fails: bool


def _differ(x: float, y: float) -> bool:
    return not math.isclose(x, y, rel_tol=TIME_TOLERANCE, abs_tol=TIME_TOLERANCE)


class Replay:
    """One episode. Whatever a ``due_`` table holds at the end should have happened and did not."""

    def __init__(self, scenario: Scenario, instance: Instance, seed: int) -> None:
        self.scenario, self.uncertainty, self.seed = scenario, scenario.uncertainty, int(seed)
        self.instance = i = instance
        self.violations: list[str] = []
        self.place, self.now, self.truncated = "", 0.0, False
        self.ledger = Ledger(i, scenario.negotiation, self.bad)
        self.job_first, self.successor_first, self.successor = (
            i.job_first.tolist(),
            i.successor_first.tolist(),
            i.successor.tolist(),
        )
        self.state = [PENDING] * i.num_tasks
        self.open = np.bincount(i.successor, minlength=i.num_tasks).tolist()
        self.unfinished = np.diff(i.job_first).tolist()
        self.running: dict[int, Attempt] = {}
        self.progress: defaultdict[int, float] = defaultdict(float)
        self.failures: Counter[int] = Counter()
        self.job_over: dict[int, float] = {}
        self.abandoned: list[int] = []
        self.submitted: set[int] = set()
        self.down: dict[int, float] = {}
        """Agents that are down, and how long they will stay up after their repair."""
        self.fallen: list[int] = []
        """Agents that broke down at this very instant."""
        self.due_ready: dict[int, float] = {}
        self.due_job: dict[int, tuple[EventKind, float]] = {}
        self.due_agent = draws.first_breakdowns(self.seed, i.num_agents, self.uncertainty)

    def bad(self, message: str) -> None:
        self.violations.append(self.place + message)

    def run(self, log: EventLog) -> bool:
        """Follow the events one by one; False, and nothing but that is reported, where fields are out of range."""
        self.violations += unreadable(self.instance, log)
        if self.violations:
            return False
        i = self.instance
        # Options ascend by (task, agent), so that one search finds those of all events.
        options = np.repeat(np.arange(i.num_tasks), np.diff(i.option_first)) * i.num_agents + i.option_agent
        wanted = log.task.astype(np.int64) * i.num_agents + log.agent
        option = np.minimum(np.searchsorted(options, wanted), options.size - 1)
        ineligible = ((options[option] != wanted) & (log.task != NONE) & (log.agent != NONE)).tolist()
        starts = log.kind == EventKind.TASK_START
        nominal = i.option_nominal[option[starts]]
        self.attempts = draws.attempts(self.seed, log.task[starts], log.agent[starts], nominal, i, self.uncertainty)
        self.outages = draws.outages(self.seed, log.agent[log.kind == EventKind.AGENT_DOWN], self.uncertainty)
        handlers = {kind.value: getattr(self, f"_{kind.name.lower()}") for kind in EventKind}
        names = {kind.value: kind.name for kind in EventKind}
        columns = (column.tolist() for column in log)
        for n, (time, kind, agent, job, task, value) in enumerate(zip(*columns, strict=True)):
            self.place = f"event {n} ({names[kind]} at {time!r} s, agent {agent}, job {job}, task {task}): "
            if self.truncated:
                self.bad("it comes after the truncation")
            if time != self.now:
                self._pass(time)
            if ineligible[n]:
                self.bad("the agent is no option of the task")
            handlers[kind](agent, job, task, value)
        self.place = f"at the end ({self.now!r} s): "
        self._finish()
        return True

    def _pass(self, time: float) -> None:
        """Time moves on: what an instant causes at once must have happened."""
        if time < self.now:
            self.bad(f"time goes back, from {self.now!r}")
        if len(self.job_over) == self.instance.num_jobs:
            self.bad("every job was over before")
        self._check_fallen()
        self.now = time

    def _check_fallen(self) -> None:
        for task, attempt in self.running.items() if self.fallen else ():
            if attempt.agent in self.fallen:
                self.bad(f"agent {attempt.agent} broke down at {self.now!r}, but its task {task} was not interrupted")
        self.fallen.clear()

    def _task_submission(self, agent: int, job: int, task: int, value: float) -> None:
        if job in self.submitted:
            self.bad("the job was submitted before")
        release = float(self.instance.job_release[job])
        if self.now != release:
            self.bad(f"the job is released at {release!r}")
        self.submitted.add(job)
        for t in range(self.job_first[job], self.job_first[job + 1]):
            if self.open[t] == 0:
                self.due_ready[t] = self.now

    def _task_ready(self, agent: int, job: int, task: int, value: float) -> None:
        due = self.due_ready.pop(task, None)
        if due is None:
            self.bad(f"nothing made the task ready; it is {self.state[task]}")
        elif _differ(due, self.now):
            self.bad(f"the task was to become ready at {due!r}")
        self.state[task] = READY

    def _task_start(self, agent: int, job: int, task: int, value: float) -> None:
        full, share, fails = next(self.attempts)
        if self.state[task] != READY:
            self.bad(f"the task is {self.state[task]}, not ready")
        if self.open[task]:
            self.bad(f"{self.open[task]} of its predecessors have not ended")
        if agent in self.down:
            self.bad("the agent is down")
        if self.ledger.units(task) and self.ledger.held.get(task) != (agent, self.now):
            self.bad("it starts without its leases")
        self.ledger.take_local(agent, task)
        self.state[task] = RUNNING
        ends = self.now + full * (1.0 - self.progress[task]) * share
        self.running[task] = Attempt(agent, self.now, full, ends, fails)

    def _stop(self, agent: int, task: int, state: str) -> Attempt:
        """End the attempt that runs; of one that does not run, report that and pretend it did."""
        attempt = self.running.pop(task, None)
        if attempt is None:
            self.bad(f"the task is {self.state[task]}, not running")
            return Attempt(agent, self.now, 0.0, self.now, state == RETRYING)
        if attempt.agent != agent:
            self.bad(f"the task runs at agent {attempt.agent}")
        self.ledger.return_local(attempt.agent, task, self.now)
        self.state[task] = state
        if attempt.fails != (state == RETRYING) and state != INTERRUPTED:
            self.bad(f"the attempt was drawn to {'fail' if attempt.fails else 'succeed'}")
        if _differ(attempt.ends, self.now) if state != INTERRUPTED else attempt.ends < self.now:
            self.bad(f"the attempt, begun at {attempt.began!r}, was drawn to last until {attempt.ends!r}")
        return attempt

    def _task_end(self, agent: int, job: int, task: int, value: float) -> None:
        self._stop(agent, task, DONE)
        for s in self.successor[self.successor_first[task] : self.successor_first[task + 1]]:
            self.open[s] -= 1
            if self.open[s] == 0:
                self.due_ready[s] = self.now
        self.unfinished[job] -= 1
        if self.unfinished[job] == 0:
            self.due_job[job] = (EventKind.JOB_DONE, self.now)

    def _task_failed(self, agent: int, job: int, task: int, value: float) -> None:
        self._stop(agent, task, RETRYING)
        self.failures[task] += 1
        self.progress[task] = 0.0
        if self.failures[task] >= self.uncertainty.max_failures:
            retry = math.inf
            self.due_job[job] = (EventKind.JOB_ABANDONED, self.now)
        else:
            retry = self.now + self.uncertainty.retry_delay
            self.due_ready[task] = retry
        if _differ(value, retry):
            self.bad(f"failure {self.failures[task]} of the task names {value!r} as its retry, expected {retry!r}")

    def _task_interrupted(self, agent: int, job: int, task: int, value: float) -> None:
        attempt = self._stop(agent, task, INTERRUPTED)
        if self.due_job.get(job) != (EventKind.JOB_ABANDONED, self.now):
            if agent not in self.fallen:
                self.bad("neither a breakdown nor an abandonment stops the task")
            self.due_ready[task] = self.now
            if attempt.full > 0:
                self.progress[task] += self.uncertainty.kept_progress * ((self.now - attempt.began) / attempt.full)
        if _differ(value, self.progress[task]):
            self.bad(f"the progress kept is {value!r}, expected {self.progress[task]!r}")

    def _job_done(self, agent: int, job: int, task: int, value: float) -> None:
        self._close(EventKind.JOB_DONE, job)

    def _job_abandoned(self, agent: int, job: int, task: int, value: float) -> None:
        self._close(EventKind.JOB_ABANDONED, job)
        self.abandoned.append(job)
        for t in range(self.job_first[job], self.job_first[job + 1]):
            if t in self.running:
                self.bad(f"its task {t} still runs")
            if self.state[t] != DONE:
                self.state[t] = ABANDONED
                self.due_ready.pop(t, None)

    def _close(self, how: EventKind, job: int) -> None:
        due = self.due_job.pop(job, None)
        if due != (how, self.now):
            self.bad("nothing ended the job" if due is None else f"expected {due[0].name} at {due[1]!r}")
        if job in self.job_over:
            self.bad("the job was over before")
        self.job_over.setdefault(job, self.now)

    def _agent_down(self, agent: int, job: int, task: int, value: float) -> None:
        repair, uptime = next(self.outages)
        if agent in self.down:
            self.bad("the agent is down already")
        if _differ(self.due_agent[agent], self.now):
            self.bad(f"its breakdown was drawn for {self.due_agent[agent]!r}")
        self.down[agent] = uptime
        self.due_agent[agent] = self.now + repair
        self.fallen.append(agent)

    def _agent_up(self, agent: int, job: int, task: int, value: float) -> None:
        if agent not in self.down:
            self.bad("the agent is not down")
        elif _differ(self.due_agent[agent], self.now):
            self.bad(f"its recovery was drawn for {self.due_agent[agent]!r}")
        self.due_agent[agent] = self.now + self.down.pop(agent, math.inf)

    def _reservation(self, agent: int, job: int, task: int, value: float) -> None:
        if not self.scenario.reservations.allowed:
            self.bad("the scenario allows no reservations")
        if not value >= self.now:
            self.bad(f"its expected start {value!r} is in the past")
        self._pick(agent, task)

    def _resource_request(self, agent: int, job: int, task: int, value: float) -> None:
        if not self.ledger.units(task):
            self.bad("the task demands no shared units")
        self._pick(agent, task)

    def _pick(self, agent: int, task: int) -> None:
        """A candidate that an agent chose: it is ready, or soon."""
        if agent in self.down:
            self.bad("the agent is down")
        soon = (
            self.state[task] == PENDING and self.open[task] == 1 and any(task in self._after(u) for u in self.running)
        )
        if self.state[task] != READY and not soon:
            self.bad(f"the task is {self.state[task]}, neither ready nor about to be")

    def _after(self, task: int) -> list[int]:
        successors: list[int] = self.successor[self.successor_first[task] : self.successor_first[task + 1]]
        return successors

    def _allocation_update(self, agent: int, job: int, task: int, value: float) -> None:
        self.ledger.allocate(agent, task, self.now, value)

    def _release_notification(self, agent: int, job: int, task: int, value: float) -> None:
        self.ledger.release(agent, task, self.now)

    def _truncated(self, agent: int, job: int, task: int, value: float) -> None:
        self.truncated = True

    def _finish(self) -> None:
        """The log ends: everything must be over, or, where it was cut off, nothing may be overdue."""
        self._check_fallen()
        last = self.now * (1.0 - TIME_TOLERANCE) if self.truncated else math.inf
        if self.now > self.scenario.limits.max_time:
            self.bad(f"the episode was to be cut off at {self.scenario.limits.max_time!r} s")
        if self.truncated and len(self.job_over) == self.instance.num_jobs:
            self.bad("the episode was cut off, but every job was over")
        # A queue that blocks decides, and may be cut off, between two events of one instant.
        until = math.nextafter(self.now, -1.0) if self.scenario.reservations.blocking else self.now
        for job in range(self.instance.num_jobs):
            release = float(self.instance.job_release[job])
            if job not in self.submitted and (not self.truncated or release <= until):
                self.bad(f"job {job}, released at {release!r}, was not submitted")
            elif job in self.submitted and job not in self.job_over and not self.truncated:
                self.bad(f"job {job} is not over")
        for task, attempt in self.running.items():
            if attempt.ends < last:
                self.bad(f"task {task} of agent {attempt.agent} was to stop at {attempt.ends!r}")
        for task, time in self.due_ready.items():
            if time < last:
                self.bad(f"task {task} was to become ready at {time!r}")
        for job, (kind, time) in self.due_job.items():
            self.bad(f"job {job} has no {kind.name}, due at {time!r}")
        for task, (agent, since) in self.ledger.held.items():
            if task not in self.running:
                self.bad(f"agent {agent} has not returned the leases of task {task}, held since {since!r}")
        for agent, time in enumerate(self.due_agent):
            if time < self.now * (1.0 - TIME_TOLERANCE):
                self.bad(
                    f"the {'recovery' if agent in self.down else 'breakdown'} of agent {agent}, drawn for {time!r}, did not happen"
                )
