"""Situations: what is refused, how it is told, and that numbers and names survive."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.operation.deciding.decision import Decision, DecisionEngine
from agents.operation.deciding.validation import violations
from agents.operation.planning.planning import TaskPlanner
from agents.operation.site.conversion import to_site
from agents.operation.site.example import example
from agents.operation.site.options import mean_of
from agents.operation.site.problems import MOST_BYTES, SituationError, read_json
from agents.operation.site.situation import Quantiles, Situation, schema
from envs.events import EventKind
from tests.conftest import ROOT


def small() -> dict[str, Any]:
    """Three tasks of one job on two agents, which share a GPU; a second job is done."""
    built = (
        Situation.new(time=100.0)
        .resource("gpu", 2)
        .agent("ann", speeds={"train": 2.0})
        .agent("bob")
        .job("report", release=10.0, due=400.0, weight=2.0)
        .task("load", 20.0, state="done", agent="ann", since=20.0, until=50.0)
        .task(
            "train", {"p10": 50.0, "p50": 100.0, "p90": 200.0}, kind="train", demands={"gpu": 1}, predecessors=["load"]
        )
        .task("write", 30.0, predecessors=["train"], eligible=["bob"])
        .job("old", release=0.0)
        .task("only", 5.0, state="done")
        .seen("bob", "train", 1.5, 1.2)
        .build()
    )
    value: dict[str, Any] = json.loads(built.write())
    return value


def change(value: Any, path: str, new: Any) -> None:
    """Put ``new`` where a dotted path leads; numbers are places in lists."""
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in way:
        value = value[part]
    value[last] = new


def refused(value: Any) -> list[tuple[str, str]]:
    """Code and path of every problem."""
    with pytest.raises(SituationError) as caught:
        Situation.read(json.dumps(value))
    assert str(caught.value).count("\n") == 0
    return [(problem.code, problem.path) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("path", "new", "code", "told"),
    [
        ("version", 2, "literal_error", "version"),
        ("time", "now", "float_type", "time"),
        ("time", True, "float_type", "time"),
        ("agents.0.nam", "x", "extra_forbidden", "agents[0].nam"),
        ("agents.1.name", "ann", "duplicate_name", "agents[1].name"),
        ("agents.0.capacities", {"gpu": 1}, "unknown_resource", "agents[0].capacities.gpu"),
        ("resources.0.capacity", None, "missing", "resources[0].capacity"),
        ("jobs.0.owner", "eve", "unknown_agent", "jobs[0].owner"),
        ("jobs.0.tasks.1.demands", {"gpus": 1}, "unknown_resource", "jobs[0].tasks[1].demands.gpus"),
        ("jobs.0.tasks.1.demands", {"gpu": -1}, "greater_than_equal", "jobs[0].tasks[1].demands.gpu"),
        ("jobs.0.tasks.1.demands", {"gpu": 3}, "nobody_eligible", "jobs[0].tasks[1]"),
        ("jobs.0.tasks.2.demands", {"gpu": 3}, "too_large", "jobs[0].tasks[2].demands.gpu"),
        ("jobs.0.tasks.1.duration.p10", 150.0, "not_ascending", "jobs[0].tasks[1].duration"),
        ("jobs.0.tasks.2.duration", -1.0, "greater_than_equal", "jobs[0].tasks[2].duration"),
        ("jobs.0.tasks.2.duration", None, "missing", "jobs[0].tasks[2].duration"),
        ("jobs.0.tasks.2.duration", "long", "float_type", "jobs[0].tasks[2].duration"),
        ("jobs.0.tasks.2.eligible", {"bob": -1.0}, "greater_than_equal", "jobs[0].tasks[2].eligible.bob"),
        ("jobs.0.tasks.2.eligible", ["eve"], "unknown_agent", "jobs[0].tasks[2].eligible[0]"),
        ("jobs.0.tasks.2.pinned", "ann", "nobody_eligible", "jobs[0].tasks[2]"),
        ("jobs.0.tasks.1.predecessors", ["lod"], "unknown_task", "jobs[0].tasks[1].predecessors[0]"),
        ("jobs.0.tasks.1.predecessors", ["write"], "cycle", "jobs[0].tasks"),
        ("jobs.0.tasks.2.name", "train", "duplicate_name", "jobs[0].tasks[2].name"),
        ("jobs.0.tasks.2.state", "running", "too_early", "jobs[0].tasks[2].state"),
        ("jobs.0.tasks.1.state", "running", "missing", "jobs[0].tasks[1].agent"),
        ("jobs.0.tasks.1.agent", "ann", "not_started", "jobs[0].tasks[1].agent"),
        ("jobs.0.tasks.0.until", 101.0, "in_the_future", "jobs[0].tasks[0].until"),
        ("jobs.0.tasks.0.since", 60.0, "not_ascending", "jobs[0].tasks[0].until"),
        ("jobs.0.release", 200.0, "not_released", "jobs[0].tasks[0].state"),
        ("jobs.0.arrived", False, "released_before", "jobs[0].arrived"),
        ("jobs.0.tasks", [], "too_short", "jobs[0].tasks"),
        ("history.0.agent", "eve", "unknown_agent", "history[0].agent"),
        (
            "reservations",
            [{"agent": "ann", "job": "report", "task": "write", "start": 1.0}],
            "not_eligible",
            "reservations[0].agent",
        ),
        ("balances", {"eve": 1.0}, "unknown_agent", "balances.eve"),
    ],
)
def test_every_problem_is_told_with_code_and_path(path: str, new: object, code: str, told: str) -> None:
    """Protects users: whatever is wrong is named by its place in their document."""
    value = small()
    change(value, path, new)
    assert (code, told) in refused(value)


@pytest.mark.parametrize(
    ("fields", "code", "told"),
    [
        ({"agent": "eve", "since": 60.0}, "unknown_agent", "jobs[0].tasks[1].agent"),
        ({"agent": "ann", "since": 40.0}, "too_early", "jobs[0].tasks[1].since"),
        ({"agent": "ann", "since": 60.0, "until": 70.0}, "not_done", "jobs[0].tasks[1].until"),
        ({"agent": "ann", "since": 60.0, "eligible": ["bob"]}, "not_eligible", "jobs[0].tasks[1].agent"),
    ],
)
def test_running_tasks_must_be_possible(fields: dict[str, object], code: str, told: str) -> None:
    """Protects the world from running tasks that cannot run."""
    value = small()
    value["jobs"][0]["tasks"][1].update(state="running", **fields)
    assert (code, told) in refused(value)


def test_running_tasks_must_fit() -> None:
    """Protects capacities: of pools, of agents, and of how much an agent does at once."""
    value = small()
    value["jobs"][0]["tasks"][1].update(state="running", agent="ann", since=60.0)
    value["jobs"].append(
        {"name": "more", "tasks": [{"name": "x", "duration": 1.0, "state": "running", "agent": "ann", "since": 60.0}]}
    )
    assert refused(value) == [("overcommitted", "jobs")]
    value["agents"][0]["at_once"] = 2
    assert Situation.read(json.dumps(value)).jobs[2].name == "more"
    value["jobs"][2]["tasks"][0]["demands"] = {"gpu": 2}
    assert refused(value) == [("overcommitted", "jobs")]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ('{"time": 1, "time": 2}', "duplicate_key"),
        ('{"time": NaN}', "finite_number"),
        ("[" * 100_000, "too_deep"),
        ("[" * 20 + "]" * 20, "too_deep"),
        ("{", "json"),
        (b"\xff", "json"),
        ("[]", "model_type"),
        (" " * (MOST_BYTES + 1), "too_large"),
    ],
)
def test_broken_documents_are_refused(document: str | bytes, code: str) -> None:
    """Protects memory and time: size and depth are bounded, and no member is told twice."""
    with pytest.raises(SituationError) as caught:
        Situation.read(document)
    assert caught.value.problems[0].code == code


def test_what_is_odd_is_a_warning() -> None:
    """Protects the difference: a due date that is past is no error."""
    value = small() | {"time": 500.0}
    assert [problem.code for problem in Situation.read(json.dumps(value)).warnings()] == ["due_passed"]


ENGINES = [
    DecisionEngine.load(name)
    for name in ("wsrpt+r,drf", "atc,equal", "policies/batch_queue", "policies/workflow", "policies/project")
]


def _given_back(decision: Decision) -> dict[str, Any]:
    """What the next situation takes over from a decision."""
    kept = [
        {"agent": each.agent, "job": each.job, "task": each.task, "start": each.start} for each in decision.reservations
    ]
    return {"reservations": kept, "price": decision.price}


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_documents_are_read_or_refused(data: st.DataObject) -> None:
    """Protects everybody: any change of any value ends in a situation that a world can be made of, or in typed problems."""
    value = small()
    for _ in range(data.draw(st.integers(1, 3))):
        spot: Any = value
        while True:
            keys = list(spot) if isinstance(spot, dict) else list(range(len(spot)))
            if not keys:
                break
            key = data.draw(st.sampled_from(keys))
            if isinstance(spot[key], dict | list) and spot[key] and data.draw(st.booleans()):
                spot = spot[key]
                continue
            odd = st.sampled_from([None, -1, 0, 1, 1e300, "ann", "gpu", "train", [], {}, True, "running", "done", 99.5])
            if data.draw(st.booleans()):
                spot[key] = data.draw(odd)
            elif isinstance(spot, dict):
                spot.pop(key)
            break
    try:
        situation = Situation.read(json.dumps(value))
    except SituationError as error:
        told = error.problems
    else:
        told = []
        assert Situation.read(situation.write()) == situation
        assert to_site(situation).instance.num_tasks == sum(len(job.tasks) for job in situation.jobs)
        engine = data.draw(st.sampled_from(ENGINES))
        decision = engine.decide(situation)  # its checks have passed, or it raises
        assert decision.reason is None or "standard deviations" in decision.reason
        assert Situation.of({**json.loads(situation.write()), **_given_back(decision)}).price == decision.price
    assert all(problem.code and problem.expected for problem in told)


@given(st.floats(0, 1e12), st.floats(1e-300, 1e12))
def test_numbers_come_back_exactly(time: float, duration: float) -> None:
    """Protects decisions that equal the simulator's: JSON costs no bit."""
    built = Situation.new(time).agent("a").job("j", release=0.0).task("t", duration).build()
    assert Situation.read(built.write()) == built
    assert json.loads(built.write()) == json.loads(Situation.read(built.write()).write())


