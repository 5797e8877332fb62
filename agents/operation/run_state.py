"""Where a run stands. It is moved by messages alone, so that whoever has kept them can put it where it was."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from agents.operation.conversion import observe
from agents.operation.messages import (
    AlertNotification,
    CompletionNotification,
    HealthStatus,
    Message,
    StatusUpdate,
    TaskSubmission,
)
from agents.operation.problems import Problem, SituationError, shown
from agents.operation.situation import Agent, Job, Reservation, Seen, Situation, Task

COPY: Final = " (copy)"
"""Behind the name of a job of which a second attempt at a task runs: agents see what it holds, and decide nothing about it."""

REMEMBERED: Final = 200
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
        self._made: dict[str, Job] = {}
        """Jobs as situations have them, while they do not change."""
        self._open: dict[str, None] = dict.fromkeys(self.jobs)
        self._shown: dict[str, None] = dict.fromkeys(self.jobs)
        """Jobs that situations have: the open ones, and the last ones that are not."""
        self._closed: deque[str] = deque()
        self._remembered = 0
        self._running: dict[tuple[str, str], TaskState] = {}
        self._delayed: list[TaskState] = []
        for j, job in enumerate(situation.jobs):
            for t, task in enumerate(job.tasks):
                if task.state == "running":
                    what = "waiting or done, as nobody here has started it"
                    raise SituationError([Problem("is_running", f"jobs[{j}].tasks[{t}].state", "'running'", what)])
                self.tasks[job.name, task.name] = TaskState(
                    len(self.tasks), job.name, task, task.state, task.failed, 0, [], task.agent, task.since, task.until
                )
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
                self._made.pop(job, None)
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
        self._made.pop(message.job, None)
        return self.tasks[message.job, message.task]

    def _start(self, task: TaskState, message: StatusUpdate) -> None:
        assert message.agent is not None
        task.attempts += 1
        task.runs.append(Run(message.agent, message.time, message.expected, task.attempts))
        task.state = "running"
        self._running[task.job, task.task.name] = task

    def _stop(self, task: TaskState, agent: str | None) -> None:
        task.runs = [run for run in task.runs if run.agent != agent]
        if task.state == "running" and not task.runs:
            task.state = "waiting"
            del self._running[task.job, task.task.name]

    def _complete(self, task: TaskState, message: CompletionNotification) -> None:
        if task.state == "done":
            return
        self._running.pop((task.job, task.task.name), None)
        run = next((run for run in task.runs if run.agent == message.agent), None)
        since = run.since if run is not None else message.time - message.took if message.took is not None else None
        task.state, task.agent, task.since, task.until, task.runs = "done", message.agent, since, message.time, []
        if all(other.state == "done" for other in self.of(task.job)):
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
                    changed = True

    def _close(self, job: str) -> None:
        """Once all tasks of a job are over, it counts among the last ones; of older ones, only what they have taught is kept."""
        if any(not task.is_over for task in self.of(job)):
            return
        del self._open[job]
        self._closed.append(job)
        self._remembered += len(self.jobs[job].tasks)
        while self._remembered > REMEMBERED:
            oldest = self._closed.popleft()
            self._remembered -= len(self.jobs[oldest].tasks)
            self._forget(oldest)

    def _forget(self, job: str) -> None:
        self._made.pop(job, None)
        del self._shown[job]
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

    @property
    def open_jobs(self) -> list[str]:
        """Jobs of which something may still happen."""
        return list(self._open)

    @property
    def running(self) -> list[tuple[TaskState, Run]]:
        """All attempts that run."""
        return [(task, run) for task in self._running.values() for run in task.runs]

    def weigh(self, job: str, factor: float) -> None:
        """Have a job count more, or less, than its file says."""
        self.weights[job] = factor
        self._made.pop(job, None)

    def next_release(self) -> float | None:
        """When the next job comes, or the next failed task may be tried again; in the past where it could have by now."""
        coming = [self.jobs[job].release for job in self.open_jobs if job not in self.arrived]
        self._delayed = [task for task in self._delayed if task.ready is not None and task.ready > self.now]
        coming += [task.ready for task in self._delayed if task.ready is not None]
        return min(coming, default=None)

    def situation(self, *, without_those_down: bool = False) -> Situation | None:
        """Return what is to be decided about now, or None where nothing is.

        Args:
            without_those_down: as if agents that are down did not exist, for where nobody expects them back.
        """
        agents = [self._agent(agent) for agent in self.first.agents]
        if without_those_down:
            agents = [agent for agent in agents if agent.up]
        names = {agent.name for agent in agents}
        if not self._open:
            return None
        jobs = [told for job in self._shown if (told := self._job(job, names)) is not None]
        jobs += self._copies()
        if not jobs or not agents:
            return None
        return Situation.model_construct(
            version=1,
            time=self.now,
            resources=self.first.resources,
            agents=agents,
            jobs=jobs,
            history=[seen for seen in self._history.values() if seen.agent in names],
            reservations=[] if without_those_down else self._standing(),
            price=self.price,
            balances={name: left for name, left in self.balances.items() if name in names},
        )

    def _agent(self, agent: Agent) -> Agent:
        up = self.up[agent.name] and agent.name not in self.avoided
        return agent if agent.up == up else agent.model_copy(update={"up": up})

    def _job(self, name: str, agents: set[str]) -> Job | None:
        whole = len(agents) == len(self.up)
        if whole and name in self._made:
            return self._made[name]
        job = self.jobs[name]
        tasks = [told for each in self.of(name) if (told := self._told(each, agents)) is not None]
        kept = {task.name for task in tasks}
        while whole_chain := [task for task in tasks if not kept.issuperset(task.predecessors)]:
            kept -= {task.name for task in whole_chain}
            tasks = [task for task in tasks if task.name in kept]
        if not tasks:
            return None
        made = job.model_copy(
            update={
                "tasks": tasks,
                "arrived": name in self.arrived,
                "weight": job.weight * self.weights.get(name, 1.0),
                "owner": job.owner if job.owner in agents else None,
            }
        )
        if whole and not any(each.ready and each.ready > self.now for each in self.of(name)):
            self._made[name] = made
        return made

    def _told(self, each: TaskState, agents: set[str]) -> Task | None:
        """A task as a situation has it, or None where nothing can be decided about it."""
        if each.state in ("failed", "blocked"):
            return None
        if each.state == "waiting":
            if each.ready is not None and each.ready > self.now:
                return None
            if len(agents) < len(self.up):
                may = {name: s for name, s in self.first.options.of(each.task).items() if name in agents}
                return each.task.model_copy(update={"eligible": may, "failed": each.failed}) if may else None
            return (
                each.task.model_copy(update={"failed": each.failed}) if each.failed != each.task.failed else each.task
            )
        if each.state == "running":
            run = each.runs[0]
            change = {"state": "running", "agent": run.agent, "since": run.since}
        else:
            change = {"state": "done", "agent": each.agent, "since": each.since, "until": each.until}
            if each.agent not in agents:
                change = {"state": "done", "until": each.until}
        return each.task.model_copy(update={**change, "failed": each.failed})

    def _copies(self) -> list[Job]:
        """Second attempts, as jobs of their own."""
        return [
            Job(
                name=f"{task.job}{COPY} {task.task.name}"[:200],
                release=run.since,
                arrived=True,
                tasks=[
                    task.task.model_copy(
                        update={"state": "running", "agent": run.agent, "since": run.since, "predecessors": []}
                    )
                ],
            )
            for task in self.tasks.values()
            for run in task.runs[1:]
        ]

    def _standing(self) -> list[Reservation]:
        return [
            held
            for held in self.reservations
            if self.tasks[held.job, held.task].state == "waiting"
            and self.up[held.agent]
            and held.agent not in self.avoided
        ]
