"""The engine: who decides when, what is told of a decision, and that nothing invalid passes."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from agents.operation.deciding.coordination import AutonomousCoordinator
from agents.operation.deciding.decision import Decision, DecisionEngine
from agents.operation.deciding.priorities import PriorityManager
from agents.operation.deciding.validation import violations
from agents.operation.site import play_rules
from agents.operation.site.play_rules import PlayRulesError
from agents.operation.site.problems import SituationError
from agents.operation.site.situation import Situation
from agents.policies import SHIPPED_FOLDER, load_prioritizer
from envs.scenario import Limits
from experiments.reports.cards import TrainingRun


def busy() -> Situation:
    """Two agents, three jobs, four GPUs: `ann` runs something, `bob` is free, not everything fits."""
    return (
        Situation.new(time=100.0)
        .resource("gpu", 4)
        .agent("ann")
        .agent("bob")
        .agent("cid", up=False)
        .job("running", release=50.0)
        .task("now", 100.0, demands={"gpu": 2}, eligible=["ann"], state="running", agent="ann", since=60.0)
        .task("next", 10.0, predecessors=["now"])
        .job("short", release=60.0, due=105.0)
        .task("a", 10.0, demands={"gpu": 1}, eligible=["bob", "ann"])
        .job("long", release=70.0, weight=0.5)
        .task("b", 200.0, demands={"gpu": 1}, eligible=["bob"])
        .task("wide", 5.0, demands={"gpu": 4}, eligible=["bob"])
        .task("down", 5.0, eligible=["cid"])
        .job("later", release=500.0)
        .task("c", 5.0)
        .build()
    )


@pytest.mark.parametrize("name", ["wsrpt,drf", "wsrpt", "policies/shared_cluster", "policies/shared_cluster_index"])
def test_a_decision_is_told_by_name(name: str) -> None:
    """Protects users: what starts, why the others do not, and JSON that comes back as it was."""
    decision = DecisionEngine.load(name).decide(busy(), why_not_of=["now", "next", "wide", "down", "c", "short/a"])
    assert not decision.fallback, decision.reason
    assert [(start.job, start.task, start.agent) for start in decision.starts] == [("short", "a", "bob")]
    assert decision.starts[0].expected_end == 110.0
    assert [(grant.resource, grant.units) for grant in decision.grants] == [("gpu", 1)]
    told = {each.task: each.reasons for each in decision.why_not}
    assert told["now"] == ["it is running at ann"]
    assert told["next"] == ["it waits for now, which is running"]
    assert told["wide"][0] == "it needs 4 gpu, of which 2 are free"
    assert told["down"] == ["all agents that may run it are down: cid"]
    assert told["c"] == ["its job comes at 500 s, in 400 s"]
    assert told["a"] == []
    assert (decision.analysis.state.ready, decision.analysis.state.free) == (4, {"gpu": 2})
    assert ("resource", "gpu", 1) in [(each.kind, each.name, each.blocked) for each in decision.analysis.constraints]
    assert [(each.agent, each.tasks) for each in decision.analysis.opportunities] == [("bob", 2)]
    assert "short" in [risk.name for risk in decision.analysis.risks if risk.kind == "late"]
    assert Decision.model_validate(json.loads(decision.write())) == decision


def test_asynchronous_decisions_are_the_same() -> None:
    """Protects the guide's name for it."""
    engine = DecisionEngine.load("wsrpt,drf")
    decision = asyncio.run(engine.make_decision(busy()))
    assert decision.model_copy(update={"took_ms": 0.0}) == engine.decide(busy()).model_copy(update={"took_ms": 0.0})


def test_a_situation_outside_the_rules_of_play_is_left_to_the_fallback() -> None:
    """Protects from policies whose episodes ended before now."""
    engine = DecisionEngine.load("wsrpt,drf", fallback="fifo,fcfs")
    scenario = replace(engine.deciders.rules.scenario, limits=Limits(max_time=50.0))
    engine.deciders.rules = replace(engine.deciders.rules, scenario=scenario)
    decision = engine.decide(busy())
    assert decision.policy == "fifo,fcfs"
    assert decision.reason is not None
    assert "limits.max_time" in decision.reason


class Wrong:
    """Picks what does not exist."""

    def pick(
        self, candidates: NDArray[np.float32], context: NDArray[np.float32], mask: NDArray[np.bool_]
    ) -> NDArray[np.int32]:
        """Return an illegal action for everybody."""
        return np.full(len(mask), mask.shape[1] + 3, np.int32)


def test_the_fallback_decides_in_time() -> None:
    """Protects whoever waits: no answer in time, or a wrong one, is a rule's answer, and says so."""
    engine = DecisionEngine.load("policies/shared_cluster", fallback="fifo,fcfs")
    late = engine.decide(busy(), deadline_ms=0.0)
    assert (late.fallback, late.policy) == (True, "fifo,fcfs")
    assert late.reason is not None
    assert "deadline" in late.reason
    engine.deciders.prioritizer = Wrong()
    wrong = engine.decide(busy())
    assert wrong.reason is not None
    assert "illegal" in wrong.reason
    assert [start.task for start in wrong.starts] == [start.task for start in late.starts]


def test_what_training_never_saw_is_out_of_range() -> None:
    """Protects from extrapolation: numbers far from all that a network was trained on are left to the fallback."""
    strict = DecisionEngine.load("policies/shared_cluster", farthest=0.5)
    decision = strict.decide(busy())
    assert decision.fallback
    assert decision.reason is not None
    assert "standard deviations" in decision.reason


