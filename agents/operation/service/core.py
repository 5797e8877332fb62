"""What the routes share: the engine, the planner, the live situation, and the threads in which all of them work."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final, NamedTuple

from fastapi import Depends, Request

from agents.operation.deciding.decision import Decision
from agents.operation.deciding.history import History, HistoryError
from agents.operation.deciding.shadow import Shadow, compare
from agents.operation.service.lane import Lane
from agents.operation.service.metrics import Metrics
from agents.operation.service.refusal import Refusal
from agents.operation.service.session import Session
from agents.operation.settings import Operation
from agents.operation.site.example import example
from agents.operation.site.problems import Problem
from agents.operation.site.situation import Situation

LOG = logging.getLogger("parley.service")
LATELY: Final = 200
"""Decisions of which whoever watches is told."""


class Decided(NamedTuple):
    """A decision that was made lately, without what it says."""

    at: float
    """Wall time, in seconds since 1970."""
    policy: str
    fallback: bool
    reason: str | None
    starts: int
    took_ms: float


class Core:
    """One service."""

    def __init__(self, operation: Operation) -> None:
        """Load the policies and open the history.

        Raises:
            PolicyError, ArtifactError, RuleError, PlayRulesError: there is no such policy.
            HistoryError: the history cannot be opened.
        """
        limits = operation.service
        self.operation = operation
        self.engine = operation.engine()
        self.planner = operation.planner()
        self.beside = None if operation.shadow is None else replace(operation, policy=operation.shadow).engine()
        self.history = None if operation.history is None else History(Path(operation.history))
        self.session = Session()
        self.decisions = Lane("decisions", limits.decisions, limits.waiting, limits.seconds)
        self.plans = Lane("plans", limits.plans, limits.waiting, limits.seconds)
        self.metrics = Metrics(self.decisions, self.plans)
        self.ready = False
        self.tally = Shadow()
        self._counting = threading.Lock()
        self._lately: deque[Decided] = deque(maxlen=LATELY)

    def warm_up(self) -> None:
        """Decide and plan once, so that everything is compiled before somebody waits for it; then the service is ready."""
        self.engine.decide(example())
        self.engine.decide(example(), deadline_ms=0)  # the fallback
        self.planner.plan_task_execution(example(), seconds=60.0, futures=1)
        self.ready = True

    def close(self, patience: float = 0.0) -> int:
        """Begin nothing any more, and return how much is still being done after so many seconds."""
        self.ready = False
        return self.decisions.close(patience) + self.plans.close(patience)

    def deadline(self, asked_ms: float | None, waited: float) -> float | None:
        """Milliseconds that are left to a policy whose request has waited so many seconds."""
        whole = self.operation.deadline_ms if asked_ms is None else asked_ms
        return None if whole is None else max(0.0, whole - waited * 1e3)

    def keep(self, situation: Situation, decision: Decision) -> None:
        """Count a decision, append it to the history, and have the shadow decide when nobody waits for it.

        Raises:
            Refusal: it cannot be appended; what is to be kept is not given otherwise.
        """
        if self.history is not None:
            try:
                self.history.append(situation, decision)
            except (sqlite3.Error, HistoryError) as error:
                LOG.exception("the history is not kept")
                raise Refusal(503, Problem("not_kept", "", f"decided, but {error}", "kept in the history")) from None
        self.metrics.decision(decision)
        with self._counting:
            told = decision.policy, decision.fallback, decision.reason, len(decision.starts), decision.took_ms
            self._lately.append(Decided(time.time(), *told))
        if self.beside is not None and (
            self.decisions.waiting or self.decisions.submit(lambda: self._shadow(situation, decision)) is None
        ):
            self.metrics.shadow("skipped")

    @property
    def lately(self) -> list[Decided]:
        """The last decisions, in their order."""
        with self._counting:
            return list(self._lately)

    def _shadow(self, situation: Situation, made: Decision) -> None:
        assert self.beside is not None
        try:
            found = compare(made, self.beside.decide(situation))
        except Exception:  # nobody waits for it, so nobody else would hear of it
            LOG.exception("the shadow failed")
            self.metrics.shadow("failed")
            return
        with self._counting:
            self.tally = self.tally.plus(found)
        self.metrics.shadow("uncovered" if not found.covered else "same" if found.same else "other")


def core_of(request: Request) -> Core:
    """Return the service that a request came to."""
    core: Core = request.app.state.core
    return core


Here = Annotated[Core, Depends(core_of)]
"""The service, for routes."""
