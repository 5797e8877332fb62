"""The monitor sees what goes wrong, once and no earlier; what the optimizer does about it helps, and is told."""

from __future__ import annotations

import time
from typing import Any

import pytest

from agents.operation.deciding.decision import DecisionEngine
from agents.operation.execution.execution import ExecutionManager
from agents.operation.execution.monitor import Monitor
from agents.operation.execution.optimizer import Optimizer
from agents.operation.execution.pace import Pace
from agents.operation.execution.results import Execution
from agents.operation.execution.run_state import RunState
from agents.operation.execution.simulated import SimulatedExecutor
from agents.operation.execution.thresholds import Means, MonitorError, Thresholds
from agents.operation.messages.messages import (
    AlertNotification,
    CompletionNotification,
    Message,
    MetricStream,
    Publisher,
    StatusUpdate,
    TaskSubmission,
)
from agents.operation.messages.subscribers import Memory
from agents.operation.planning.planning import TaskPlanner
from agents.operation.site.situation import Situation

RULES = "wsrpt,urgency"


def team(tasks: int = 8, **job: Any) -> Situation:
    """One job of equal tasks, of ten seconds each, for two agents."""
    built = Situation.new().agent("a").agent("b").job("j", **job)
    for t in range(tasks):
        built.task(f"t{t}", 10.0, kind="k")
    return built.build()


def watched(
    situation: Situation, means: Means | None, retries: int = 20, **how: Any
) -> tuple[Execution, list[Message], Optimizer | None]:
    """Run it in simulated time under a monitor, and perhaps an optimizer."""
    memory, publisher, monitor = Memory(), Publisher(), Monitor()
    publisher.subscribe(memory)
    optimizer = Optimizer(monitor, means) if means is not None else None
    overseers = [monitor, *([optimizer] if optimizer else [])]
    executor = SimulatedExecutor(situation, seed=1, **how)
    manager = ExecutionManager(
        DecisionEngine.load(RULES), executor, publisher=publisher, overseers=overseers, retries=retries
    )
    return manager.run(situation), list(memory.messages), optimizer


def alerts(messages: list[Message]) -> list[tuple[str, str | None, str | None]]:
    """What was alerted to, and about whom."""
    return [(m.alert, m.task, m.agent) for m in messages if isinstance(m, AlertNotification) and m.alert != "failed"]


def test_a_straggler_is_seen_and_copied_to_who_is_idle() -> None:
    """Protects runs from one slow machine: it is told once, a copy elsewhere ends the wait, and the slow one is stopped."""
    situation = team(2)
    alone, seen, _ = watched(situation, None, factors={("a", "k"): 30.0})
    assert alone.ended == 300.0
    assert [each[0] for each in alerts(seen)].count("straggler") == 1
    helped, told, optimizer = watched(situation, Means(speculate=True), factors={("a", "k"): 30.0})
    assert optimizer is not None
    assert optimizer.done == {"copy": 1}
    limit = Pace().limit("a", "k", 10.0, 0.95)
    assert helped.ok
    assert limit + 10 <= helped.ended <= limit + 12
    late = next(each for each in helped.tasks if each.until == helped.ended)
    assert (late.agent, late.attempts) == ("b", 2)
    stopped = [m for m in told if isinstance(m, StatusUpdate) and m.state == "stopped"]
    assert [(m.agent, m.detail) for m in stopped] == [("a", "b was first")]
    off, _, _ = watched(situation, Means(), factors={("a", "k"): 30.0})
    assert off.ended == 300.0


def test_nothing_is_copied_while_others_wait() -> None:
    """Protects work that has not begun: an idle agent is one for which nothing waits, and a copy has to be expected to be faster."""
    busy, _, optimizer = watched(team(6), Means(speculate=True), factors={("a", "k"): 3.0})
    assert busy.ok
    starts = sorted((each.since or 0.0) for each in busy.tasks)
    assert optimizer is not None
    assert optimizer.done["copy"] <= 1
    assert starts[0] == 0.0