def test_invalid_decisions_never_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects users from a defect of the engine: what the independent checks refuse, the fallback decides."""
    engine = DecisionEngine.load("wsrpt,drf", fallback="fifo,fcfs")
    real, calls = engine._play, []  # noqa: SLF001

    def broken(site: Any, by: Any, limits: Any) -> Any:
        outcome = real(site, by, limits)
        calls.append(by.name)
        if len(calls) == 1:
            outcome.starts = [start._replace(task=site.numbers["long", "wide"]) for start in outcome.starts]
        return outcome

    monkeypatch.setattr(engine, "_play", broken)
    decision = engine.decide(busy())
    assert calls == ["wsrpt,drf", "fifo,fcfs"]
    assert decision.reason is not None
    assert "invalid" in decision.reason


@pytest.mark.parametrize(
    ("starts", "reservations", "expected"),
    [
        ([("short", "a", "bob")], [], None),
        ([], [("running", "next", "bob")], None),
        ([("short", "x", "bob")], [], "that exist"),
        ([("running", "now", "ann")], [], "this one is running"),
        ([("later", "c", "bob")], [], "that is here"),
        ([("long", "down", "cid")], [], "that is up"),
        ([("long", "b", "ann")], [], "that may run it"),
        ([("running", "next", "bob")], [], "predecessors are done"),
        ([("short", "a", "ann")], [], "at most 1"),
        ([("long", "wide", "bob")], [], "at most 4"),
        ([("short", "a", "bob"), ("short", "a", "bob")], [], "once only"),
        ([("short", "a", "bob"), ("long", "b", "bob")], [], "at most 1"),
    ],
)
def test_validation_sees_every_violation(starts: Any, reservations: Any, expected: str | None) -> None:
    """Protects the last line of defence, which knows nothing of the world."""
    found = [problem.expected for problem in violations(busy(), starts, reservations)]
    assert (found == []) if expected is None else (expected in found[0])


def test_priorities_are_explained_by_occlusion() -> None:
    """Protects explanations: a rule's scores move by the columns that it reads, and by no other."""
    engine = DecisionEngine.load("wsrpt,drf")
    found = engine.decide(busy(), explain=True).priorities
    assert {each.agent for each in found} == {"bob"}
    assert [each.rank for each in found] == list(range(1, len(found) + 1))
    assert [each.task for each in found if each.picked] == ["a"]
    assert all(set(each.moved_by) == {"wsrpt"} for each in found)
    manager = PriorityManager(load_prioritizer("policies/shared_cluster"))
    rules = play_rules.read(SHIPPED_FOLDER / "shared_cluster")
    one = manager.determine_priorities(["short/a"], busy(), rules=rules)
    assert [(each.task, bool(each.moved_by)) for each in one] == [("a", True)]
    with pytest.raises(SituationError, match="unknown_task"):
        manager.determine_priorities(["z"], busy())


def test_coordination_tells_needs_and_turns() -> None:
    """Protects the view by agent."""
    agreed = AutonomousCoordinator(DecisionEngine.load("wsrpt,drf")).coordinate_actions(["bob", "ann"], busy())
    assert [(need.resource, need.wanted, need.free, need.granted) for need in agreed.needs] == [("gpu", 6, 2, 1)]
    assert [(turn.agent, turn.starts, turn.units) for turn in agreed.turns] == [
        ("bob", ["short/a"], {"gpu": 1}),
        ("ann", [], {}),
    ]


def test_policies_without_rules_of_play_are_refused(tmp_path: Path) -> None:
    """Protects from deciding by rules that a policy never knew; a training run has them beside its policy."""
    run = tmp_path / "run"
    shutil.copytree(SHIPPED_FOLDER / "job_shop" / "prioritizer", run / "policy" / "prioritizer")
    with pytest.raises(PlayRulesError, match=r"rules\.json: no such file"):
        DecisionEngine.load(str(run))
    shutil.copy(SHIPPED_FOLDER / "job_shop" / "rules.json", run / "rules.json")
    assert DecisionEngine.load(str(run)).deciders.rules == play_rules.read(SHIPPED_FOLDER / "job_shop")


@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in SHIPPED_FOLDER.glob("*/config.yaml")), ids=lambda folder: folder.name
)
def test_shipped_policies_know_their_rules_of_play(folder: Path) -> None:
    """Protects decisions outside: the rules beside a policy are those of its training."""
    assert play_rules.read(folder) == TrainingRun.read(folder).rules()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "format is 2, must be 1"),
        ({"candidates": 0}, "candidates is 0"),
        ({"candidates": True}, "candidates is True"),
        ({"knowledge": {"lern": True}}, "knowledge.lern is unknown"),
        ({"objective": {"flow": "much"}}, "objective.flow is 'much'"),
        ({"more": 1}, "must be an object"),
    ],
)
def test_damaged_rules_of_play_are_told(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    """Protects from deciding by other rules than those of training."""
    value = play_rules.DEFAULT.as_json()
    (tmp_path / "rules.json").write_text(json.dumps(value))
    assert play_rules.read(tmp_path) == replace(play_rules.DEFAULT)
    (tmp_path / "rules.json").write_text(json.dumps({**value, **change}))
    with pytest.raises(PlayRulesError, match=message):
        play_rules.read(tmp_path)
