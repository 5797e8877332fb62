"""Where a run stands. It is moved by messages alone, so that whoever has kept them can put it where it was."""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from agents.operation.messages.messages import (
    AlertNotification,
    CompletionNotification,
    HealthStatus,
    Message,
    StatusUpdate,
    TaskSubmission,
)
from agents.operation.site.conversion import observe
from agents.operation.site.problems import Problem, SituationError, shown
from agents.operation.site.situation import Job, Reservation, Seen, Situation, Task

REMEMBERED: Final = 60
"""Tasks of jobs that are over, which situations go on to have: policies compare what is to do with what has been done."""


@dataclass
class Run:
    """An attempt that runs."""

    agent: str
    since: float
    expected: float | None
    number: int


@dataclass
class TaskState:
    """A task of a run."""

    index: int
    job: str
    task: Task
    state: Literal["waiting", "running", "done", "failed", "blocked"] = "waiting"
    """Failed: it is not tried again. Blocked: it comes after such a one."""
    failed: int = 0
    attempts: int = 0
    runs: list[Run] = field(default_factory=list)
    """The first is the one that decisions see as the task's."""
    agent: str | None = None
    since: float | None = None
    until: float | None = None
    detail: str = ""
    """Why it failed, or cannot start."""
    ready: float | None = None
    """When a failed attempt may be followed by the next."""

    @property
    def name(self) -> str:
        """As people write it."""
        return f"{self.job}/{self.task.name}"

    @property
    def is_over(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self.state in ("done", "failed", "blocked")


class RunState:
    """All tasks of a run, who is up, and what was learned."""

    def __init__(self, situation: Situation) -> None:
        """Take a situation in which nothing runs.

        Raises:
            SituationError: something does.
        """
        self.first = situation
        self.now = situation.time
        self.tasks: dict[tuple[str, str], TaskState] = {}
        self.jobs: dict[str, Job] = {job.name: job for job in situation.jobs}
        self.up: dict[str, bool] = {agent.name: agent.up for agent in situation.agents}
        self.arrived: set[str] = set()
        self.done_jobs: dict[str, float] = {}
        """When each was done."""
        self.reservations: list[Reservation] = list(situation.reservations)
        self.price = situation.price
        self.balances = dict(situation.balances)
        self.avoided: set[str] = set()
        """Agents that are up and get nothing to do, for now."""
        self.weights: dict[str, float] = {}
        """By which factor a job counts more than its file says."""
        self._history = {(seen.agent, seen.kind): seen for seen in situation.history}
        self.changes = Counter[str]()
        """How often a job has changed."""
        self.open: dict[str, None] = dict.fromkeys(self.jobs)
        """Jobs of which something may still happen."""
        self.remembered: dict[str, None] = dict.fromkeys(self.jobs)
        """Jobs that are open, and the last ones that are not."""
        self._closed: deque[str] = deque()
        self._closed_tasks = 0
        self._running: dict[tuple[str, str], TaskState] = {}
        self._runs = Counter[str]()
        self._left = {job.name: len(job.tasks) for job in situation.jobs}
        self._delayed: list[TaskState] = []
        for j, job in enumerate(situation.jobs):
            for t, task in enumerate(job.tasks):
                if task.state == "running":
                    what = "waiting or done, as nobody here has started it"
                    raise SituationError([Problem("is_running", f"jobs[{j}].tasks[{t}].state", "'running'", what)])
                self.tasks[job.name, task.name] = TaskState(
                    len(self.tasks), job.name, task, task.state, task.failed, 0, [], task.agent, task.since, task.until
                )
                self._left[job.name] -= task.state == "done"
            if all(task.state == "done" for task in self.of(job.name)):
                self.done_jobs[job.name] = self.now
                self._close(job.name)

    def apply(self, message: Message) -> None:
        """Move on by what happened; messages about other things change nothing.

        Raises:
            SituationError: it is about a job, task or agent that does not exist.
        """
        self.now = max(self.now, message.time)
        match message:
            case TaskSubmission(job=job):
                self.arrived.add(self._known(job, self.jobs, "job"))
                self.changes[job] += 1
            case StatusUpdate(state="started", job=str(), task=str(), agent=str()):
                self._start(self._task(message), message)
            case StatusUpdate(state="stopped", job=str(), task=str(), agent=str()):
                self._stop(self._task(message), message.agent)
            case AlertNotification(alert="interrupted", job=str(), task=str()):
                self._stop(self._task(message), message.agent)
            case CompletionNotification(task=str()):
                self._complete(self._task(message), message)
            case AlertNotification(alert="failed", job=str(), task=str(), agent=str()):
                self._fail(self._task(message), message)
            case HealthStatus(agent=agent, up=up):
                self.up[self._known(agent, self.up, "agent")] = up

    @staticmethod
    def _known(name: str, known: Any, what: str) -> str:
        if name not in known:
            raise SituationError(
                [
                    Problem(
                        f"unknown_{what}",
                        what,
                        shown(name),
                        f"the name of {'an' if what == 'agent' else 'a'} {what} of this run",
                    )
                ]
            )
        return name

    def _task(self, message: Any) -> TaskState:
        self._known(message.job, self.jobs, "job")
        if (message.job, message.task) not in self.tasks:
            raise SituationError(
                [Problem("unknown_task", "task", shown(message.task), f"the name of a task of job {message.job!r}")]
            )
        if message.agent is not None:
            self._known(message.agent, self.up, "agent")
        self.changes[message.job] += 1
        return self.tasks[message.job, message.task]

    def _start(self, task: TaskState, message: StatusUpdate) -> None:
        assert message.agent is not None
        task.attempts += 1
        task.runs.append(Run(message.agent, message.time, message.expected, task.attempts))
        self._runs[task.job] += not task.runs[1:]
        task.state = "running"
        self._running[task.job, task.task.name] = task

    def _stop(self, task: TaskState, agent: str | None) -> None:
        task.runs = [run for run in task.runs if run.agent != agent]
        if task.state == "running" and not task.runs:
            task.state = "waiting"
            self._runs[task.job] -= 1
            del self._running[task.job, task.task.name]

    def _complete(self, task: TaskState, message: CompletionNotification) -> None:
        if task.state == "done":
            return
        if self._running.pop((task.job, task.task.name), None) is not None:
            self._runs[task.job] -= 1
        self._left[task.job] -= 1
        run = next((run for run in task.runs if run.agent == message.agent), None)
        since = run.since if run is not None else message.time - message.took if message.took is not None else None
        task.state, task.agent, task.since, task.until, task.runs = "done", message.agent, since, message.time, []
        if not self._left[task.job] and all(other.state == "done" for other in self.of(task.job)):
            self.done_jobs[task.job] = message.time
            self._close(task.job)

    def _fail(self, task: TaskState, message: AlertNotification) -> None:
        assert message.agent is not None
        self._stop(task, message.agent)
        task.failed += 1
        task.detail, task.ready = message.detail, message.retry
        if message.retry is not None and message.retry > self.now:
            self._delayed.append(task)
        self._learn(message.agent, task.task.kind, failures=1)
        if message.retry is None and task.state != "done":
            task.state = "failed"
            self._left[task.job] -= 1
            self._block(task)
            self._close(task.job)

    def _block(self, failed: TaskState) -> None:
        """Have everything that comes after a failed task wait for ever."""
        gone = {failed.task.name}
        changed = True
        while changed:
            changed = False
            for other in self.of(failed.job):
                if other.state == "waiting" and not gone.isdisjoint(other.task.predecessors):
                    other.state, other.detail = "blocked", f"comes after {failed.task.name}, which failed"
                    gone.add(other.task.name)
                    self._left[failed.job] -= 1
                    changed = True

    def _close(self, job: str) -> None:
        """Once all tasks of a job are over, it counts among the last ones; of older ones, only what they have taught is kept."""
        if self._left[job]:
            return
        del self.open[job]
        self._closed.append(job)
        self._closed_tasks += len(self.jobs[job].tasks)
        while self._closed_tasks > REMEMBERED:
            oldest = self._closed.popleft()
            self._closed_tasks -= len(self.jobs[oldest].tasks)
            self._forget(oldest)

    def _forget(self, job: str) -> None:
        del self.remembered[job]
        for each in self.of(job):
            if each.state == "done" and each.agent in self.up and each.since is not None and each.until is not None:
                nominal = self.first.options.of(each.task).get(each.agent, 0.0)
                if nominal > 0 and each.until > each.since:
                    self._learn(each.agent, each.task.kind, math.log((each.until - each.since) / nominal))

    def _learn(self, agent: str, kind: str, x: float | None = None, failures: int = 0) -> None:
        seen = self._history.get((agent, kind)) or Seen(agent=agent, kind=kind)
        known = [float(seen.count), seen.mean, seen.m2]
        for each in [*map(math.log, seen.ratios), *([x] if x is not None else [])]:
            observe(known, each)
        self._history[agent, kind] = Seen(
            agent=agent, kind=kind, count=int(known[0]), mean=known[1], m2=known[2], failures=seen.failures + failures
        )

    def of(self, job: str) -> list[TaskState]:
        """The tasks of a job."""
        return [self.tasks[job, task.name] for task in self.jobs[job].tasks]

    def after(self, task: TaskState) -> list[TaskState]:
        """The tasks of its job that come after a task, directly or not."""
        names, found = {task.task.name}, -1
        while found < len(names):
            found = len(names)
            names |= {other.task.name for other in self.of(task.job) if names.intersection(other.task.predecessors)}
        return [other for other in self.of(task.job) if other.task.name in names and other is not task]

    @property
    def history(self) -> list[Seen]:
        """What was learned of agents and kinds, but for what remembered jobs tell."""
        return list(self._history.values())

    @property
    def open_jobs(self) -> list[str]:
        """Names of jobs of which something may still happen."""
        return list(self.open)

    def left_of(self, job: str) -> int:
        """How many tasks of a job are not over."""
        return self._left[job]

    def runs_of(self, job: str) -> int:
        """How many tasks of a job run."""
        return self._runs[job]

    @property
    def running(self) -> list[tuple[TaskState, Run]]:
        """All attempts that run."""
        return [(task, run) for task in self._running.values() for run in task.runs]

    def weigh(self, job: str, factor: float) -> None:
        """Have a job count more, or less, than its file says."""
        self.weights[job] = factor
        self.changes[job] += 1

    def next_release(self) -> float | None:
        """When the next job comes, or the next failed task may be tried again; in the past where it could have by now."""
        coming = [self.jobs[job].release for job in self.open_jobs if job not in self.arrived]
        self._delayed = [task for task in self._delayed if task.ready is not None and task.ready > self.now]
        coming += [task.ready for task in self._delayed if task.ready is not None]
        return min(coming, default=None)
