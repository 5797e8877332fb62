"""The execution manager: it has the policy decide at every event, an executor do what was decided, and says what happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, Final, Literal

from agents.operation.deciding.decision import DecisionEngine
from agents.operation.deciding.instant import Outcome
from agents.operation.execution.adjusting import Gathering
from agents.operation.execution.executors import Attempt, Ended, Event, Executor, Flipped
from agents.operation.execution.overseers import Action, Overseer
from agents.operation.execution.results import Execution, told
from agents.operation.execution.run_state import Run, RunState, TaskState
from agents.operation.execution.thresholds import Adjusting
from agents.operation.execution.view import View
from agents.operation.messages.messages import (
    AlertNotification,
    AllocationUpdate,
    CompletionNotification,
    HealthStatus,
    Message,
    Publisher,
    ReleaseNotification,
    StatusUpdate,
    TaskSubmission,
)
from agents.operation.site.conversion import Site
from agents.operation.site.situation import Reservation, Situation

SOON: Final = 1e-9


class ExecutionManager:
    """Runs situations.

    Args:
        engine: decides.
        executor: does it.
        publisher: hears of everything.
        overseers: look at the run after every event, and may act.
        retries: how often a failed attempt is tried again, whatever the task says.
        retry_delay: seconds before that.
        adjusting: within which bounds it waits for further events where they come faster than decisions; by default it does not.
    """

    def __init__(
        self,
        engine: DecisionEngine,
        executor: Executor,
        *,
        publisher: Publisher | None = None,
        overseers: Sequence[Overseer] = (),
        retries: int | None = None,
        retry_delay: float = 0.0,
        adjusting: Adjusting | None = None,
        on_change: Callable[[RunState], Any] = lambda state: None,
    ) -> None:
        self._engine, self._executor, self._overseers = engine, executor, overseers
        self._publisher = publisher or Publisher()
        self._retries, self._retry_delay, self._on_change = retries, retry_delay, on_change
        self._gathering = Gathering(adjusting or Adjusting(adjusts=False))
        self._decisions = 0
        self._views: tuple[RunState, View] | None = None
        self._reserved: set[tuple[str, str, str]] = set()
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, run: Situation | RunState) -> Execution:
        """Run it to its end, and return what came of it: ``manage_execution`` for who does not wait."""
        return asyncio.run(self.manage_execution(run))

    def stop(self) -> None:
        """Have the run end soon: what runs is ended, and waits again. May be called from any thread, and by handlers of signals."""
        if self._loop is None:
            self._stop.set()
        else:
            self._loop.call_soon_threadsafe(self._stop.set)

    async def manage_execution(self, run: Situation | RunState) -> Execution:
        """Run everything that can be, and return what came of it.

        Args:
            run: what to do; or where a run stands that goes on: its attempts are known to the executor already.

        Raises:
            SituationError: something runs already.
            DecisionError: a defect; the run can be resumed.
        """
        state = run if isinstance(run, RunState) else RunState(run)
        self._loop, began = asyncio.get_running_loop(), state.now
        stopped = asyncio.ensure_future(self._stop.wait())
        ends = [self._publisher.subscribe(each) for each in self._overseers]
        try:
            changed = True
            while True:
                changed = self._release(state) or changed
                changed = self._oversee(state) or changed
                if not state.open_jobs or self._stop.is_set() or (changed and not self._go_on(state)):
                    break
                changed = await self._happen(state, stopped)
        finally:
            stopped.cancel()
            for each, end in zip(self._overseers, ends, strict=True):
                end()
                each.close()
            try:
                for task, one in state.running:  # the executor ends them gently, all at once
                    self._stopped(state, task, one, "the run was stopped")
            finally:
                await self._executor.close()
        return told(state, began, self._engine.deciders.name, self._decisions, interrupted=self._stop.is_set())

    def _say(self, state: RunState, message: Message) -> None:
        state.apply(self._publisher.publish(message))

    def _now(self, state: RunState) -> float:
        return max(state.now, self._executor.now())

    def _release(self, state: RunState) -> bool:
        """Have jobs arrive whose time has come."""
        now = self._now(state)
        state.now = now
        coming = [job for job in state.open_jobs if job not in state.arrived and state.jobs[job].release <= now + SOON]
        for job in coming:
            self._say(state, TaskSubmission(time=now, job=job))
        return bool(coming)

    def _go_on(self, state: RunState) -> bool:
        """Decide; whether anything will happen."""
        began = perf_counter()
        self._decide(state)
        if reason := self._gathering.decided(perf_counter() - began):
            self._say(state, StatusUpdate(time=state.now, state="adjusted", detail=reason))
        if state.running or self._executor.awaits_something() or state.next_release() is not None:
            return True
        if state.avoided:  # they will be trusted again
            return True
        state.reservations = []
        self._decide(state, without_those_down=True)  # nobody comes to help, so whoever is there has to do it alone
        return bool(state.running) or self._executor.awaits_something()

    def _decide(self, state: RunState, *, without_those_down: bool = False) -> None:
        """Decide about what counts most, and where that leaves somebody idle, about everything."""
        view = self._view(state)
        self._start(state, view.situation(without_those_down=without_those_down))
        if view.is_cut:
            busy = {run.agent for _, run in state.running}
            if any(up and name not in busy and name not in state.avoided for name, up in state.up.items()):
                self._start(state, view.situation(whole=True, without_those_down=without_those_down))

    def _view(self, state: RunState) -> View:
        if self._views is None or self._views[0] is not state:
            self._views = state, View(state)
        return self._views[1]

    def _start(self, state: RunState, situation: Situation | None) -> None:
        """Have the engine decide, and start what it starts."""
        if situation is None or all(task.state != "waiting" for job in situation.jobs for task in job.tasks):
            return
        site = self._engine.take_in(situation)
        outcome, by, _ = self._engine.choose(site)
        self._decisions += 1
        state.price = outcome.price
        if outcome.balances is not None:
            names = [agent.name for agent in situation.agents]
            state.balances.update(zip(names, outcome.balances.tolist(), strict=True))
        self._reserve(state, site, outcome, keep=by.rules.scenario.reservations.hold == "start")
        for start in self._engine.name_starts(site, outcome):
            self._begin(state, state.tasks[start.job, start.task], start.agent, start.expected_end)

    def _reserve(self, state: RunState, site: Site, outcome: Outcome, *, keep: bool) -> None:
        """Tell of new reservations, and remember them where they stand until their task starts."""
        reserved = self._engine.name_reservations(site, outcome)
        before, self._reserved = self._reserved, {(each.agent, each.job, each.task) for each in reserved}
        for each in reserved:
            if (each.agent, each.job, each.task) not in before:
                self._say(
                    state,
                    StatusUpdate(
                        time=state.now,
                        state="reserved",
                        job=each.job,
                        task=each.task,
                        agent=each.agent,
                        expected=max(each.start, 0.0),
                    ),
                )
        state.reservations = [
            Reservation(agent=each.agent, job=each.job, task=each.task, start=each.start) for each in reserved if keep
        ]

    def _begin(self, state: RunState, task: TaskState, agent: str, expected: float | None) -> None:
        """Start an attempt."""
        now = self._now(state)
        self._units(state, task, agent, AllocationUpdate, now)
        self._say(
            state,
            StatusUpdate(time=now, state="started", job=task.job, task=task.task.name, agent=agent, expected=expected),
        )
        self._executor.start(attempt_of(task, task.runs[-1]))

    def _units(
        self,
        state: RunState,
        task: TaskState,
        agent: str,
        kind: type[AllocationUpdate] | type[ReleaseNotification],
        time: float,
    ) -> None:
        shared = state.first.options.shared
        units = {name: count for name, count in task.task.demands.items() if name in shared and count}
        if units:
            self._say(state, kind(time=time, job=task.job, task=task.task.name, agent=agent, units=units))

    def _halt(self, state: RunState, task: TaskState, run: Run, reason: str) -> None:
        """End an attempt; without another one, its task waits again."""
        self._executor.stop(attempt_of(task, run))
        self._stopped(state, task, run, reason)

    def _stopped(self, state: RunState, task: TaskState, run: Run, reason: str) -> None:
        now = self._now(state)
        self._say(
            state,
            StatusUpdate(time=now, state="stopped", job=task.job, task=task.task.name, agent=run.agent, detail=reason),
        )
        self._units(state, task, run.agent, ReleaseNotification, now)

    async def _happen(self, state: RunState, stopped: asyncio.Future[Any]) -> bool:
        """Wait for events, and take them in; whether there were any."""
        times = [state.next_release(), *(each.next_look() for each in self._overseers)]
        waiting = asyncio.ensure_future(self._executor.wait(min((t for t in times if t is not None), default=None)))
        await asyncio.wait({waiting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            return False
        events = waiting.result()
        if events:
            self._gathering.happened(self._executor.now(), len(events))
            if self._gathering.seconds > 0:
                events += await self._executor.wait(self._executor.now() + self._gathering.seconds)
        for event in events:
            self._take(state, event)
        if events:
            self._on_change(state)
        return bool(events)

    def _take(self, state: RunState, event: Event) -> None:
        time = max(state.now, event.time)
        if isinstance(event, Flipped):
            self._flip(state, event, time)
            return
        task = state.tasks[event.attempt.job, event.attempt.task.name]
        run = next((run for run in task.runs if run.number == event.attempt.number), None)
        if run is None:  # it was stopped at the same moment
            return
        if event.ok:
            self._complete(state, task, run, event, time)
        else:
            self._fail(state, task, run, event, time)

    def _complete(self, state: RunState, task: TaskState, run: Run, event: Ended, time: float) -> None:
        others = [other for other in task.runs if other is not run]
        for other in others:
            self._halt(state, task, other, f"{run.agent} was first")
        self._say(
            state,
            CompletionNotification(
                time=time, job=task.job, task=task.task.name, agent=run.agent, took=max(0.0, time - run.since)
            ),
        )
        self._units(state, task, run.agent, ReleaseNotification, time)
        if event.detail:
            self._alert(state, task, run.agent, "leftovers", event.detail, severity="info")
        if task.job in state.done_jobs:
            took = max(0.0, time - state.jobs[task.job].release)
            self._say(state, CompletionNotification(time=time, job=task.job, took=took))

    def _fail(self, state: RunState, task: TaskState, run: Run, event: Ended, time: float) -> None:
        most = task.task.retries if self._retries is None else self._retries
        again = len(task.runs) > 1 or (not event.final and task.failed - task.task.failed < most)
        self._say(
            state,
            AlertNotification(
                time=time,
                alert="failed",
                severity="warning" if again else "error",
                job=task.job,
                task=task.task.name,
                agent=run.agent,
                detail=event.detail,
                value=event.code,
                retry=time + self._retry_delay if again else None,
            ),
        )
        self._units(state, task, run.agent, ReleaseNotification, time)
        if not again:
            lost = len(state.after(task))
            self._say(
                state,
                AlertNotification(
                    time=time,
                    alert="abandoned",
                    severity="error",
                    job=task.job,
                    detail=f"{task.task.name} failed, {lost} of its tasks come after it and are not run",
                ),
            )

    def _flip(self, state: RunState, event: Flipped, time: float) -> None:
        """An agent goes down, with what it runs, or comes up."""
        gone = [(task, run) for task, run in state.running if run.agent == event.agent] if not event.up else []
        for task, run in gone:
            self._alert(state, task, run.agent, "interrupted", f"{run.agent} went down")
            self._units(state, task, run.agent, ReleaseNotification, time)
        self._say(state, HealthStatus(time=time, agent=event.agent, up=event.up))

    def _alert(
        self,
        state: RunState,
        task: TaskState,
        agent: str,
        alert: str,
        detail: str,
        severity: Literal["info", "warning", "error"] = "warning",
    ) -> None:
        self._say(
            state,
            AlertNotification(
                time=self._now(state),
                alert=alert,
                severity=severity,
                job=task.job,
                task=task.task.name,
                agent=agent,
                detail=detail,
            ),
        )

    def _oversee(self, state: RunState) -> bool:
        """Let overseers look; whether what they did calls for a decision."""
        acted = False
        for each in self._overseers:
            messages, actions = each.look(state)
            for message in messages:
                self._say(state, message)
            for action in actions:
                acted = self._act(state, action) or acted
        return acted

    def _act(self, state: RunState, action: Action) -> bool:
        """Do what an optimizer wants, where it still makes sense; whether it calls for a decision."""
        task = state.tasks.get((action.job, action.task))
        runs = task.runs if task is not None else []
        match action.what:
            case "copy" if task is not None and runs and action.agent not in [run.agent for run in runs]:
                self._begin(state, task, action.agent, None)
            case "move" if task is not None:
                for run in [run for run in runs if run.agent == action.agent]:
                    self._halt(state, task, run, action.reason)
            case "avoid":
                state.avoided.add(action.agent)
            case "trust":
                state.avoided.discard(action.agent)
            case "weigh":
                state.weigh(action.job, action.factor)
            case _:
                return False
        what = "/".join(part for part in (action.job, action.task, action.agent) if part)
        self._say(
            state, StatusUpdate(time=state.now, state="adjusted", detail=f"{action.what} {what}: {action.reason}")
        )
        return action.what != "copy"


def attempt_of(task: TaskState, run: Run) -> Attempt:
    """What an executor calls a run of a task."""
    return Attempt(task.index, run.number, task.job, task.task, run.agent, run.since)
