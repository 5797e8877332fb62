"""Asks a service within this process, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from agents.operation.service.app import create_app
from agents.operation.service.core import Core
from agents.operation.settings import Operation

RULES = "wsrpt,urgency"
JSON = {"content-type": "application/json"}


class Asker:
    """A service, and who asks it."""

    def __init__(self, operation: Operation, token: str | None = None) -> None:
        """Begin a service that counts as ready."""
        self.core = Core(operation)
        self.core.ready = True
        self.app = create_app(self.core, token=token)

    def __call__(self, method: str, path: str, **how: Any) -> httpx.Response:
        """Return the answer."""
        return self.all([(method, path, how)])[0]

    def all(self, questions: list[tuple[str, str, dict[str, Any]]]) -> list[httpx.Response]:
        """Return the answers to what is asked at once."""

        async def ask() -> list[httpx.Response]:
            async with self.client() as client:
                return await asyncio.gather(*(client.request(method, path, **how) for method, path, how in questions))

        return asyncio.run(ask())

    def client(self) -> httpx.AsyncClient:
        """Return a client for who asks otherwise."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://localhost", timeout=60)


@contextmanager
def serving(token: str | None = None, **settings: Any) -> Iterator[Asker]:
    """Offer a service of rules, which begin at once."""
    asker = Asker(Operation(**{"policy": RULES, **settings}), token)
    try:
        yield asker
    finally:
        asker.core.close()


async def slowly(parts: list[bytes], seconds: float) -> AsyncIterator[bytes]:
    """Send a body in parts, each a while after the one before."""
    for part in parts:
        await asyncio.sleep(seconds)
        yield part
