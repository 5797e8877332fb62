"""Routes for whoever watches: what was decided, how the service is, what it counts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from agents.operation.deciding.decision import Decision
from agents.operation.deciding.history import History, HistoryError
from agents.operation.service.body import JSON
from agents.operation.service.core import Core, Here
from agents.operation.service.refusal import Refusal
from agents.operation.site.problems import Problem
from agents.operation.site.situation import Part, Situation

router = APIRouter(tags=["watch"])


class Made(Part):
    """A decision of the history, without what it says."""

    number: int
    made: str
    """Wall time, UTC."""
    time: float
    """Of the situation."""
    policy: str
    fallback: bool
    starts: int


class Kept(Part):
    """A decision of the history, and what it was made from."""

    situation: Situation
    decision: Decision
    kind: Literal["kept"] = "kept"


class Health(Part):
    """How the service is."""

    live: bool
    ready: bool
    """It has decided once, and is not stopping."""
    policy: str
    working: int
    """Requests that are being worked on,"""
    waiting: int
    """and those that wait."""
    situation: str | None
    """Version of the live one."""


@router.get("/health", responses={503: {"model": Health, "description": "live, and not ready"}})
async def health(core: Here, response: Response) -> Health:
    """Answer at once, whatever is being decided; 503 while the service is not ready."""
    lanes = core.decisions, core.plans
    if not core.ready:
        response.status_code = 503
    return Health(
        live=True,
        ready=core.ready,
        policy=core.engine.deciders.name,
        working=sum(lane.working for lane in lanes),
        waiting=sum(lane.waiting for lane in lanes),
        situation=core.session.tag if core.session.exists else None,
    )


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(core: Here) -> Response:
    """Return everything that is counted, as Prometheus reads it."""
    return Response(core.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/history", response_model=list[Made])
async def history(
    core: Here, last: Annotated[int, Query(ge=1, le=10_000, description="so many, in their order")] = 20
) -> Any:
    """List the last decisions."""

    def work(waited: float) -> list[Made]:
        return [Made(**entry._asdict()) for entry in _history(core).entries(last=last)]

    return await core.decisions.do(work)


@router.get("/history/{number}", response_model=Kept)
async def history_entry(core: Here, number: Annotated[int, Path(ge=1, lt=2**63)]) -> Response:
    """Return a decision, and the situation that it was made from."""

    def work(waited: float) -> str:
        try:
            situation, decision = _history(core).get(number)
        except HistoryError:
            raise Refusal(
                404, Problem("unknown_decision", "number", str(number), "one that GET /history lists")
            ) from None
        return Kept(situation=situation, decision=decision).model_dump_json()

    return Response(await core.decisions.do(work), media_type=JSON)


@router.get("/shadow")
async def shadow(core: Here) -> dict[str, Any]:
    """Say how often the policy in the shadow would have decided the same; how many decisions are covered comes first."""
    if core.beside is None:
        raise Refusal(
            404, Problem("no_shadow", "", "absent", "a policy that the service was told to have decide beside")
        )
    return {"policy": core.beside.deciders.name, **core.tally.as_json()}


@router.get("/", include_in_schema=False)
async def routes(request: Request) -> dict[str, str]:
    """List the routes."""
    found: dict[str, str] = {}
    for path, methods in request.app.openapi()["paths"].items():
        found |= {f"{method.upper()} {path}": said["description"] for method, said in methods.items()}
    return {
        **found,
        "GET /docs": "This, for people, to be tried in the browser.",
        "GET /openapi.json": "The same for programs.",
    }


def _history(core: Core) -> History:
    if core.history is None:
        raise Refusal(
            404, Problem("no_history", "", "absent", "kept: give the service a file, parley serve --history DB")
        )
    return core.history
