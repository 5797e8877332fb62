"""What a run tunes by itself: within bounds, not to and fro, told with its reason, and not at all where that is switched off."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.operation.deciding.decision import DecisionEngine
from agents.operation.execution.adjusting import Gathering, Interval
from agents.operation.execution.execution import ExecutionManager
from agents.operation.execution.monitor import Monitor
from agents.operation.execution.pace import Pace
from agents.operation.execution.run_state import RunState
from agents.operation.execution.simulated import SimulatedExecutor
from agents.operation.execution.thresholds import Adjusting, MonitorError, Thresholds
from agents.operation.messages.messages import Message, Publisher, StatusUpdate, TaskSubmission
from agents.operation.messages.subscribers import Memory
from agents.operation.site.situation import Situation
from experiments.plumbing.operation import read_operation


def site(seconds: float, tasks: int = 6) -> Situation:
    """Equal tasks for two agents."""
    built = Situation.new().agent("a").agent("b").job("j")
    for t in range(tasks):
        built.task(f"t{t}", seconds)
    return built.build()


def running(seconds: float) -> RunState:
    """A run of which one task has started."""
    state = RunState(site(seconds))
    state.apply(TaskSubmission(time=0.0, job="j"))
    state.apply(StatusUpdate(time=0.0, state="started", job="j", task="t0", agent="a"))
    return state


@pytest.mark.parametrize(("seconds", "every"), [(200.0, 11.33), (1e6, 30.0), (0.1, 0.1), (18.0, 1.0)])
def test_looks_follow_the_tasks_that_run(seconds: float, every: float) -> None:
    """Protects monitoring from being blind or busy: short tasks are looked at often, long ones seldom, within bounds, told once."""
    interval = Interval(1.0, Adjusting())
    said = [interval.adjust(running(seconds), Pace()) for _ in range(3)]
    assert interval.every == pytest.approx(every, rel=1e-3)
    assert said[1:] == [None, None]
    assert (said[0] is None) == (every == 1.0)
    assert said[0] is None or said[0].startswith(f"looks every {every:.3g} s instead of 1 s: tasks that run take")


def test_events_are_gathered_where_they_come_faster_than_decisions() -> None:
    """Protects large runs: waiting begins and ends with the load, is bounded, and does not swing in between."""
    gathering, now = Gathering(Adjusting(gather_most=0.02)), 0.0

    def live(gap: float, took: float, rounds: int = 60) -> list[str]:
        nonlocal now
        said = []
        for _ in range(rounds):
            now += gap
            gathering.happened(now, 1)
            said.append(gathering.decided(took))
        return [each for each in said if each]

    assert live(1.0, 0.03) == []
    (began,) = live(0.001, 0.03, 200)
    assert began.startswith("gathers events for 20 ms before it decides: events come every ")
    assert gathering.seconds == 0.02
    assert live(0.03, 0.03, 200) == []
    (ended,) = live(0.5, 0.03)
    assert ended.startswith("decides at every event again")
    assert gathering.seconds == 0.0


def adjusted(adjusting: Adjusting) -> tuple[list[str], float]:
    """What a run in simulated time said it changed, and when it ended."""
    memory, publisher = Memory(), Publisher()
    publisher.subscribe(memory)
    monitor = Monitor(Thresholds(), adjusting=adjusting)
    engine, executor = DecisionEngine.load("fifo,fcfs"), SimulatedExecutor(site(600.0))
    manager = ExecutionManager(engine, executor, publisher=publisher, overseers=[monitor], adjusting=adjusting)
    done = manager.run(site(600.0))
    messages: list[Message] = list(memory.messages)
    return [m.detail for m in messages if isinstance(m, StatusUpdate) and m.state == "adjusted"], done.ended


def test_changes_are_messages_and_can_be_frozen() -> None:
    """Protects users: they read what was changed and why, and one setting keeps everything as it was."""
    said, ended = adjusted(Adjusting(gather_most=0.0))
    assert len(said) == 1
    assert said[0].startswith("looks every 30 s instead of 1 s")
    assert adjusted(Adjusting(adjusts=False)) == ([], ended)


def test_bounds_are_settings(tmp_path: Path) -> None:
    """Protects the bounds: they are read from a recipe, and wrong ones are refused by name."""
    (tmp_path / "calm.yaml").write_text("adjusting: {adjusts: false, every_most: 5}")
    assert read_operation(str(tmp_path / "calm.yaml")).adjusting == Adjusting(adjusts=False, every_most=5.0)
    with pytest.raises(MonitorError, match=r"adjusting.every_most is 0.05, must be in 0.1..3600"):
        Adjusting(every_most=0.05)
