"""What a terminal shows of a run while it goes."""

from __future__ import annotations

import io

from rich.console import Console

from agents.operation.deciding.decision import DecisionEngine
from agents.operation.execution.execution import ExecutionManager
from agents.operation.execution.monitor import Monitor
from agents.operation.execution.simulated import SimulatedExecutor
from agents.operation.site.situation import Situation
from experiments.plumbing.display import MOST, Display


def test_a_run_is_shown_while_it_goes() -> None:
    """Protects whoever watches: progress of each job, what went wrong once, no more jobs than fit, and names are shown, not obeyed."""
    built = Situation.new().agent("a").agent("b")
    for j in range(MOST + 3):
        built.job(f"[red]\x07{j:02}", due=9.0)
        built.task("t", 1.0)
        built.task("u", 1.0, predecessors=["t"])
    situation = built.build()
    stream = io.StringIO()
    monitor = Monitor()
    display = Display(monitor, Console(file=stream, force_terminal=True, width=120, color_system=None))
    executor = SimulatedExecutor(situation, broken={"b"})
    manager = ExecutionManager(DecisionEngine.load("fifo,fcfs"), executor, overseers=[monitor, display], retries=100)
    assert not manager.run(situation).interrupted
    shown = stream.getvalue()
    assert f"0 of {2 * MOST + 6} tasks done" in shown
    assert "[red]\\x0700" in shown
    assert "##########.........." in shown
    assert "and 3 more" in shown
    assert "failing_agent" in shown
    assert "late: [red]\\x07" in shown
    assert "\x07" not in shown
