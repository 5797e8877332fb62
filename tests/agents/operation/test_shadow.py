"""Shadow mode: what two policies have in common is counted right, and what is not covered counts for nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from agents.operation.deciding.decision import Decision, DecisionEngine, Start
from agents.operation.deciding.shadow import Shadow, compare
from agents.operation.site.example import example
from experiments import decide


@pytest.fixture(scope="module")
def blank() -> Decision:
    """A decision, whose starts are replaced."""
    return DecisionEngine.load("fifo,fcfs").decide(example())


def having(blank: Decision, *starts: str, fallback: bool = False) -> Decision:
    """A decision that has these starts, ``TASK AGENT``."""
    pairs = [start.split() for start in starts]
    made = [Start(job="j", task=task, agent=agent, expected_end=1.0) for task, agent in pairs]
    return blank.model_copy(update={"starts": made, "fallback": fallback, "reason": "too late" if fallback else None})


def test_what_differs_is_named(blank: Decision) -> None:
    """Protects who reads one comparison: starts of both, of one alone, and tasks that go elsewhere."""
    found = compare(having(blank, "a x", "b y", "c z"), having(blank, "d x", "c y", "a x"))
    assert (found.both, found.only_made, found.only_other) == (
        ["j/a at x"],
        ["j/b at y", "j/c at z"],
        ["j/c at y", "j/d at x"],
    )
    assert (found.covered, found.same, found.moved) == (True, False, 1)
    assert compare(having(blank, "a x", "b y"), having(blank, "b y", "a x")).same


def test_counts_add_up_and_coverage_comes_first(blank: Decision) -> None:
    """Protects totals: decisions that the other left to its fallback are told, and change no other count."""
    tally, one, other = Shadow(), having(blank, "a x", "b y"), having(blank, "a x", "b z", "c y")
    for second in (one, other, having(blank, "a x", fallback=True)):
        tally = tally.plus(compare(one, second))
    assert tally == Shadow(decisions=3, covered=2, agreed=1, starts=4, starts_other=5, starts_agreed=3, moved=1)
    assert tally.distance == 1 - 3 / 6
    assert list(tally.as_json())[:2] == ["decisions", "covered"]
    assert str(tally) == (
        "2 of 3 decisions are covered; 1 of these (50%) are the same, and 3 of 4 starts. Where they differ, 3.0 starts do so; "
        "in all, 50% of what either starts is not what the other starts, and 1 tasks go to another agent."
    )
    assert Shadow().plus(compare(one, one)).distance == 0
    assert Shadow().distance is None
    assert str(Shadow().plus(compare(one, having(blank, fallback=True)))).startswith("0 of 1 decisions are covered")


def test_decide_shows_what_the_shadow_would_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Protects ``parley decide --shadow``: people and programs are told the same, and the decision stays what it was."""
    file = tmp_path / "tasks.json"
    file.write_text(example().write(), encoding="utf-8")
    printed = {}
    for form in ("--json", "--policy=fifo,fcfs"):
        monkeypatch.setattr(
            sys, "argv", ["decide", str(file), "--policy", "fifo,fcfs", "--shadow", "wsrpt,urgency", form]
        )
        decide.main()
        printed[form] = capsys.readouterr().out
    told = json.loads(printed["--json"])
    shadow = told["shadow"]
    assert [f"{each['job']}/{each['task']} at {each['agent']}" for each in told["decision"]["starts"]] == sorted(
        shadow["both"] + shadow["only_made"]
    )
    assert not shadow["same"]
    assert all(start in printed["--policy=fifo,fcfs"] for start in shadow["both"] + shadow["only_other"])
    assert "wsrpt,urgency would have decided otherwise." in printed["--policy=fifo,fcfs"]
