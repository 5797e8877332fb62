"""What the service counts, in the text format of Prometheus."""

from __future__ import annotations

from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

if TYPE_CHECKING:
    from agents.operation.deciding.decision import Decision
    from agents.operation.service.lane import Lane

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds."""


class Metrics:
    """Counters of one service; two in a process do not share them."""

    def __init__(self, *lanes: Lane) -> None:
        """Begin at zero, and watch the lanes."""
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        into = self._registry
        self._requests = Counter(
            "parley_requests", "Requests, by route and status.", ["route", "status"], registry=into
        )
        self._seconds = Histogram(
            "parley_request_seconds", "Until the answer was sent.", ["route"], buckets=BUCKETS, registry=into
        )
        self._decisions = Counter("parley_decisions", "Decisions, by who made them.", ["policy"], registry=into)
        self._fallbacks = Counter("parley_fallbacks", "Decisions that the policy left to its fallback.", registry=into)
        self._shadows = Counter(
            "parley_shadow_decisions",
            "What the shadow policy did beside: same, other, uncovered, skipped or failed.",
            ["outcome"],
            registry=into,
        )
        working = Gauge("parley_working", "Requests that are being worked on.", ["lane"], registry=into)
        waiting = Gauge("parley_waiting", "Requests that wait for a thread.", ["lane"], registry=into)
        for lane in lanes:
            working.labels(lane.name).set_function(partial(attrgetter("working"), lane))
            waiting.labels(lane.name).set_function(partial(attrgetter("waiting"), lane))

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def decision(self, decision: Decision) -> None:
        """Count a decision."""
        self._decisions.labels(decision.policy).inc()
        if decision.fallback:
            self._fallbacks.inc()

    def shadow(self, outcome: str) -> None:
        """Count what the shadow did."""
        self._shadows.labels(outcome).inc()

    def text(self) -> bytes:
        """Return everything."""
        return generate_latest(self._registry)