def test_members_told_twice_are_seen_however_they_are_told() -> None:
    """Protects the quick way of reading: it takes nothing that the careful one refuses, and both take the same from what they take."""
    text = example().write()
    slow = Situation.of(read_json(text))
    assert Situation.read(text) == Situation.read(text.encode()) == Situation.read(example().write(indent=3)) == slow
    twice = [('"gpu":2', '"gpu":2,"gpu":2'), ('"time":3600.0', '"time":1.0,"time":3600.0')]
    twice += [('"time":3600.0', '"time":3600.0,"time" :3600.0'), ('"weight":4.0', '"weight":4.0,"w\\u0065ight":4.0')]
    for old, new in twice:
        with pytest.raises(SituationError, match="duplicate_key"):
            Situation.read(text.replace(old, new, 1))
    for name in (":", 'a"b', "a\\", "\u00e9:", " : "):
        renamed = text.replace('"demo"', json.dumps(name))
        assert Situation.read(renamed) == Situation.of(json.loads(renamed))
        assert Situation.read(renamed).jobs[-1].name == name


def test_merging_goes_by_name() -> None:
    """Protects live sessions: what changed is told, the rest stays."""
    situation = Situation.of(small())
    changes = {
        "time": 120.0,
        "agents": [{"name": "bob", "up": False}, {"name": "cleo"}],
        "jobs": [
            {"name": "old", "remove": True},
            {"name": "report", "tasks": [{"name": "train", "state": "running", "agent": "ann", "since": 110.0}]},
        ],
    }
    merged = situation.merged(changes)
    assert [(agent.name, agent.up) for agent in merged.agents] == [("ann", True), ("bob", False), ("cleo", True)]
    assert [job.name for job in merged.jobs] == ["report"]
    train = merged.jobs[0].tasks[1]
    assert (train.state, train.agent, train.demands) == ("running", "ann", {"gpu": 1})
    assert merged.jobs[0].tasks[0] == situation.jobs[0].tasks[0]
    with pytest.raises(SituationError, match="unknown_name"):
        situation.merged({"agents": [{"name": "eve", "remove": True}]})
    with pytest.raises(SituationError, match="unknown_agent"):
        situation.merged({"agents": [{"name": "bob", "remove": True}]})


