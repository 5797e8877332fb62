"""The live page of a service: what was decided, how it is; the page tells nothing to who has no token."""

from __future__ import annotations

import json
from typing import Any

import httpx

from agents.operation.service.core import LATELY, Decided
from agents.operation.site.example import example
from experiments.reports.live import board as boards
from experiments.reports.live.service import report, watch
from experiments.reports.report import as_json
from tests.agents.operation.service.asking import Asker, serving
from tests.experiments.reports.episodes import HOSTILE

TOKEN = "a token of sixteen"


def watched(asker: Asker) -> None:
    """Add the page; its news end at once, with all that there is."""
    watch(asker.app, asker.core, lambda: True)


def told(answer: httpx.Response) -> dict[str, Any]:
    """What the tables say at the end of a stream."""
    parts = [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line.startswith("data: ")]
    return {part["part"]["title"]: part["part"] for part in parts if isinstance(part, dict) and "part" in part}


def test_decisions_and_health_are_told() -> None:
    """Protects who watches a service: a decision is there with who made it, and whether it came from the fallback and why."""
    with serving() as asker:
        watched(asker)
        body = {"content": example().write(), "headers": {"content-type": "application/json"}}
        assert asker("POST", "/decide?deadline_ms=60000", **body).status_code == 200
        assert asker("POST", "/decide?deadline_ms=0", **body).status_code == 200
        answer = asker("GET", "/live/news")
        assert answer.headers["content-type"].startswith("text/event-stream")
        sheets = told(answer)
        rows = sheets["The last decisions"]["rows"]
        assert len(rows) == 2
        assert "deadline" in rows[0][2]
        assert rows[1][2] == ""
        assert rows[1][3]["value"] > 0
        health = dict(sheets["How it is"]["rows"])
        assert (health["is"], health["decisions remembered"], health["of them by the fallback"]) == ("ready", "2", "1")
        assert len(sheets["How long decisions took"]["curves"][0]["y"]) == 2
        assert answer.text.rstrip().endswith('parley history lists the decisions that it kept."}')


def test_only_who_has_the_token_is_told() -> None:
    """Protects decisions: the page itself holds none, what it hears needs the token."""
    with serving(TOKEN) as asker:
        watched(asker)
        page = asker("GET", "/live")
        assert page.status_code == 200
        assert "connect-src 'self'" in page.text
        assert asker.core.engine.deciders.name not in page.text
        assert asker("GET", "/live/news").status_code == 401
        assert asker("GET", "/live/news", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_the_page_has_a_place_for_all_that_is_told() -> None:
    """Protects the page of a service from being loaded anew for ever: its places are the same with nothing in them."""
    with serving() as asker:
        made = [Decided(0.0, HOSTILE, True, HOSTILE, 3, 1.5)] * 5
        assert boards.layout(report(asker.core, made)) == boards.layout(report(None, []))
        json.dumps(as_json(report(asker.core, [])), allow_nan=False)


def test_readers_and_memory_are_bounded() -> None:
    """Protects the service: one reader too many is refused with what would be right, and old decisions are forgotten."""
    with serving() as asker:
        watched(asker)
        board = asker.app.state.board
        readers = [board.reader() for _ in range(boards.MOST_READERS)]
        for reader in readers:
            reader.__enter__()
        answer = asker("GET", "/live/news")
        assert (answer.status_code, answer.json()["problems"][0]["code"]) == (503, "too_many_readers")
        for reader in readers:
            reader.__exit__(None, None, None)
        assert asker("GET", "/live/news").status_code == 200
        assert board.readers == 0
        situation = example()
        decision = asker.core.engine.decide(situation)
        for _ in range(LATELY + 5):
            asker.core.keep(situation, decision)
        assert len(asker.core.lately) == LATELY
