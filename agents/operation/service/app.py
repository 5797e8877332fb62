"""The application: routes around one engine. ``uvicorn`` or any other server of ASGI runs it; ``parley serve`` does so with its limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException

from agents.operation.service import deciding, live, watching
from agents.operation.service.core import LOG, Core
from agents.operation.service.guard import ASSETS, Guard
from agents.operation.service.refusal import Refusal, problems_answer
from agents.operation.site.problems import Problem, SituationError, from_pydantic

ROUTERS: Final = (deciding.router, live.router, watching.router)
"""All routes; messages about what is being executed, in and out, will be another router."""
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
UNPROCESSABLE: Final = 422
PROBLEMS: Final = {"description": "problems: code, path, value and what would be right"}


def create_app(core: Core, *, token: str | None = None, hosts: Sequence[str] = ()) -> FastAPI:
    """Return the application.

    Args:
        core: what answers.
        token: that every request needs; None: none does, and only the loopback's names, and ``hosts``, may be asked for.
        hosts: further names of the machine.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        warm = asyncio.create_task(_warm_up(core))
        yield
        warm.cancel()
        core.close()

    app = FastAPIOffline(
        docs_url="/docs",
        redoc_url=None,
        static_url=ASSETS,
        favicon_url=f"{ASSETS}/favicon.png",
        title="Parley",
        summary="What to do next, who gets which shared resource, and when everything will probably be done.",
        lifespan=lifespan,
        separate_input_output_schemas=False,
        responses={"4XX": PROBLEMS, "5XX": PROBLEMS},
        dependencies=[]
        if token is None
        else [Depends(HTTPBearer(auto_error=False))],  # tells /docs; the guard is what checks
    )
    app.state.core = core
    for router in ROUTERS:
        app.include_router(router)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(SituationError, _wrong_input)
    app.add_exception_handler(RequestValidationError, _wrong_arguments)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_middleware(Guard, token=token, hosts=LOOPBACK | frozenset(hosts), metrics=core.metrics)
    return app


async def _warm_up(core: Core) -> None:
    try:
        await asyncio.to_thread(core.warm_up)
    except Exception:
        LOG.exception("the service does not get ready")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return error.answer()


async def _wrong_input(request: Request, error: Exception) -> Response:
    assert isinstance(error, SituationError)
    return problems_answer(UNPROCESSABLE, error.problems)


async def _wrong_arguments(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found: Any = error.errors()
    return problems_answer(UNPROCESSABLE, from_pydantic(found))


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    asked = f"{request.method} {request.url.path}"
    problem = Problem("no_route", "", asked[:200], "one of the routes that GET / lists")
    return problems_answer(error.status_code, [problem], error.headers)