def test_the_world_gets_what_was_told() -> None:
    """Protects the conversion: estimates, speeds, options, history and what was done."""
    site = to_site(Situation.of(small()))
    i = site.instance
    assert [job.name for job, _ in site.tasks] == ["old", "report", "report", "report"]
    assert i.job_release.tolist() == [0.0, 10.0]
    mean = mean_of(Quantiles(p10=50.0, p50=100.0, p90=200.0))
    assert mean == pytest.approx(100.0 * np.exp(0.5 * (np.log(4.0) / 2 / 1.2815515655446004) ** 2))
    train = site.numbers["report", "train"]
    assert i.option_nominal[i.option_first[train] : i.option_first[train + 1]].tolist() == [mean / 2, mean]
    beliefs = site.snapshot.beliefs
    assert beliefs is not None
    assert beliefs["count"].sum() == 2
    kinds = site.snapshot.events.kind.tolist()
    assert kinds == [
        EventKind.TASK_SUBMISSION,
        EventKind.TASK_END,
        EventKind.TASK_SUBMISSION,
        EventKind.TASK_START,
        EventKind.TASK_END,
    ]


def test_a_past_that_contradicts_itself_still_teaches() -> None:
    """Protects real sites, whose clocks differ: tasks that overlapped where they could not are done, and their durations are learned."""
    value = small()
    value["jobs"][1]["tasks"][0].update(agent="ann", since=30.0, until=45.0)  # while ann was loading
    site = to_site(Situation.of(value))
    assert EventKind.TASK_START not in site.snapshot.events.kind.tolist()
    assert site.snapshot.beliefs is not None
    assert site.snapshot.beliefs["count"].sum() == 4


