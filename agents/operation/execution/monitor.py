"""The monitor: how far every job is, when it will be done, how agents are, and what somebody may want to look into."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from agents.operation.execution.adjusting import Interval
from agents.operation.execution.overseers import Action
from agents.operation.execution.overview import AgentHealth, JobProgress, Overview
from agents.operation.execution.pace import Pace
from agents.operation.execution.run_state import RunState, TaskState
from agents.operation.execution.thresholds import Adjusting, Thresholds
from agents.operation.execution.view import View
from agents.operation.messages.messages import (
    AlertNotification,
    CompletionNotification,
    HealthStatus,
    Message,
    MetricStream,
    StatusUpdate,
)
from agents.operation.planning.planning import ExecutionPlan, JobPlan
from agents.operation.site.situation import Situation


class Planner(Protocol):
    """Looks ahead."""

    def plan_task_execution(self, situation: Situation, *, seconds: float, futures: int) -> ExecutionPlan:
        """Return a plan."""


@dataclass
class _Agent:
    running: int = 0
    done: int = 0
    failed: int = 0
    heard: float = 0.0
    busy: float = 0.0
    since: float = 0.0
    """When it began to run something."""
    last: deque[bool] = field(default_factory=deque)
    """Whether the last attempts failed."""


FIRST_FORECAST: Final = 2.0
"""Seconds from the beginning of a run, which has other things to do at first."""
FORECAST_SECONDS: Final = 1.0
FORECAST_FUTURES: Final = 32


class Monitor:
    """Watches one run.

    Args:
        thresholds: when it speaks up.
        planner: forecasts, in a thread of its own; None: there are no forecasts.
        adjusting: within which bounds the time between two looks follows what runs; by default it stays.
    """

    def __init__(
        self, thresholds: Thresholds | None = None, planner: Planner | None = None, adjusting: Adjusting | None = None
    ) -> None:
        self.thresholds = thresholds or Thresholds()
        self._interval = Interval(self.thresholds.every, adjusting or Adjusting(adjusts=False))
        self.pace = Pace()
        self._planner = planner
        self._pool = ThreadPoolExecutor(1, "forecast") if planner is not None else None
        self._forecast: Future[ExecutionPlan] | None = None
        self._plans: dict[str, JobPlan] = {}
        self._agents: dict[str, _Agent] = {}
        self._kinds: dict[str, deque[bool]] = {}
        self._standing: dict[tuple[str, str], AlertNotification] = {}
        self._heard: list[Message] = []
        self._began: float | None = None
        self._next = self._next_metrics = -math.inf
        self._next_forecast = math.inf

    def take(self, message: Message) -> None:
        """Hear a message; what it means is found out at the next look."""
        if isinstance(message, StatusUpdate | CompletionNotification | AlertNotification | HealthStatus):
            self._heard.append(message)

    def close(self) -> None:
        """End forecasts."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def next_look(self) -> float | None:
        """When to look though nothing has happened."""
        return self._next

    def look(self, state: RunState) -> tuple[Sequence[Message], Sequence[Action]]:
        """Take in what was heard; return new alerts, and numbers from time to time."""
        if self._began is None:
            self._began = state.now
            self._next_forecast = state.now + FIRST_FORECAST
            for name in state.up:
                self._agents[name] = _Agent(heard=state.now)
            for seen in state.first.history:
                self.pace.know(seen)
        now = state.now
        if now < self._next:
            return (), ()
        for message in self._heard:
            self._take_in(state, message)
        self._heard.clear()
        said: list[Message] = []
        if reason := self._interval.adjust(state, self.pace):
            said.append(StatusUpdate(time=now, state="adjusted", detail=reason))
        self._next = now + self._interval.every
        if self._look_ahead(state):
            said += [self._forecast_metrics(now)]
        found = {(alert.alert, _subject(alert)): alert for alert in self._alerts(state)}
        said += [alert for key, alert in found.items() if key not in self._standing]
        self._standing = found
        if now >= self._next_metrics:
            self._next_metrics = now + self.thresholds.metrics_every
            said.append(self._metrics(state))
        return said, ()

    def _take_in(self, state: RunState, message: Message) -> None:
        agent = self._agents.get(getattr(message, "agent", None) or "")
        if agent is None:
            return
        agent.heard = message.time
        ended = False
        match message:
            case StatusUpdate(state="started"):
                agent.since = message.time if not agent.running else agent.since
                agent.running += 1
            case StatusUpdate(state="stopped", task=str()) | AlertNotification(alert="interrupted"):
                ended = True
            case CompletionNotification(job=job, task=str() as name, agent=str() as who, took=took):
                ended = True
                agent.done += 1
                task = state.tasks[job, name].task
                if took is not None:
                    self.pace.learn(who, task.kind, state.first.options.of(task).get(who, 0.0), took)
                self._count(agent, task.kind, failed=False)
            case AlertNotification(alert="failed", job=str() as job, task=str() as name):
                ended = True
                agent.failed += 1
                self._count(agent, state.tasks[job, name].task.kind, failed=True)
        if ended:
            agent.running -= 1
            if not agent.running:
                agent.busy += message.time - agent.since

    def _count(self, agent: _Agent, kind: str, *, failed: bool) -> None:
        for last in (agent.last, self._kinds.setdefault(kind, deque())):
            last.append(failed)
            if len(last) > self.thresholds.attempts:
                last.popleft()

    def _look_ahead(self, state: RunState) -> bool:
        """Begin a forecast where it is time, and take one that is ready: whether there was one."""
        if self._pool is None or self._planner is None:
            return False
        ready = self._forecast is not None and self._forecast.done()
        if ready and self._forecast is not None:
            if self._forecast.exception() is None:
                self._plans = {plan.job: plan for plan in self._forecast.result().jobs}
            self._forecast = None
        if (
            self._forecast is None
            and state.now >= self._next_forecast
            and (situation := View(state).situation()) is not None
        ):
            self._next_forecast = state.now + self.thresholds.forecast_every
            self._forecast = self._pool.submit(
                self._planner.plan_task_execution, situation, seconds=FORECAST_SECONDS, futures=FORECAST_FUTURES
            )
        return ready

    def stragglers(self, state: RunState) -> Iterator[tuple[TaskState, float, float]]:
        """Yield tasks that run longer than they should: how long, and how long they should at most."""
        for task, run in state.running:
            estimate = state.first.options.of(task.task).get(run.agent, 0.0)
            limit = self.pace.limit(run.agent, task.task.kind, estimate, self.thresholds.straggler)
            if state.now - run.since > limit > 0:
                yield task, state.now - run.since, limit

    def failing_agents(self) -> list[str]:
        """Agents at which most of the last attempts failed, while elsewhere hardly any did."""
        return [name for name, agent in self._agents.items() if self._fails(agent.last) and self.stands_out(name)]

    def stands_out(self, agent: str) -> bool:
        """Whether hardly any of the last attempts failed elsewhere: where they did, it is the tasks, and nobody's fault."""
        others = [failed for name, each in self._agents.items() if name != agent for failed in each.last]
        return bool(others) and sum(others) / len(others) <= self.thresholds.failing / 2

    def attempts_of(self, agent: str) -> int:
        """How many attempts of an agent failed so far."""
        return self._agents[agent].failed

    @property
    def standing(self) -> list[AlertNotification]:
        """Alerts whose reason was there at the last look."""
        return list(self._standing.values())

    def _fails(self, last: deque[bool]) -> bool:
        return len(last) >= self.thresholds.attempts and _share(last) > self.thresholds.failing

    def _alerts(self, state: RunState) -> Iterator[AlertNotification]:
        now = state.now
        for task, past, limit in self.stragglers(state):
            yield AlertNotification(
                time=now,
                alert="straggler",
                job=task.job,
                task=task.task.name,
                agent=task.runs[0].agent,
                value=past,
                limit=limit,
                detail=f"has taken {past:.3g} s, {self.thresholds.straggler:.0%} are done after {limit:.3g} s",
            )
        yield from self._about_jobs(state)
        yield from self._about_agents(state)
        for kind, last in self._kinds.items():
            if self._fails(last):
                yield AlertNotification(
                    time=now,
                    alert="failing_kind",
                    value=_share(last),
                    limit=self.thresholds.failing,
                    detail=f"{sum(last)} of the last {len(last)} attempts at tasks of kind {kind!r} failed",
                )

    def _about_jobs(self, state: RunState) -> Iterator[AlertNotification]:
        now = state.now
        for name in state.open_jobs:
            job, plan = state.jobs[name], self._plans.get(name)
            if job.due is not None and now > job.due:
                yield AlertNotification(
                    time=now,
                    alert="late",
                    severity="error",
                    job=name,
                    value=now,
                    limit=job.due,
                    detail="its due date has passed",
                )
            elif plan is not None and plan.on_time is not None and 1 - plan.on_time > self.thresholds.late:
                yield AlertNotification(
                    time=now,
                    alert="late",
                    job=name,
                    value=1 - plan.on_time,
                    limit=self.thresholds.late,
                    detail=f"misses its due date with a chance of {1 - plan.on_time:.0%}",
                )
            if name in state.arrived and not any(task.runs for task in state.of(name)):
                tasks = state.of(name)
                heard = max([job.release, *(task.until or 0.0 for task in tasks)])
                work = sum(min(state.first.options.of(task.task).values(), default=0.0) for task in tasks)
                if work > 0 and now - heard > self.thresholds.starving * work:
                    yield AlertNotification(
                        time=now,
                        alert="starving",
                        job=name,
                        value=now - heard,
                        limit=self.thresholds.starving * work,
                        detail=f"nothing of it has run for {now - heard:.3g} s",
                    )

    def _about_agents(self, state: RunState) -> Iterator[AlertNotification]:
        now = state.now
        longest = dict.fromkeys(state.up, 0.0)
        for task, run in state.running:
            estimate = state.first.options.of(task.task).get(run.agent, 0.0)
            longest[run.agent] = max(longest[run.agent], self.pace.expected(run.agent, task.task.kind, estimate))
        work = dict.fromkeys(state.up, 0.0)
        for name in state.open_jobs:
            for task in state.of(name):
                may = state.first.options.of(task.task) if task.state == "waiting" else {}
                if len(may) == 1:
                    work[next(iter(may))] += next(iter(may.values()))
        mean = sum(work.values()) / len(work)
        failing = self.failing_agents()
        wealth = sum(state.balances.values()) / max(1, len(state.balances))
        for name, agent in self._agents.items():
            quiet, limit = now - agent.heard, self.thresholds.silent * longest[name]
            if longest[name] > 0 and quiet > limit:
                yield AlertNotification(
                    time=now,
                    alert="silent_agent",
                    agent=name,
                    value=quiet,
                    limit=limit,
                    detail=f"nothing was heard of it for {quiet:.3g} s",
                )
            if len(work) > 1 and work[name] > self.thresholds.overloaded * mean > 0:
                yield AlertNotification(
                    time=now,
                    alert="overloaded_agent",
                    agent=name,
                    value=work[name],
                    limit=self.thresholds.overloaded * mean,
                    detail=f"{work[name]:.3g} s of work wait for it alone",
                )
            if name in failing:
                yield AlertNotification(
                    time=now,
                    alert="failing_agent",
                    agent=name,
                    value=_share(agent.last),
                    limit=self.thresholds.failing,
                    detail=f"{sum(agent.last)} of its last {len(agent.last)} attempts failed",
                )
            if wealth > 0 and state.balances.get(name, wealth) < self.thresholds.credits * wealth:
                yield AlertNotification(
                    time=now,
                    alert="credit_exhausted",
                    agent=name,
                    value=state.balances[name],
                    limit=self.thresholds.credits * wealth,
                    detail="it has no credits left to bid with",
                )

    def _metrics(self, state: RunState) -> MetricStream:
        overview = self.overview(state)
        values = {
            "tasks_done": float(sum(job.done for job in overview.jobs)),
            "tasks_running": float(sum(job.running for job in overview.jobs)),
            "tasks_failed": float(sum(job.failed for job in overview.jobs)),
            "tasks_total": float(sum(job.total for job in overview.jobs)),
            "agents_up": float(sum(agent.up for agent in overview.agents)),
            "utilisation": sum(agent.utilisation for agent in overview.agents) / len(overview.agents),
            "alerts": float(len(overview.alerts)),
        }
        values |= {f"in_use_{name}"[:200]: share for name, share in overview.in_use.items()}
        return MetricStream(time=state.now, values=values)

    def _forecast_metrics(self, now: float) -> MetricStream:
        last = max(self._plans.values(), key=lambda plan: plan.end.p50, default=None)
        spread = {} if last is None else {f"all_done_{name}": value for name, value in last.end.model_dump().items()}
        return MetricStream(time=now, values=spread)

    def overview(self, state: RunState) -> Overview:
        """Return everything at a glance, as of the last look."""
        elapsed = state.now - (self._began if self._began is not None else state.now)
        pools = state.first.options.shared
        used = dict.fromkeys(pools, 0)
        for task, _ in state.running:
            for name, units in task.task.demands.items():
                if name in used:
                    used[name] += units
        return Overview(
            time=state.now,
            jobs=[self._progress(state, job) for job in state.jobs],
            agents=[
                AgentHealth(
                    agent=name,
                    up=state.up[name],
                    avoided=name in state.avoided,
                    running=agent.running,
                    done=agent.done,
                    failed=agent.failed,
                    heard=agent.heard,
                    utilisation=min(1.0, (agent.busy + bool(agent.running) * (state.now - agent.since)) / elapsed)
                    if elapsed > 0
                    else 0.0,
                )
                for name, agent in self._agents.items()
            ],
            in_use={name: used[name] / units if units else 0.0 for name, units in pools.items()},
            alerts=self.standing,
        )

    def _progress(self, state: RunState, name: str) -> JobProgress:
        tasks = state.of(name)
        counts = {each: sum(task.state == each for task in tasks) for each in ("done", "running", "failed", "blocked")}
        over = all(task.is_over for task in tasks)
        told: Any = "running" if counts["running"] else "waiting" if name in state.arrived else "coming"
        if over:
            told = "done" if counts["done"] == len(tasks) else "failed"
        return JobProgress(
            job=name,
            state=told,
            done=counts["done"],
            failed=counts["failed"] + counts["blocked"],
            running=counts["running"],
            total=len(tasks),
            due=state.jobs[name].due,
            forecast=None if over else self._plans.get(name),
        )


def _subject(alert: AlertNotification) -> str:
    about = (alert.job, alert.task, alert.agent) if alert.alert != "failing_kind" else (alert.detail.split("kind")[-1],)
    return "/".join(part or "" for part in about)


def _share(last: deque[bool]) -> float:
    return sum(last) / len(last)