def test_work_leaves_an_agent_at_which_everything_fails() -> None:
    """Protects runs from a broken machine: it is left alone for a while, and nothing is given up because of it."""
    helped, told, optimizer = watched(team(8), Means(), broken={"a"})
    assert helped.ok
    assert optimizer is not None
    assert optimizer.done["avoid"] >= 1
    failed = sum(m.alert == "failed" for m in told if isinstance(m, AlertNotification))
    seen = watched(team(8), None, broken={"a"})[1]
    assert failed < sum(m.alert == "failed" for m in seen if isinstance(m, AlertNotification))
    assert ("failing_agent", None, "a") in alerts(told)
    reasons = [m.detail for m in told if isinstance(m, StatusUpdate) and m.state == "adjusted"]
    assert "avoid a: most of its last 4 attempts failed" in reasons


def test_an_agent_that_has_rested_is_trusted_again() -> None:
    """Protects liveness: who alone may run a task and is avoided gets it after the rest; the run does not end before."""
    built = Situation.new().agent("a").agent("b").job("j")
    for t in range(6):
        built.task(f"t{t}", 1.0, eligible=["a"])
        built.task(f"u{t}", 1.0, eligible=["b"])
    done, _, optimizer = watched(built.build(), Means(rest=50.0), retries=1, broken={"a"})
    assert optimizer is not None
    assert optimizer.done["trust"] == optimizer.done["avoid"] >= 1
    assert [each.state for each in done.tasks] == ["failed", "done"] * 6
    assert done.ended > 50


def test_it_is_not_the_agents_fault_where_tasks_are_bad() -> None:
    """Protects good machines: where everything fails everywhere nobody is left alone, or not for long."""
    _, told, optimizer = watched(team(8), Means(), retries=6, broken={"a", "b"})
    assert optimizer is not None
    assert optimizer.done["avoid"] == optimizer.done["trust"]
    reasons = [m.detail for m in told if isinstance(m, StatusUpdate) and m.state == "adjusted"]
    assert all("avoid" in reason or reason.endswith("tasks fail elsewhere, too") for reason in reasons)


def submitted(situation: Situation) -> RunState:
    """A run whose jobs are all here."""
    state = RunState(situation)
    for job in situation.jobs:
        state.apply(TaskSubmission(time=0.0, job=job.name))
    return state


class Site:
    """A run that a test moves on, message by message."""

    def __init__(self, situation: Situation, monitor: Monitor) -> None:
        self.state, self.monitor = submitted(situation), monitor

    def say(self, message: Message) -> None:
        """Something happens."""
        self.monitor.take(message)
        self.state.apply(message)

    def at(self, now: float) -> list[str]:
        """What the monitor alerts to at this time."""
        self.state.now = now
        return [m.alert for m in self.monitor.look(self.state)[0] if isinstance(m, AlertNotification)]


def started(time: float, task: str, agent: str) -> StatusUpdate:
    """A task starts."""
    return StatusUpdate(time=time, state="started", job="j", task=task, agent=agent)


def test_alerts_come_once_and_no_earlier() -> None:
    """Protects people from noise, and from silence: late, starving and silent are told when their limit is passed, once."""
    site = Site(team(1, due=500.0), Monitor())
    assert site.at(0.0) == []
    assert site.at(199.0) == []
    assert site.at(201.0) == ["starving"]
    assert site.at(202.0) == []
    site.say(started(203.0, "t0", "a"))
    assert site.at(204.0) == []
    assert site.at(203.0 + 5 * Pace().expected("a", "k", 10.0) + 1) == ["straggler", "silent_agent"]
    assert site.at(499.0) == []
    assert site.at(501.0) == ["late"]
    assert [alert.alert for alert in site.monitor.standing] == ["straggler", "late", "silent_agent"]
    site.say(CompletionNotification(time=502.0, job="j", task="t0", agent="a", took=299.0))
    assert site.at(503.0) == []
    assert site.monitor.standing == []


