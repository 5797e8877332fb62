"""What every request passes: who may ask, and what is counted; and what no route has caught becomes an answer, not a broken connection."""

from __future__ import annotations

import hmac
import logging
import secrets
import time
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agents.operation.service.metrics import Metrics
from agents.operation.service.refusal import Refusal
from agents.operation.site.problems import Problem, shown

LOG = logging.getLogger("parley.service")
OPEN: Final = ("/", "/health", "/docs", "/openapi.json", "/live")
"""Paths that tell nothing of anybody's tasks, and need no token."""
ASSETS: Final = "/docs-assets"
OTHER: Final = "other"
"""Route of what is none, in metrics."""
SCHEME: Final = b"bearer "


class Guard:
    """Middleware around the application."""

    def __init__(self, app: ASGIApp, *, token: str | None, hosts: frozenset[str], metrics: Metrics) -> None:
        """Take what is guarded; the token, if there is one; the hosts that may be asked for where there is none; and what counts."""
        self._app, self._hosts, self._metrics = app, hosts, metrics
        self._token = None if token is None else token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            self._check(scope)
            await self._app(scope, receive, note)
        except Refusal as refusal:
            await refusal.answer()(scope, receive, note)
        except Exception:
            number = secrets.token_hex(4)
            LOG.exception("error %s at %s", number, scope["path"])
            if status:
                raise  # half of an answer is out: the connection must not look whole
            told = Problem("bug", "", f"error {number} of the service", "reported, with what its log says of it")
            await Refusal(500, told).answer()(scope, receive, note)
        finally:
            self._metrics.request(getattr(scope.get("route"), "path", OTHER), status, time.perf_counter() - began)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        if self._token is None:  # a page of another site that has its name lead here would be served otherwise
            host = headers.get("host", "")
            name = host[: host.rfind("]") + 1] if host.startswith("[") else host.partition(":")[0]
            if name.lower() not in self._hosts:
                raise Refusal(421, Problem("wrong_host", "Host", shown(host), " or ".join(sorted(self._hosts))))
        elif scope["path"] not in OPEN and not scope["path"].startswith(ASSETS + "/"):
            given = headers.get("authorization", "").encode()
            if not given.lower().startswith(SCHEME) or not hmac.compare_digest(
                given[len(SCHEME) :].strip(), self._token
            ):
                told = Problem(
                    "unauthorized", "Authorization", "absent or wrong", "Bearer, and the token of the service"
                )
                raise Refusal(401, told, {"WWW-Authenticate": "Bearer"})
