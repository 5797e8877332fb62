"""What readers of a live page are told: of a report that changes, the parts that are no longer those that they have."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from experiments.reports.page import html
from experiments.reports.report import Report, as_json

EVERY: Final = 1.0
"""Seconds between two reports, at least."""
SHARE: Final = 0.01
"""Of the time that making them may take, as long as somebody reads."""
MOST_READERS: Final = 8
QUIET: Final = 10.0
"""Seconds after which a reader hears that there is nothing new, so that one who is gone is found out."""
PARTS: Final = ("sheets", "charts", "schedules")
Clock = Callable[[], float]
NOTHING: Final = ": nothing new\n\n"


class TooManyReadersError(Exception):
    """There are as many as there may be."""


class Board:
    """The newest report, cut into server-sent events; it is made when a reader asks, so that without readers it costs nothing.

    Nothing is queued: a reader who is slow finds the newest of every part when it comes back, and what it has missed is gone.
    """

    def __init__(self, make: Callable[[], Report], share: float = SHARE, clock: Clock = time.monotonic) -> None:
        """Take what makes the report, in the thread of a reader; and which share that may take of the seconds of a clock.

        ``time.process_time`` is that of a process that computes: where others use the machine, it gets less of it than the wall's.
        """
        self._make, self._share, self._clock = make, share, clock
        self._lock = threading.Lock()
        self._report: Report | None = None
        self._events: dict[str, str] = {}
        self._next = self._rested = 0.0
        self._readers = 0

    def page(self, news: str) -> str:
        """Return the page as it is now; it hears from the address ``news`` how it changes."""
        with self._lock:
            self._renew()
            assert self._report is not None
            return html(self._report, news)

    def news(self, had: dict[str, str], *, last: bool = False) -> str:
        """Return the events that a reader has not had, and note in ``had`` that it has; ``last``: of a report that is made now."""
        with self._lock:
            if last:
                self._next = self._rested = 0.0
            self._renew()
            new = {name: event for name, event in self._events.items() if had.get(name) is not event}
        had.update(new)
        return "".join(new.values())

    @contextmanager
    def reader(self) -> Iterator[dict[str, str]]:
        """Be one of the readers; what it has had is nothing. Raises TooManyReadersError."""
        with self._lock:
            if self._readers >= MOST_READERS:
                raise TooManyReadersError
            self._readers += 1
        try:
            yield {}
        finally:
            with self._lock:
                self._readers -= 1

    @property
    def readers(self) -> int:
        """How many there are."""
        return self._readers

    def _renew(self) -> None:
        """Make the report, where it is time to; then rest so long that it takes no more than its share."""
        if time.monotonic() < self._next or self._clock() < self._rested:
            return
        began = time.thread_time()
        self._report = self._make()
        told = as_json(self._report)
        events = {"layout": _event("layout", layout(self._report))}
        for kind in PARTS:
            for k, part in enumerate(told[kind]):
                events[f"{kind} {k}"] = _event("part", {"kind": kind, "at": k, "part": part})
        before = self._events
        self._events = {name: before[name] if before.get(name) == event else event for name, event in events.items()}
        self._next = time.monotonic() + EVERY
        self._rested = self._clock() + (time.thread_time() - began) / self._share


def layout(report: Report) -> list[Any]:
    """What places a page has: where it changes, the page is loaded anew."""
    return [
        [[sheet.title, list(sheet.header)] for sheet in report.sheets],
        [[chart.title, chart.x, [curve.name for curve in chart.curves]] for chart in report.charts],
        [schedule.title for schedule in report.schedules],
    ]


def over(how: str) -> str:
    """The last event: there is no more, and how to get it all."""
    return _event("over", {"how": how})


def _event(kind: str, data: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps(data, allow_nan=False)}\n\n"  # no line break is left in it
