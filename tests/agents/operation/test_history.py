"""Histories: nothing is lost or changed, and decisions can be made again."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from agents.operation.deciding.decision import DecisionEngine
from agents.operation.deciding.history import History, HistoryError
from agents.operation.deciding.shadow import Shadow
from tests.agents.operation.test_decision import busy


def test_replay_makes_the_same_decisions_and_names_what_differs(tmp_path: Path) -> None:
    """Protects whoever asks later why: by the same policies nothing differs, by another one it is told what does."""
    history = History(tmp_path / "history.db")
    for name in ("wsrpt,drf", "policies/shared_cluster"):
        engine = DecisionEngine.load(name)
        assert history.append(busy(), engine.decide(busy())) == len(history.entries())
    assert [(entry.policy, entry.starts, entry.fallback) for entry in history.entries()] == [
        ("wsrpt,drf", 1, False),
        ("policies/shared_cluster", 1, False),
    ]
    assert [entry.number for entry in history.entries(policy="wsrpt,drf")] == [1]
    assert [entry.number for entry in History(history.path).entries(last=1)] == [2]
    assert list(history.replay()) == []
    other = DecisionEngine.load("lft,drf")
    other.deciders.prioritizer = DecisionEngine.load("critical_path,drf").deciders.prioritizer
    found = [(each.number, each.field, each.before, each.now) for each in history.replay(lambda name: other)]
    assert found[0] == (1, "starts", "short/a at bob", "long/b at bob")
    assert {each[0] for each in found} == {1, 2}


def test_another_policy_decides_in_the_shadow(tmp_path: Path) -> None:
    """Protects comparisons on real decisions: what is not covered is told before what agrees."""
    history = History(tmp_path / "history.db")
    history.append(busy(), DecisionEngine.load("wsrpt,drf").decide(busy()))
    history.append(busy(), DecisionEngine.load("critical_path,drf").decide(busy()))
    assert history.beside(DecisionEngine.load("wsrpt,drf")) == Shadow(
        2, 2, 1, starts=2, starts_other=2, starts_agreed=1
    )
    uncovered = history.beside(DecisionEngine.load("policies/shared_cluster", farthest=0.5))
    assert uncovered == Shadow(decisions=2)
    assert str(uncovered).startswith("0 of 2 decisions are covered")


def test_nothing_is_changed_or_removed(tmp_path: Path) -> None:
    """Protects the past."""
    history = History(tmp_path / "history.db")
    history.append(busy(), DecisionEngine.load("wsrpt,drf").decide(busy()))
    for statement in ("UPDATE decisions SET policy = 'x'", "DELETE FROM decisions"):
        base = sqlite3.connect(history.path)
        with pytest.raises(sqlite3.IntegrityError, match="only appended"):
            base.execute(statement)
        base.close()
    with pytest.raises(HistoryError, match="no decision 7"):
        history.get(7)


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    """Protects files that are no history."""
    text = tmp_path / "text"
    text.write_text("something else, and long enough to be read as a page\n" * 40)
    with pytest.raises(HistoryError, match="no history"):
        History(text)
    other = tmp_path / "other.db"
    base = sqlite3.connect(other)
    base.execute("CREATE TABLE mine (x)")
    base.close()
    with pytest.raises(HistoryError, match="version 0"):
        History(other)