def test_appointments_delays_and_kept_progress() -> None:
    """Protects what time alone decides: nothing starts before it may, and what was done already need not be done again."""
    built = Situation.new(100.0).agent("ann").agent("bob").job("j", release=0.0)
    built.task("failed", 50.0, failed=1, earliest=130.0, pinned="ann").task("next", 10.0, predecessors=["failed"])
    built.task("half", 50.0, progress=0.5, pinned="bob", state="running", agent="bob", since=90.0)
    situation = built.build()
    engine = ENGINES[0]
    decision = engine.decide(situation, why_not_of=["failed"])
    assert decision.starts == []
    assert decision.why_not[0].reasons == ["it is not to start before 130 s, in 30 s"]
    assert [(each.kind, each.blocked) for each in decision.analysis.constraints] == [("precedence", 1), ("time", 1)]
    assert "no earlier than 130" in str(violations(situation, [("j", "failed", "ann")], [])[0])
    now = situation.merged({"time": 130.0})
    assert [start.task for start in engine.decide(now).starts] == ["failed"]
    plan = TaskPlanner("fifo,fcfs", ()).plan_task_execution(situation, seconds=60, futures=32)
    starts = {each.task: each.start for each in plan.tasks}
    assert starts["failed"].p10 == starts["failed"].p90 == 130.0
    half = next(each for each in plan.tasks if each.task == "half")
    assert half.end.p10 > 100.0
    assert half.end.p50 < 90.0 + 50.0
    site = to_site(situation)
    assert site.snapshot.earliest is not None
    assert site.snapshot.earliest.tolist() == [130.0, 0.0, 0.0]
    assert site.snapshot.progress is not None
    assert site.snapshot.progress.tolist() == [0.0, 0.0, 0.5]


def test_the_published_schema_is_true() -> None:
    """Protects docs/situation.schema.json: it is what the code checks."""
    published = json.loads((ROOT / "docs" / "situation.schema.json").read_text(encoding="utf-8"))
    assert published == schema()
