"""What a run tunes by itself, from what it sees: how often its monitor looks, and how many events make one decision."""

from __future__ import annotations

from statistics import median
from typing import Final

from agents.operation.execution.pace import Pace
from agents.operation.execution.run_state import RunState
from agents.operation.execution.thresholds import Adjusting

LOOKS: Final = 20.0
"""Looks during a task of middling length: a straggler is then seen when 5 % of a task's time are lost."""
CLEARLY: Final = 1.5
"""Times by which something has to differ before it is changed: what is adjusted must not swing."""
NEWEST: Final = 0.1
"""Weight of the last observation in a running mean."""


class Interval:
    """Seconds between two looks, by how long the tasks take that run."""

    def __init__(self, every: float, bounds: Adjusting) -> None:
        """Begin with ``every`` seconds."""
        self.every, self._bounds = every, bounds

    def adjust(self, state: RunState, pace: Pace) -> str | None:
        """Look at what runs; return why the interval was changed, or None where it was not."""
        b = self._bounds
        take = [
            pace.expected(run.agent, task.task.kind, state.first.options.of(task.task).get(run.agent, 0.0))
            for task, run in state.running
        ]
        if not b.adjusts or not take:
            return None
        wanted, before = min(max(median(take) / LOOKS, b.every_least), b.every_most), self.every
        if before / CLEARLY < wanted < before * CLEARLY:
            return None
        self.every = wanted
        return f"looks every {wanted:.3g} s instead of {before:.3g} s: tasks that run take {median(take):.3g} s"


class Gathering:
    """How long a run waits for further events before it decides: not at all, but where they come faster than it can decide."""

    def __init__(self, bounds: Adjusting) -> None:
        """Begin by deciding at every event."""
        self._bounds = bounds
        self._gap = self._took = 0.0
        self._last: float | None = None
        self.seconds = 0.0
        """To wait for."""

    def happened(self, now: float, events: int) -> None:
        """Hear that so many events came."""
        if self._last is not None:
            gap = max(0.0, now - self._last) / events
            self._gap = gap if self._gap == 0.0 else (1 - NEWEST) * self._gap + NEWEST * gap
        self._last = now

    def decided(self, took: float) -> str | None:
        """Hear how long a decision took, in seconds; return why the waiting was changed, or None where it was not."""
        self._took = took if self._took == 0.0 else (1 - NEWEST) * self._took + NEWEST * took
        if not self._bounds.adjusts or self._gap == 0.0:
            return None
        told = f"events come every {1e3 * self._gap:.3g} ms, and a decision takes {1e3 * self._took:.3g} ms"
        if self.seconds == 0.0 and self._gap * CLEARLY < self._took and self._bounds.gather_most > 0.0:
            self.seconds = min(self._took, self._bounds.gather_most)
            return f"gathers events for {1e3 * self.seconds:.3g} ms before it decides: {told}"
        if self.seconds > 0.0 and self._gap > CLEARLY * self._took:
            self.seconds = 0.0
            return f"decides at every event again: {told}"
        return None
