"""No request hurts another: not by its size, its depth, its slowness, its number or by what breaks in it; and only who may asks."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from agents.operation.deciding.decision import Decision
from agents.operation.service.lane import Lane
from agents.operation.service.refusal import Refusal
from agents.operation.settings import Operation, Planning, Service, SettingsError
from agents.operation.site.example import example
from tests.agents.operation.service.asking import JSON, Asker, serving, slowly

TASKS = example().write()
TOKEN = "a-token-that-is-long"


def told(answer: httpx.Response) -> tuple[int, str]:
    """The status, and the code of the first problem."""
    return answer.status_code, answer.json()["problems"][0]["code"]


class Blocked:
    """An engine that decides only when it may."""

    def __init__(self, asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take the place of a service's engine."""
        self.may, self.began, decide = threading.Event(), threading.Semaphore(0), asker.core.engine.decide

        def wait(*arguments: Any, **how: Any) -> Decision:
            self.began.release()
            assert self.may.wait(60)
            return decide(*arguments, **how)

        monkeypatch.setattr(asker.core.engine, "decide", wait)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused(chunked: bool) -> None:
    """Protects memory: neither a length that is told nor one that is not lets more in than may come."""
    with serving(service=Service(body_bytes=2000)) as ask:
        for size, status in ((len(TASKS), 200), (2001, 413), (10**6, 413)):
            body = TASKS.encode().ljust(size)
            content = slowly([body[k : k + 1500] for k in range(0, size, 1500)], 0.0) if chunked else body
            assert ask("POST", "/decide", content=content, headers=JSON).status_code == status


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    """Protects connections from who sends a letter now and then."""
    with serving(service=Service(seconds=0.2)) as ask:
        answer = ask("POST", "/decide", content=slowly([b"{", b"}"], 0.3), headers=JSON)
        assert told(answer) == (408, "slow_body")
        assert answer.headers["connection"] == "close"


def test_more_than_may_wait_is_refused_and_health_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects who waits: the queue is bounded, who is refused hears when to come back, and the event loop is free meanwhile."""
    with serving(service=Service(decisions=2, waiting=3)) as ask:
        blocked = Blocked(ask, monkeypatch)

        async def crowd() -> tuple[dict[str, Any], list[httpx.Response]]:
            async with ask.client() as client:
                asked = [asyncio.create_task(client.post("/decide", content=TASKS, headers=JSON)) for _ in range(9)]
                await asyncio.to_thread(blocked.began.acquire, timeout=60)
                await asyncio.to_thread(blocked.began.acquire, timeout=60)
                health = (await client.get("/health")).json()
                planned = await client.post("/plan?futures=1", content=TASKS, headers=JSON)
                assert planned.status_code == 200  # plans have a lane of their own
                blocked.may.set()
                return health, await asyncio.gather(*asked)

        health, answers = asyncio.run(crowd())
        assert (health["working"], health["waiting"]) == (2, 3)
        assert [answer.status_code for answer in answers].count(200) == 5
        refused = [answer for answer in answers if answer.status_code != 200]
        assert [(told(answer), answer.headers["retry-after"]) for answer in refused] == [((503, "busy"), "1")] * 4
        assert ask("POST", "/decide", content=TASKS, headers=JSON).status_code == 200


def test_who_is_too_slow_keeps_a_place_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the bound on what works at once: an answer that nobody waits for any more still counts until it is done."""
    with serving(service=Service(decisions=1, waiting=1, seconds=0.3)) as ask:
        blocked = Blocked(ask, monkeypatch)
        assert told(ask("POST", "/decide", content=TASKS, headers=JSON)) == (503, "too_slow")
        assert ask("GET", "/health").json()["working"] == 1
        assert told(ask("POST", "/decide", content=TASKS, headers=JSON)) == (503, "too_slow")  # waited, and never began
        assert ask("GET", "/health").json()["waiting"] == 0
        blocked.may.set()
        until = time.monotonic() + 60
        while ask("GET", "/health").json()["working"]:
            assert time.monotonic() < until
        assert ask("POST", "/decide", content=TASKS, headers=JSON).status_code == 200


