"""A service while it decides: its last decisions, how long they took, and how it is. The page tells nothing; its news need the token."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from agents.operation.service.core import Core, Decided
from agents.operation.service.refusal import Refusal
from agents.operation.site.problems import Problem
from experiments.reports.live.board import EVERY, MOST_READERS, NOTHING, QUIET, Board, over
from experiments.reports.page import html
from experiments.reports.report import Cell, Chart, Curve, Figure, Report, Sheet

NEWS: Final = "live/news"
STREAM: Final = "text/event-stream"
HEADERS: Final = {"Cache-Control": "no-store", "Content-Security-Policy": "frame-ancestors 'none'"}
OVER: Final = "The service has stopped. parley history lists the decisions that it kept."
MOST_ROWS: Final = 50
"""Of decisions; the chart has all that are remembered."""
router = APIRouter(tags=["watch"])


@router.get("/live", response_class=HTMLResponse)
async def live() -> Response:
    """Show in a browser what is decided and how the service is; where a token is needed, open /live#token=TOKEN."""
    return HTMLResponse(html(report(None, []), NEWS), headers=HEADERS)


@router.get("/live/news", response_class=StreamingResponse, responses={200: {"content": {STREAM: {}}}})
async def news(request: Request) -> Response:
    """Stream how that page changes, as server-sent events."""
    board: Board = request.app.state.board
    stops: Callable[[], bool] = request.app.state.stops
    if board.readers >= MOST_READERS:
        told = Problem(
            "too_many_readers", "", str(MOST_READERS), f"at most {MOST_READERS} readers of this page at once"
        )
        raise Refusal(503, told)

    async def events() -> AsyncIterator[str]:
        with board.reader() as had:  # here, so that a reader who is gone before it begins takes no place
            heard = time.monotonic()
            while not stops():
                text = board.news(had)
                if text or time.monotonic() > heard + QUIET:
                    yield text or NOTHING
                    heard = time.monotonic()
                await asyncio.sleep(EVERY)
            yield board.news(had, last=True) + over(OVER)

    return StreamingResponse(events(), media_type=STREAM, headers=HEADERS)


def watch(app: FastAPI, core: Core, stops: Callable[[], bool]) -> None:
    """Add the page to a service; who reads it is let go once ``stops`` says so."""
    app.state.board, app.state.stops = Board(lambda: report(core, core.lately)), stops
    app.include_router(router)


def report(core: Core | None, made: list[Decided]) -> Report:
    """Return what there is to show of a service; None: its places alone."""
    now: dict[str, Cell] = {}
    if core is not None:
        took = sorted(each.took_ms for each in made)
        now = {
            "is": "ready" if core.ready else "not ready",
            "policy": core.engine.deciders.name,
            "live situation": core.session.tag if core.session.exists else "none",
            **{
                f"{lane.name}: working, waiting": f"{lane.working}, {lane.waiting}"
                for lane in (core.decisions, core.plans)
            },
            "decisions remembered": str(len(made)),
            "of them by the fallback": str(sum(each.fallback for each in made)),
            "median, ms": Figure.of(took[len(took) // 2] if took else math.nan, 3, unit="ms"),
            "slowest, ms": Figure.of(took[-1] if took else math.nan, 3, unit="ms"),
        }
    rows: list[list[Cell]] = [
        [
            f"{datetime.fromtimestamp(each.at, UTC):%Y-%m-%d %H:%M:%S}",
            each.policy,
            (each.reason or "fallback") if each.fallback else "",
            Figure(each.starts, str(each.starts)),
            Figure.of(each.took_ms, 3, unit="ms"),
        ]
        for each in reversed(made[-MOST_ROWS:])
    ]
    numbers = [float(k) for k in range(1, len(made) + 1)]
    return Report(
        "The service, live",
        [
            Sheet("How it is", ["", "now"], [[name, cell] for name, cell in now.items()], left=2),
            Sheet("The last decisions", ["UTC", "by", "why the fallback", "starts", "took, ms"], rows, left=3),
        ],
        ["What was decided is in GET /history, where the service keeps it."],
        [
            Chart(
                "How long decisions took",
                "of those remembered",
                "ms",
                [Curve("took", numbers, [each.took_ms for each in made])],
                "points",
                "Decisions",
            ),
            Chart(
                "How much they started",
                "of those remembered",
                "tasks",
                [Curve("starts", numbers, [float(each.starts) for each in made])],
                "points",
                "Decisions",
            ),
        ],
    )