def test_failing_kinds_crowded_agents_and_empty_purses_are_told() -> None:
    """Protects the rest of the list: each has its alert."""
    built = Situation.new().agent("a").agent("b").agent("c").agent("d").agent("e").job("j")
    for t in range(6):
        built.task(f"t{t}", 10.0, kind="k", eligible=["a"] if t else None)
    site = Site(built.build(), Monitor())
    assert site.at(0.0) == ["overloaded_agent"]
    site.state.balances.update(a=100.0, b=0.0, c=100.0)
    assert site.at(1.5) == ["credit_exhausted"]
    for attempt in range(4):
        site.say(started(2.0 + attempt, "t0", "abcd"[attempt]))
        site.say(
            AlertNotification(
                time=2.5 + attempt, alert="failed", job="j", task="t0", agent="abcd"[attempt], retry=2.5 + attempt
            )
        )
    assert site.at(7.0) == ["failing_kind"]


def test_what_it_sees_is_true() -> None:
    """Protects the overview: progress, health and utilisation are those of what happened."""
    monitor = Monitor()
    site = Site(team(4), monitor)
    site.at(0.0)
    site.say(started(0.0, "t0", "a"))
    site.say(started(0.0, "t1", "b"))
    site.say(CompletionNotification(time=10.0, job="j", task="t0", agent="a", took=10.0))
    site.at(20.0)
    overview = monitor.overview(site.state)
    (job,) = overview.jobs
    assert (job.state, job.done, job.running, job.total) == ("running", 1, 1, 4)
    assert [(each.agent, each.running, each.done, each.utilisation) for each in overview.agents] == [
        ("a", 0, 1, 0.5),
        ("b", 1, 0, 1.0),
    ]


def test_forecasts_have_quantiles_and_warn_of_late_jobs() -> None:
    """Protects the look ahead: the planner's futures tell when jobs end, and that a due date will hardly be met, before it is missed."""
    monitor = Monitor(planner=TaskPlanner(RULES, []))
    site = Site(team(40, due=150.0), monitor)
    assert site.at(0.0) == []
    said: list[Message] = []
    while not any(isinstance(m, AlertNotification) for m in said):
        time.sleep(0.1)
        site.state.now += 1.1
        said = list(monitor.look(site.state)[0])
    assert [m.alert for m in said if isinstance(m, AlertNotification)] == ["late"]
    values = next(m.values for m in said if isinstance(m, MetricStream) and "all_done_p50" in m.values)
    assert 150 < values["all_done_p10"] <= values["all_done_p50"] <= values["all_done_p90"]
    forecast = monitor.overview(site.state).jobs[0].forecast
    assert forecast is not None
    assert forecast.on_time == 0.0
    monitor.close()


def test_what_is_believed_of_durations() -> None:
    """Protects limits: without experience the prior's, with much of it that of what was seen."""
    pace = Pace()
    assert pace.limit("a", "k", 10.0, 0.5) == pytest.approx(10.0)
    for _ in range(200):
        pace.learn("a", "k", 10.0, 20.0)
    assert pace.expected("a", "k", 10.0) == pytest.approx(20.0, rel=0.05)
    assert pace.limit("a", "k", 10.0, 0.95) < 1.5 * pace.expected("a", "k", 10.0)
    assert pace.limit("b", "k", 10.0, 0.95) > 20.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Thresholds(straggler=1.0), "monitor.straggler is 1.0, must be in 0.5..0.9999"),
        (lambda: Thresholds(attempts=0), "monitor.attempts is 0"),
        (lambda: Means(factor=0.5), "optimizer.factor is 0.5"),
    ],
)
def test_thresholds_have_bounds(make: Any, message: str) -> None:
    """Protects users: which, its value, and what would be right."""
    with pytest.raises(MonitorError, match=message):
        make()
