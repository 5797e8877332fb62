"""Runs get over what breaks: whatever fails, everything that can be done is done, and what cannot is named."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pytest

from agents.operation.deciding.decision import DecisionEngine
from agents.operation.execution.execution import ExecutionManager
from agents.operation.execution.executors import Ended, Event
from agents.operation.execution.monitor import Monitor
from agents.operation.execution.optimizer import Optimizer
from agents.operation.execution.results import Execution
from agents.operation.execution.simulated import SimulatedExecutor
from agents.operation.execution.thresholds import Adjusting, Means
from agents.operation.messages.messages import AlertNotification, HealthStatus, Message, Publisher
from agents.operation.messages.subscribers import Memory
from agents.operation.site.situation import Situation

AGENTS = ("a", "b", "c")
ALL_ON = Means(move=True, speculate=True, reprioritise=True)


def site(tasks: int = 12, **first: object) -> Situation:
    """A job of ten-second tasks for three agents that share a licence; every fourth task waits for the one before."""
    built = Situation.new().resource("licence", 2)
    for agent in AGENTS:
        built.agent(agent)
    built.job("j", due=500.0)
    for t in range(tasks):
        built.task(
            f"t{t}",
            10.0,
            demands={"licence": 1} if t % 3 == 0 else {},
            predecessors=[f"t{t - 1}"] if t % 4 == 3 else [],
            **(first if t == 0 else {}),
        )
    return built.build()


def healed(
    situation: Situation, executor: SimulatedExecutor, retries: int | None = None
) -> tuple[Execution, list[Message]]:
    """Run it with everything that helps."""
    memory, publisher, monitor = Memory(), Publisher(), Monitor(adjusting=Adjusting())
    publisher.subscribe(memory)
    manager = ExecutionManager(
        DecisionEngine.load("wsrpt,urgency"),
        executor,
        publisher=publisher,
        overseers=[monitor, Optimizer(monitor, ALL_ON)],
        retries=retries,
    )
    return manager.run(situation), list(memory.messages)


@pytest.mark.parametrize(
    "outages",
    [
        {"a": [5.0, 25.0], "b": [30.0, 45.0], "c": [50.0, 60.0]},
        {"a": [5.0, 25.0], "b": [5.0, 25.0], "c": [5.0, 25.0]},
        {"a": [5.0], "b": [15.0]},
        {"a": [0.0, 1.0, 2.0, 3.0, 4.0, 300.0], "b": [0.5], "c": [6.0, 7.0]},
    ],
    ids=["each once", "all at once", "all but one for ever", "to and fro"],
)
def test_agents_break_down(outages: Mapping[str, Sequence[float]]) -> None:
    """Protects recovery: whoever breaks down and when, all is done by who is there, nothing runs where nobody is, units come back."""
    situation = site()
    done, messages = healed(situation, SimulatedExecutor(situation, outages=outages))
    assert done.ok
    for each in done.tasks:
        assert each.agent is not None
        assert each.since is not None
        assert each.until is not None
        times = [*outages.get(each.agent, []), math.inf, math.inf]
        down = list(zip(times[::2], times[1::2], strict=False))
        assert all(each.until <= start or each.since >= end for start, end in down)
    flips = [m for m in messages if isinstance(m, HealthStatus)]
    assert {m.agent for m in flips} == set(outages)
    given, back = (sum(m.kind == kind for m in messages) for kind in ("allocation_update", "release_notification"))
    assert given == back >= 4


def test_who_never_comes_back_keeps_nobody_waiting() -> None:
    """Protects from hanging: what only a broken agent may run is told as waiting for it; the rest is done."""
    situation = site(eligible=["a"])
    done, _ = healed(situation, SimulatedExecutor(situation, outages={"a": [5.0]}))
    waiting = [each for each in done.tasks if each.state != "done"]
    assert [(each.task, each.state) for each in waiting] == [("t0", "waiting")]
    assert "nobody who may run it is up: a" in waiting[0].detail


class Poisoned(SimulatedExecutor):
    """Has one task fail wherever it runs, and the clock stand still or jump at every third event."""

    waits = 0

    async def wait(self, until: float | None) -> list[Event]:
        """Wait, and spoil what came."""
        events = await super().wait(until)
        self.waits += 1
        self._now += 1000.0 * (self.waits % 3 == 0)
        return [e._replace(ok=False) if isinstance(e, Ended) and e.attempt.task.name == "t2" else e for e in events]


def test_a_poisoned_task_and_a_clock_that_jumps() -> None:
    """Protects everybody else: the task is given up after its retries, who comes after it is named, no agent is blamed for long."""
    situation = site()
    done, messages = healed(situation, Poisoned(situation), retries=4)
    states = {each.task: each.state for each in done.tasks}
    assert {task: state for task, state in states.items() if state != "done"} == {"t2": "failed", "t3": "blocked"}
    assert next(each for each in done.tasks if each.task == "t2").attempts == 5
    (abandoned,) = (m for m in messages if isinstance(m, AlertNotification) and m.alert == "abandoned")
    assert abandoned.detail == "t2 failed, 1 of its tasks come after it and are not run"
    assert [m.time for m in messages] == sorted(m.time for m in messages)
