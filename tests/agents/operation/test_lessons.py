"""Runs of real commands that learn from each other."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from agents.operation.execution.lessons import Lessons
from agents.operation.execution.monitor import Monitor
from agents.operation.execution.run_state import RunState
from agents.operation.knowledge.knowledge import KnowledgeBase
from agents.operation.site.situation import Situation
from envs.scenario import Knowledge
from experiments import run as command

RULES = "wsrpt,urgency"


def commands(tries: int = 0) -> Situation:
    """Three tasks for a quick agent and three for a slow one, all thought to take 0.05 s; and one that fails at first."""
    built = Situation.new().agent("quick").agent("slow").job("j")
    for t in range(3):
        built.task(f"q{t}", 0.05, kind="k", eligible=["quick"], command="sleep 0.05")
        built.task(f"s{t}", 0.05, kind="k", eligible=["slow"], command="sleep 0.4")
    built.task("bad", 0.05, kind="f", eligible=["quick"], retries=tries, command='test "$PARLEY_TRY" -gt 1')
    return built.build()


def parley_run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of the command."""
    monkeypatch.setattr(sys, "argv", ["parley run", "--json", "--policy", RULES, *arguments])
    try:
        command.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_a_run_begins_with_what_the_last_one_saw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects learning from real runs: durations and failures by agent and kind, each run once, in the time of the world."""
    jobs, known = tmp_path / "jobs.json", tmp_path / "knowledge.json"
    jobs.write_text(commands(tries=1).write(), encoding="utf-8")
    assert parley_run(monkeypatch, str(jobs), "--knowledge", str(known)) == 0
    base = KnowledgeBase.of_json(json.loads(known.read_text(encoding="utf-8"))["knowledge"])
    slow, quick, bad = (base.beliefs[pair] for pair in (("slow", "k"), ("quick", "k"), ("quick", "f")))
    assert (slow.count, quick.count, bad.ended, bad.failures) == pytest.approx(
        (3, 3, 2, 1), abs=0.01
    )  # seconds fade a little
    assert slow.mean > quick.mean
    assert abs(slow.time - jobs.stat().st_mtime) < 600
    before = known.read_bytes()
    assert parley_run(monkeypatch, "--resume", str(jobs), "--knowledge", str(known)) == 0
    assert known.read_bytes() == before
    later = Lessons(known, Knowledge()).told(commands())
    assert {(seen.agent, seen.kind): seen.count for seen in later.history} == {
        ("slow", "k"): 3,
        ("quick", "k"): 3,
        ("quick", "f"): 1,
    }
    monitor = Monitor()
    monitor.look(RunState(later))
    assert monitor.pace.expected("slow", "k", 0.05) > 1.5 * monitor.pace.expected("quick", "k", 0.05)
    capsys.readouterr()


def test_what_a_user_says_of_an_agent_goes_first(tmp_path: Path) -> None:
    """Protects users' own history, and refuses files that hold no knowledge in one line."""
    situation = commands()
    situation = situation.merged({"history": [{"agent": "slow", "kind": "k", "ratios": [2.0]}]})
    assert Lessons(tmp_path / "none.json", Knowledge()).told(situation) == situation
    (tmp_path / "bad.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match=r"bad.json: holds no knowledge"):
        Lessons(tmp_path / "bad.json", Knowledge())
