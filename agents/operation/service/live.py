"""Routes of the live situation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Header, Response

from agents.operation.service.body import JSON, Body, documented
from agents.operation.service.core import Here
from agents.operation.site.problems import Problem, SituationError, read_json, shown
from agents.operation.site.situation import Situation

router = APIRouter(tags=["the live situation"])
CREATED: Final = 201

IfMatch = Annotated[str | None, Header(description="the ETag of the situation that is changed; * for whichever it is")]


@router.get("/situation", response_model=Situation)
async def get_situation(core: Here) -> Response:
    """Return the situation; its ETag is its version."""

    def work(waited: float) -> Response:
        situation, tag = core.session.get()
        return Response(situation.write(), media_type=JSON, headers={"ETag": tag})

    return await core.decisions.do(work)


@router.put(
    "/situation",
    response_model=Situation,
    openapi_extra=documented(Situation, required=True, what="The situation from now on."),
)
async def put_situation(core: Here, body: Body, if_match: IfMatch = None) -> Response:
    """Replace the situation as a whole; the first one needs no If-Match."""

    def work(waited: float) -> Response:
        situation = Situation.read(body)
        tag, first = core.session.put(situation, if_match)
        return Response(situation.write(), CREATED if first else 200, {"ETag": tag}, JSON)

    return await core.decisions.do(work)


@router.patch(
    "/situation",
    response_model=Situation,
    openapi_extra=documented(Situation, required=True, what="What changes, by name; null takes a named part out."),
)
async def patch_situation(core: Here, body: Body, if_match: IfMatch = None) -> Response:
    """Merge changes by name: agents, jobs, their tasks and resources that are named change, are added, or, where null, taken out."""

    def work(waited: float) -> Response:
        changes = read_json(body)
        if not isinstance(changes, Mapping):
            raise SituationError([Problem("dict_type", "", shown(changes), "an object")])
        situation, tag = core.session.patch(changes, if_match)
        return Response(situation.write(), 200, {"ETag": tag}, JSON)

    return await core.decisions.do(work)
