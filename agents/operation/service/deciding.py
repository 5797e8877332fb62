"""Routes that answer a question about a situation: the one in the body, or, where the body is empty, the live one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field, ValidationError

from agents.operation.deciding.decision import Decision
from agents.operation.deciding.explanation import Explanation, explain
from agents.operation.planning.planning import ExecutionPlan, JobPlan
from agents.operation.service.body import JSON, Body, documented
from agents.operation.service.core import Core, Here
from agents.operation.settings import MOST_FUTURES, MOST_SECONDS
from agents.operation.site.problems import Problem, SituationError, from_pydantic, read_json
from agents.operation.site.situation import Part, Situation, down

router = APIRouter(tags=["decide and plan"])
MOST_CASES: Final = 32
NOW: Final = "now"
"""Case of a plan in which nothing changes."""
SITUATION: Final = documented(Situation, required=False, what="A situation; left out: the live one.")

Deadline = Annotated[
    float | None,
    Query(
        ge=0,
        le=MOST_SECONDS * 1e3,
        description="milliseconds after which the fallback decides, instead of the service's own",
    ),
]
Seconds = Annotated[float | None, Query(gt=0, le=MOST_SECONDS, description="after which no further futures are begun")]
Futures = Annotated[int | None, Query(ge=1, le=MOST_FUTURES, description="most futures")]
Seed = Annotated[int, Query(ge=0, lt=2**63, description="equal seeds give equal futures")]


class WhatIf(Part):
    """A question to the planner."""

    situation: Situation | None = None
    """Null: the live one."""
    down: list[str] = Field(default_factory=list)
    """Agents; each makes a case in which it is down."""
    changes: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Cases by name, as changes that are merged by name."""


class Plans(Part):
    """The same futures, case by case; ``now`` is the situation as it is."""

    plans: dict[str, ExecutionPlan]
    kind: Literal["what_if"] = "what_if"


@router.post("/decide", response_model=Decision, openapi_extra=SITUATION)
async def decide(
    core: Here,
    body: Body,
    deadline_ms: Deadline = None,
    explain: Annotated[bool, Query(description="say which columns moved each priority")] = False,
    why_not: Annotated[
        list[str] | None, Query(max_length=100, description="tasks of which to say why they do not start")
    ] = None,
) -> Response:
    """Say what each agent should do now, and who gets which shared units."""

    def work(waited: float) -> str:
        began = time.perf_counter()
        situation = _situation(core, body)
        waited += time.perf_counter() - began
        decision = core.engine.decide(
            situation, deadline_ms=core.deadline(deadline_ms, waited), explain=explain, why_not_of=why_not or ()
        )
        core.keep(situation, decision)
        return decision.write()

    return Response(await core.decisions.do(work), media_type=JSON)


@router.post("/explain", response_model=Explanation, openapi_extra=SITUATION)
async def explain_task(
    core: Here,
    body: Body,
    task: Annotated[str, Query(description="JOB/TASK, or TASK where only one job has it")],
    deadline_ms: Deadline = None,
) -> Response:
    """Say why a task starts now, or why not, and what moved its priority."""

    def work(waited: float) -> str:
        told, _ = explain(core.engine, _situation(core, body), task, deadline_ms=core.deadline(deadline_ms, waited))
        return told.model_dump_json()

    return Response(await core.decisions.do(work), media_type=JSON)


@router.post("/plan", response_model=ExecutionPlan | JobPlan, openapi_extra=SITUATION)
async def plan(
    core: Here,
    body: Body,
    seconds: Seconds = None,
    futures: Futures = None,
    seed: Seed = 0,
    job: Annotated[
        str | None, Query(description="tell only when this job will be done, and its place in the queue")
    ] = None,
) -> Response:
    """Say when everything will probably be done, by whom, and by which policy."""

    def work(waited: float) -> str:
        made = core.planner.plan_task_execution(
            _situation(core, body), **_effort(core, waited, seconds, futures), seed=seed
        )
        return made.write() if job is None else made.job(job).model_dump_json()

    return Response(await core.plans.do(work), media_type=JSON)


@router.post(
    "/what-if",
    response_model=Plans,
    openapi_extra=documented(WhatIf, required=True, what="Cases to compare with the situation as it is."),
)
async def what_if(core: Here, body: Body, seconds: Seconds = None, futures: Futures = None, seed: Seed = 0) -> Response:
    """Plan the situation as it is, and as changes would make it, in the same luck."""

    def work(waited: float) -> str:
        situation, cases = _cases(core, body)
        made = core.planner.what_if(situation, cases, **_effort(core, waited, seconds, futures), seed=seed)
        return Plans(plans=made).model_dump_json()

    return Response(await core.plans.do(work), media_type=JSON)


def _situation(core: Core, body: bytes) -> Situation:
    return Situation.read(body) if body else core.session.get()[0]


def _cases(core: Core, body: bytes) -> tuple[Situation, dict[str, dict[str, Any]]]:
    """The situation of a question, and the changes that make its cases."""
    try:
        asked = WhatIf.model_validate(read_json(body))
    except ValidationError as error:
        raise SituationError(from_pydantic(error.errors(include_url=False, include_context=False))) from None
    if asked.situation is None:
        situation, _ = core.session.get()
    else:
        with _below("situation"):
            situation = asked.situation.checked()
    cases = {**{f"{name} down": down(situation, name) for name in asked.down}, **asked.changes}
    if not cases:
        raise SituationError([Problem("missing", "changes", "absent", "given, or agents named in down")])
    if len(cases) > MOST_CASES:  # each plays some futures, however little time there is
        raise SituationError([Problem("too_large", "changes", f"{len(cases)} cases", f"at most {MOST_CASES}")])
    if NOW in cases:
        raise SituationError(
            [Problem("reserved", f"changes.{NOW}", "a case", "of another name: it is the situation as it is")]
        )
    for name, change in asked.changes.items():
        with _below(f"changes.{name}"):
            situation.merged(change)
    return situation, cases


@contextmanager
def _below(path: str) -> Iterator[None]:
    """Have problems say where in the question a situation was made."""
    try:
        yield
    except SituationError as error:
        raise SituationError(
            replace(each, path=f"{path}.{each.path}" if each.path else path) for each in error.problems
        ) from None


def _effort(core: Core, waited: float, seconds: float | None, futures: int | None) -> dict[str, Any]:
    """What a plan may take: what was asked for, and at most half of what is left of the request's time, as the last batch runs over."""
    told, left = core.operation.planning, core.operation.service.seconds - waited
    asked = told.seconds if seconds is None else seconds
    return {"seconds": max(0.0, min(asked, left / 2)), "futures": told.futures if futures is None else futures}
