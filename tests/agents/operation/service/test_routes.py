"""The service answers what the engine and the planner say, and keeps a situation that nobody changes under somebody else's feet."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agents.operation.deciding.decision import Decision, DecisionEngine
from agents.operation.planning.planning import ExecutionPlan
from agents.operation.settings import Service
from agents.operation.site.example import example
from agents.operation.site.situation import Situation
from experiments.reports.live.service import watch
from tests.agents.operation.service.asking import JSON, RULES, Asker, serving
from tests.conftest import ROOT


@pytest.fixture
def ask() -> Iterator[Asker]:
    """A service of rules."""
    with serving() as asker:
        yield asker


@pytest.fixture
def live(ask: Asker) -> Asker:
    """A service that has a situation."""
    assert ask("PUT", "/situation", content=example().write(), headers=JSON).status_code == 201
    return ask


def same(text: str, other: Decision) -> bool:
    """Whether a decision is another one, but for how long it took."""
    return Decision.model_validate_json(text).model_copy(update={"took_ms": 0}) == other.model_copy(
        update={"took_ms": 0}
    )


def test_it_decides_as_the_engine_does(live: Asker) -> None:
    """Protects callers: a body, and the live situation, are decided about as in Python."""
    expected = DecisionEngine.load(RULES).decide(example(), explain=True, why_not_of=["train", "write"])
    for content, headers in ((example().write(), JSON), ("", {})):
        answer = live("POST", "/decide?explain=true&why_not=train&why_not=write", content=content, headers=headers)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        assert same(answer.text, expected)


def test_it_explains_and_plans_as_the_planner_does(live: Asker) -> None:
    """Protects callers of the other questions, and the futures that cases share."""
    told = live("POST", "/explain?task=paper/train").json()
    assert (told["kind"], told["job"], told["starts"], told["policy"]) == ("explanation", "paper", False, RULES)
    assert told["reasons"]
    assert {each["task"] for each in told["priorities"]} == {"train"}
    made = ExecutionPlan.model_validate_json(live("POST", "/plan?futures=4&seed=7&seconds=9").text)
    assert made.futures == 4
    job = live("POST", "/plan?futures=4&seed=7&seconds=9&job=paper").json()
    assert job == made.job("paper").model_dump()
    cases = {"down": ["ada"], "changes": {"late": {"jobs": {"paper": {"due": 1e6}}}}}
    plans = live("POST", "/what-if?futures=4&seed=7&seconds=9", json=cases).json()["plans"]
    assert list(plans) == ["now", "ada down", "late"]
    found = {name: ExecutionPlan.model_validate(plan).job("paper") for name, plan in plans.items()}
    assert found["now"] == made.job("paper")
    assert found["late"].on_time == 1.0
    assert found["ada down"].end.p50 > found["now"].end.p50


def test_a_deadline_that_passed_is_told(live: Asker) -> None:
    """Protects who waits: a named rule answers, says so, and is counted."""
    decision = Decision.model_validate_json(live("POST", "/decide?deadline_ms=0").text)
    assert decision.fallback
    assert "deadline" in str(decision.reason)
    assert counted(live)["parley_fallbacks_total"] == 1
    assert not Decision.model_validate_json(live("POST", "/decide").text).fallback
    assert counted(live)["parley_fallbacks_total"] == 1


def test_a_situation_is_changed_by_name(live: Asker) -> None:
    """Protects live situations: parts are changed, added and taken out by name, and everything else stays."""
    changes = {
        "time": 3700,
        "resources": {"license": None, "disk": {"capacity": 9}},
        "agents": {"ada": {"speeds": {}}, "dan": {}},
        "jobs": {
            "forecast": {"tasks": {"publish": None}},
            "nightly": {"tasks": {"check": None}},
            "paper": {"tasks": {"figures": {"demands": {"disk": 2}}}},
            "demo": None,
        },
    }
    answer = live("PATCH", "/situation", json=changes)
    assert answer.status_code == 200, answer.text
    now = Situation.read(answer.text)
    assert now == Situation.read(live("GET", "/situation").text)
    assert [each.name for each in now.resources] == ["gpu", "disk"]
    assert [each.name for each in now.agents] == ["ada", "ben", "cy", "dan"]
    assert [job.name for job in now.jobs] == ["forecast", "nightly", "paper"]
    assert now.jobs[2].tasks[0].demands == {"disk": 2}
    assert now.jobs[2].tasks[1:] == example().jobs[2].tasks[1:]
    assert (now.time, now.agents[0].speeds) == (3700, {})


def test_lost_updates_are_refused(live: Asker) -> None:
    """Protects two who change at the same time: whoever saw an earlier version is told, and nothing is overwritten."""
    document = example().write()
    first = live("GET", "/situation").headers["etag"]
    second = live("PATCH", "/situation", json={"time": 3700}, headers={"If-Match": first}).headers["etag"]
    assert second != first
    for method, content in (("PATCH", '{"time": 4000}'), ("PUT", document)):
        answer = live(method, "/situation", content=content, headers={**JSON, "If-Match": first})
        assert (answer.status_code, answer.headers["etag"]) == (412, second)
        assert second in answer.json()["problems"][0]["expected"]
    assert live("PUT", "/situation", content=document, headers=JSON).status_code == 428
    assert Situation.read(live("GET", "/situation").text).time == 3700
    for match in (f'"other", {second}', "*"):
        answer = live("PUT", "/situation", content=document, headers={**JSON, "If-Match": match})
        assert (answer.status_code, answer.text) == (200, document)
    with serving() as restarted:
        restarted("PUT", "/situation", content=document, headers=JSON)
        assert restarted("PATCH", "/situation", json={}, headers={"If-Match": first}).status_code == 412


def test_many_who_change_lose_nothing(live: Asker) -> None:
    """Protects changes without If-Match that come together: all of them are there afterwards."""
    with ThreadPoolExecutor(4) as crowd:
        changes = [{"agents": {f"new-{k}": {}}} for k in range(12)]
        assert {
            each.status_code for each in crowd.map(lambda change: live("PATCH", "/situation", json=change), changes)
        } == {200}
    names = [agent.name for agent in Situation.read(live("GET", "/situation").text).agents]
    assert sorted(names[3:]) == sorted(f"new-{k}" for k in range(12))


TASKS = example().write()
QUESTION = '{"down": ["ada"], "situation": ' + TASKS.replace('{"gpu":1}', '{"gpus":1}') + "}"
MISSPELT = TASKS.replace('{"gpu":1}', '{"gpus":1}')


@pytest.mark.parametrize(
    ("method", "path", "how", "status", "code", "place"),
    [
        ("POST", "/decide", {"content": "{", "headers": JSON}, 422, "json", ""),
        ("POST", "/decide", {"content": "[" * 99 + "]" * 99, "headers": JSON}, 422, "too_deep", ""),
        ("POST", "/decide", {"content": '{"time": NaN}', "headers": JSON}, 422, "finite_number", ""),
        ("POST", "/decide", {"content": '{"time": 1, "time": 2}', "headers": JSON}, 422, "duplicate_key", ""),
        ("POST", "/decide", {"json": {"time": "now"}}, 422, "float_type", "time"),
        ("POST", "/decide", {"content": MISSPELT, "headers": JSON}, 422, "unknown_resource", "jobs[3].tasks[0].demands.gpus"),
        ("POST", "/decide", {"content": TASKS}, 415, "media_type", "Content-Type"),
        ("POST", "/decide", {"content": TASKS, "headers": {"content-type": "text/plain"}}, 415, "media_type", "Content-Type"),
        ("POST", "/decide?deadline_ms=-1", {}, 422, "greater_than_equal", "query.deadline_ms"),
        ("POST", "/decide?why_not=none", {}, 422, "unknown_task", "task"),
        ("POST", "/explain", {}, 422, "missing", "query.task"),
        ("POST", "/explain?task=none", {}, 422, "unknown_task", "task"),
        ("POST", "/plan?futures=0", {}, 422, "greater_than_equal", "query.futures"),
        ("POST", "/plan?futures=1&job=none", {}, 422, "unknown_job", "job"),
        ("POST", "/what-if", {"json": {}}, 422, "missing", "changes"),
        ("POST", "/what-if", {"json": {"changes": {str(k): {} for k in range(33)}}}, 422, "too_large", "changes"),
        ("POST", "/what-if", {"json": {"down": ["none"]}}, 422, "unknown_agent", "down"),
        ("POST", "/what-if", {"json": {"changes": {"a": {"jobs": {"paper": {"due": "x"}}}}}}, 422, "float_type", "changes.a.jobs[2].due"),
        ("POST", "/what-if", {"json": {"changes": {"now": {}}}}, 422, "reserved", "changes.now"),
        ("POST", "/what-if", {"content": QUESTION, "headers": JSON}, 422, "unknown_resource", "situation.jobs[3].tasks[0].demands.gpus"),
        ("PATCH", "/situation", {"content": "[]", "headers": JSON}, 422, "dict_type", ""),
        ("PATCH", "/situation", {"json": {"agents": {"none": None}}}, 422, "unknown_name", "agents[0].name"),
        ("PATCH", "/situation", {"json": {"agents": {"ada": 3}}}, 422, "dict_type", "agents.ada"),
        ("PATCH", "/situation", {"json": {"agents": {"ada": {"name": "eve"}}}}, 422, "dict_type", "agents.ada"),
        ("PATCH", "/situation", {"json": {"agents": {"ben": None}}}, 422, "unknown_agent", "jobs[0].tasks[2].eligible[1]"),
        ("PATCH", "/situation", {"json": {"colour": "red"}}, 422, "extra_forbidden", "colour"),
        ("GET", "/history", {}, 404, "no_history", ""),
        ("GET", "/history/1", {}, 404, "no_history", ""),
        ("GET", "/shadow", {}, 404, "no_shadow", ""),
        ("GET", "/none", {}, 404, "no_route", ""),
        ("DELETE", "/situation", {}, 405, "no_route", ""),
    ],
)  # fmt: skip
def test_mistakes_are_typed(
    live: Asker, method: str, path: str, how: dict[str, Any], status: int, code: str, place: str
) -> None:
    """Protects callers: what is wrong has a code, a place, a value and what would be right, and changes nothing."""
    before = live("GET", "/situation")
    answer = live(method, path, **how)
    problems = answer.json()["problems"]
    assert (answer.status_code, problems[0]["code"], problems[0]["path"]) == (status, code, place)
    assert all(problem["value"] and problem["expected"] for problem in problems)
    after = live("GET", "/situation")
    assert (after.text, after.headers["etag"]) == (before.text, before.headers["etag"])


def test_without_a_situation_nothing_is_made_up(ask: Asker) -> None:
    """Protects who asks too early."""
    for method, path, how in (
        ("POST", "/decide", {}),
        ("GET", "/situation", {}),
        ("PATCH", "/situation", {"json": {}}),
        ("POST", "/what-if", {"json": {"down": ["a"]}}),
    ):
        answer = ask(method, path, **how)
        assert (answer.status_code, answer.json()["problems"][0]["code"]) == (404, "no_situation")
    assert ask("PUT", "/situation", content=TASKS, headers={**JSON, "If-Match": "*"}).status_code == 412


def test_what_was_decided_is_kept(tmp_path: Path) -> None:
    """Protects whoever asks later: every decision is in the history, with what it was made from."""
    with serving(history=str(tmp_path / "history.db")) as ask:
        for _ in range(3):
            text = ask("POST", "/decide", content=TASKS, headers=JSON).text
        assert [(each["number"], each["policy"]) for each in ask("GET", "/history?last=2").json()] == [
            (2, RULES),
            (3, RULES),
        ]
        kept = ask("GET", "/history/3").json()
        assert Situation.of(kept["situation"]) == example()
        assert Decision.model_validate(kept["decision"]) == Decision.model_validate_json(text)
        missing = ask("GET", "/history/4")
        assert (missing.status_code, missing.json()["problems"][0]["code"]) == (404, "unknown_decision")


def test_a_policy_decides_in_the_shadow() -> None:
    """Protects who tries a policy: it is counted beside what is decided, and is not obeyed."""
    with serving(shadow="fifo,fcfs", service=Service(decisions=1)) as ask:
        decision = Decision.model_validate_json(ask("POST", "/decide", content=TASKS, headers=JSON).text)
        assert same(decision.write(), DecisionEngine.load(RULES).decide(example()))
        behind = ask.core.decisions.submit(int)
        assert behind is not None
        behind.result(60)
        tally = ask("GET", "/shadow").json()
        assert list(tally)[:3] == ["policy", "decisions", "covered"]
        assert (tally["policy"], tally["decisions"], tally["covered"], tally["agreed"]) == ("fifo,fcfs", 1, 1, 0)
        assert counted(ask)["parley_shadow_decisions_total", "other"] == 1


def counted(ask: Asker) -> dict[Any, float]:
    """What the service counts, by name and, where there are labels, their values."""
    return {
        (sample.name, *sample.labels.values()) if sample.labels else sample.name: sample.value
        for family in text_string_to_metric_families(ask("GET", "/metrics").text)
        for sample in family.samples
    }


def test_prometheus_can_read_what_is_counted(live: Asker) -> None:
    """Protects dashboards: routes, not paths, are counted, so that nobody can fill the memory with names."""
    live("POST", "/decide")
    for k in range(3):
        live("GET", f"/none/{k}")
        live("GET", f"/history/{k + 1}")
    found = counted(live)
    assert found["parley_requests_total", "/decide", "200"] == 1
    assert found["parley_requests_total", "other", "404"] == 3
    assert found["parley_requests_total", "/history/{number}", "404"] == 3
    assert found["parley_request_seconds_count", "/decide"] == 1
    assert found["parley_decisions_total", RULES] == 1
    assert found["parley_waiting", "decisions"] == found["parley_working", "decisions"] == 0


def test_docs_need_no_internet(ask: Asker) -> None:
    """Protects who works offline: the page loads nothing from elsewhere, and what it loads is there."""
    page = ask("GET", "/docs").text
    loaded = re.findall(r"""(?:href|src)="([^"]+)""", page)
    assert len(loaded) == 3
    assert {ask("GET", path).status_code for path in loaded} == {200}
    assert "http" not in "".join(loaded)


def test_the_schema_is_whole(ask: Asker) -> None:
    """Protects programs that read /openapi.json: whatever it refers to is there, and bodies are described."""
    text = ask("GET", "/openapi.json").text
    schema = json.loads(text)
    assert set(re.findall(r'"#/components/schemas/([^"]+)"', text)) <= set(schema["components"]["schemas"])
    bodies = [said for methods in schema["paths"].values() for said in methods.values() if "requestBody" in said]
    assert len(bodies) == 6
    assert all(each["requestBody"]["content"]["application/json"]["schema"]["properties"] for each in bodies)


def test_every_route_is_explained() -> None:
    """Protects docs/serve.md and the list of routes: exactly those that there are."""
    with serving() as ask:
        watch(ask.app, ask.core, lambda: True)
        paths, listed = (ask("GET", path).json() for path in ("/openapi.json", "/"))
    there = {f"{method.upper()} {path}" for path, methods in paths["paths"].items() for method in methods}
    page = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
    told = {
        name
        for row in re.findall(r"^\| (`[A-Z]+ /.*?) \|", page, re.MULTILINE)
        for name in re.findall(r"`([^`]+)`", row)
    }
    assert there | {"GET /"} == told
    assert there | {"GET /docs", "GET /openapi.json"} == set(listed)
    assert all(listed.values())
