"""Bodies of requests: JSON of bounded size, told as such, that comes in time. It is parsed by a thread, not by the event loop."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from starlette.requests import ClientDisconnect

from agents.operation.service.core import Here
from agents.operation.service.refusal import Refusal
from agents.operation.site.problems import Problem, shown
from agents.operation.site.situation import Part

JSON: Final = "application/json"


async def read(request: Request, core: Here) -> bytes:
    """Return the body.

    Raises:
        Refusal: it is too large (413), takes too long to come (408), or is not told to be JSON (415).
    """
    limits, body = core.operation.service, bytearray()
    too_large = Refusal(
        413, Problem("too_large", "", f"more than {limits.body_bytes} bytes", f"at most {limits.body_bytes} bytes long")
    )
    if int(request.headers.get("content-length", 0)) > limits.body_bytes:
        raise too_large
    try:
        async with asyncio.timeout(limits.seconds):
            async for part in request.stream():
                body += part
                if len(body) > limits.body_bytes:
                    raise too_large
    except TimeoutError:
        told = Problem("slow_body", "", f"incomplete after {limits.seconds:g} s", "sent faster")
        raise Refusal(408, told, {"Connection": "close"}) from None
    except ClientDisconnect:
        raise Refusal(400, Problem("disconnected", "", "incomplete", "sent to its end")) from None
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != JSON:  # a browser sends JSON to another site only after it has asked, which nobody here answers
        raise Refusal(415, Problem("media_type", "Content-Type", shown(kind), JSON))
    return bytes(body)


Body = Annotated[bytes, Depends(read)]
"""The body, for routes."""


def documented(kind: type[Part], *, required: bool, what: str) -> dict[str, Any]:
    """Return what OpenAPI is told of a body that a thread parses. The parts of a situation are known to it from answers."""
    schema = kind.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    return {"requestBody": {"description": what, "required": required, "content": {JSON: {"schema": schema}}}}
