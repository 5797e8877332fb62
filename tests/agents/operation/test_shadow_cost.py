"""What another policy would have cost: the same futures, a sign that is right, coverage before numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.operation.deciding.decision import DecisionEngine
from agents.operation.deciding.history import History
from agents.operation.planning.shadow_cost import shadow_cost
from agents.operation.site.situation import Situation


@pytest.fixture
def history(tmp_path: Path) -> History:
    """Three situations, decided first come first served, of which the last is over; short jobs come last, and waiting for them is dear."""
    history, engine = History(tmp_path / "decisions.db"), DecisionEngine.load("fifo,fcfs")
    for time, state in ((10.0, "waiting"), (20.0, "waiting"), (30.0, "done")):
        built = Situation.new(time).agent("ann")
        for name, seconds in (("long", 500.0), ("short", 5.0)):
            built.job(name, release=0.0).task("only", seconds, state=state)
        situation = built.build()
        history.append(situation, engine.decide(situation))
    return history


def test_shadows_cost_what_they_would(history: History) -> None:
    """Protects the comparison of policies on real sites: short jobs first costs less, and who is compared with itself nothing."""
    found = shadow_cost(history, "wsrpt,urgency", futures=8)
    assert (found.decisions, found.covered, [case.number for case in found.cases]) == (3, 2, [1, 2])
    assert found.more is not None
    assert found.high is not None
    assert found.more < found.high < 0
    assert "2 of 3 decisions are covered" in str(found)
    assert found == shadow_cost(history, "wsrpt,urgency", futures=8)
    assert shadow_cost(history, "fifo,fcfs", futures=8).more == 0.0
    assert shadow_cost(history, "spt,fcfs", futures=8, last=1).more is None