def test_waiting_counts_for_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects who gives a deadline: it is of the answer, not of the time after the queue."""
    with serving() as ask:
        monkeypatch.setattr(ask.core.decisions, "do", _late(ask.core.decisions))
        decision = ask("POST", "/decide?deadline_ms=5000", content=TASKS, headers=JSON).json()
        assert decision["fallback"]
        assert not ask("POST", "/decide?deadline_ms=50000", content=TASKS, headers=JSON).json()["fallback"]


def _late(lane: Lane) -> Any:
    """A lane's ``do`` for work that has waited for ten seconds."""
    do = lane.do
    return lambda task: do(lambda waited: task(waited + 10.0))


def test_what_breaks_hurts_nobody_else(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Protects everybody else from a defect: it is one answer with a number, which the log explains, between right ones."""
    with serving() as ask:
        decide = ask.core.engine.decide

        def break_some(situation: Any, **how: Any) -> Decision:
            if situation.time == 13.0:
                raise ZeroDivisionError("of the test")
            return decide(situation, **how)

        monkeypatch.setattr(ask.core.engine, "decide", break_some)
        broken = '{"time": 13.0, "agents": [{"name": "a"}], "jobs": [{"name": "j", "tasks": [{"name": "t", "duration": 1}]}]}'
        asked = [("POST", "/decide", {"content": body, "headers": JSON}) for body in (TASKS, broken, "{", TASKS) * 3]
        answers = ask.all(asked)
        assert [answer.status_code for answer in answers] == [200, 500, 422, 200] * 3
        assert told(answers[1]) == (500, "bug")
        assert "of the test" not in answers[1].text
        number = answers[1].json()["problems"][0]["value"].split()[1]
        assert f"error {number}" in caplog.text
        assert "of the test" in caplog.text


def test_a_shadow_that_breaks_hurts_nobody(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Protects what is decided from the policy beside it."""
    with serving(shadow="fifo,fcfs", service=Service(decisions=1)) as ask:
        assert ask.core.beside is not None
        monkeypatch.setattr(ask.core.beside, "decide", lambda situation: 1 / 0)
        for _ in range(2):
            assert ask("POST", "/decide", content=TASKS, headers=JSON).status_code == 200
        assert ask.core.decisions.submit(int).result(60) == 0  # type: ignore[union-attr]
        assert ask("GET", "/shadow").json()["decisions"] == 0
        assert "the shadow failed" in caplog.text


def test_what_cannot_be_kept_is_not_given(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Protects the history from gaps that nobody hears of."""
    with serving(history=str(tmp_path / "history.db")) as ask:
        assert ask("POST", "/decide", content=TASKS, headers=JSON).status_code == 200
        with closing(sqlite3.connect(tmp_path / "history.db")) as base:
            base.executescript("DROP TABLE decisions")
        assert told(ask("POST", "/decide", content=TASKS, headers=JSON)) == (503, "not_kept")
        assert "the history is not kept" in caplog.text


def test_requests_at_once_are_answered_as_one_by_one() -> None:
    """Protects who shares a service: threads share networks and rules, and each gets its own answer."""
    policy = "policies/shared_cluster"
    with serving(policy=policy, deadline_ms=None, service=Service(decisions=4)) as ask:
        situations = [example().merged({"time": 3600.0 + 60 * k, "agents": {f"new-{k}": {}}}) for k in range(8)]
        expected = [ask.core.engine.decide(situation).starts for situation in situations]
        assert len({str(starts) for starts in expected}) > 1
        asked = [("POST", "/decide", {"content": each.write(), "headers": JSON}) for each in situations]
        answers = [Decision.model_validate_json(answer.text) for answer in ask.all(asked)]
        assert [answer.starts for answer in answers] == expected


@pytest.fixture(scope="module")
def guarded() -> Iterator[Asker]:
    """A service with a token."""
    with serving(token=TOKEN) as asker:
        yield asker


@pytest.mark.parametrize(
    "given", [None, "", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN, "Bearer ÿ"]
)
@pytest.mark.parametrize("path", ["/situation", "/metrics", "/history", "/docs-assets", "/none", "/health/", "/docs/x"])
def test_without_the_token_nothing_is_told(guarded: Asker, path: str, given: str | None) -> None:
    """Protects a service that others can reach."""
    headers = {} if given is None else {"Authorization": given.encode("latin-1")}
    answer = guarded("GET", path, headers=headers)
    assert told(answer) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in answer.text


def test_with_the_token_everything_is(guarded: Asker) -> None:
    """Protects who has it, and what needs none."""
    for path in ("/health", "/", "/docs", "/openapi.json", "/docs-assets/swagger-ui.css"):
        assert guarded("GET", path).status_code == 200
    assert (
        "HTTPBearer" in guarded("GET", "/openapi.json").json()["components"]["securitySchemes"]
    )  # /docs can ask for it
    for scheme in ("Bearer", "bearer"):
        headers = {"Authorization": f"{scheme} {TOKEN}", "Host": "elsewhere.example"}
        assert guarded("GET", "/metrics", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8731", 200),
        ("127.0.0.1:8731", 200),
        ("[::1]:8731", 200),
        ("elsewhere.example", 421),
        ("localhost.elsewhere.example", 421),
        ("", 421),
    ],
)
def test_names_of_other_sites_do_not_lead_here(host: str, status: int) -> None:
    """Protects who has a browser open beside a service without a token."""
    with serving() as ask:
        assert ask("GET", "/metrics", headers={"Host": host}).status_code == status


def test_not_ready_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects who puts a service behind others: it is live at once, and ready when it has decided, and no longer when it stops."""
    with serving() as ask:
        ask.core.ready = False
        assert (ask("GET", "/health").status_code, ask("GET", "/health").json()["live"]) == (503, True)
        ask.core.warm_up()
        assert (ask("GET", "/health").status_code, ask("GET", "/health").json()["ready"]) == (200, True)
        ask.core.close()
        assert ask("GET", "/health").status_code == 503


def test_work_that_did_not_begin_is_given_up_when_a_lane_closes() -> None:
    """Protects the end: closing tells what is still being done, and does not wait for it."""
    lane, may = Lane("test", 1, 5, 60.0), threading.Event()
    running, waiting = lane.submit(lambda: may.wait(60)), lane.submit(int)
    assert running is not None
    assert waiting is not None
    assert lane.close() == 1
    assert waiting.cancelled()
    may.set()
    assert lane.close(patience=60.0) == 0
    assert running.result()


def test_who_asks_a_full_lane_is_refused() -> None:
    """Protects the bound itself."""
    lane, may = Lane("test", 1, 0, 60.0), threading.Event()
    assert lane.submit(lambda: may.wait(60)) is not None
    with pytest.raises(Refusal, match="busy"):
        asyncio.run(lane.do(lambda waited: None))
    may.set()
    lane.close()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Operation(deadline_ms=-1.0), "deadline_ms is -1"),
        (lambda: Operation(farthest=float("nan")), "farthest is nan"),
        (lambda: Planning(seconds=-1.0), "planning.seconds is -1"),
        (lambda: Planning(futures=0), "planning.futures is 0"),
        (lambda: Service(port=65_536), "service.port is 65536, must be in 0..65535"),
        (lambda: Service(decisions=0), "service.decisions is 0"),
        (lambda: Service(plans=0), "service.plans is 0"),
        (lambda: Service(waiting=-1), "service.waiting is -1"),
        (lambda: Service(body_bytes=0), "service.body_bytes is 0"),
        (lambda: Service(seconds=0.0), "service.seconds is 0"),
        (lambda: Service(stop_seconds=0), "service.stop_seconds is 0, must be in 1..86400"),
    ],
)
def test_settings_have_bounds(make: Any, message: str) -> None:
    """Protects from a service that cannot serve."""
    with pytest.raises(SettingsError, match=message):
        make()
