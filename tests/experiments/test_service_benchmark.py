"""``parley benchmark suite=service``: what is measured under load, against a service in a thread, and what counts as an error."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from hydra import compose, initialize_config_module

from agents.operation.deciding.decision import DecisionEngine
from experiments.performance import decisions, service
from experiments.serve import listen
from tests.agents.operation.service.asking import RULES, serving


@contextmanager
def in_a_thread() -> Iterator[int]:
    """A service of rules; offers its port."""
    with serving() as asker, listen("127.0.0.1", 0) as place:
        server = uvicorn.Server(uvicorn.Config(asker.app, log_config=None, access_log=False, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [place]})
        thread.start()
        yield place.getsockname()[1]
        server.should_exit = True
        thread.join(60)


class Bar:
    """Counts what is answered."""

    answered = 0

    def update(self) -> None:
        """Take one more."""
        self.answered += 1


def test_the_table_has_what_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the committed page: every request is counted once, errors and memory beside the times."""
    monkeypatch.setattr(service, "service", in_a_thread)
    monkeypatch.setattr(service, "WARM", 2)
    monkeypatch.setattr(service, "POLICY", RULES)
    monkeypatch.setattr(decisions, "CALLS", 3)
    with initialize_config_module("conf", version_base="1.3"):
        outcome = service.benchmark(compose("benchmark", ["suite=service", "requests=120", "clients=6"]))
    found = {line["name"]: line for line in outcome.numbers["measurements"]}
    assert found["6 clients: errors"]["median"] == found["6 clients: fallbacks"]["median"] == 0
    assert len(found["6 clients: p50"]["runs"]) == service.PARTS
    assert len(found["6 clients: throughput"]["runs"]) == service.PARTS - 1
    assert 0 < found["6 clients: p50"]["median"] <= found["6 clients: p99"]["median"]
    assert found["memory at the end"]["median"] > 50
    assert found["CPU, over the bare policy's"]["median"] > 1


@pytest.mark.parametrize("broken", ["situation", "engine"])
def test_errors_are_counted(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the claim of no error: answers that are no decision are errors, and the clients go on."""
    monkeypatch.setattr(service, "PATIENCE", 20.0)
    if broken == "engine":
        monkeypatch.setattr(DecisionEngine, "decide", lambda *arguments, **how: 1 / 0)
    bar = Bar()
    with in_a_thread() as port:
        found: Any = asyncio.run(service.load(port, [b"{}"], 3, 12, bar))
    assert (found.errors, bar.answered, len(found.seconds)) == (12, 12, 12)


def test_a_service_that_is_not_there_is_an_error() -> None:
    """Protects the same from connections that cannot be made."""
    with listen("127.0.0.1", 0) as place:
        port = place.getsockname()[1]
    found = asyncio.run(service.load(port, [b"{}"], 2, 4, Bar()))
    assert found.errors == 4
