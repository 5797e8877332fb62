"""What a terminal shows of a run while it goes: how far every job is, when it will be done, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from agents.operation.execution.overview import JobProgress
from agents.operation.messages.messages import AlertNotification, HealthStatus, Message
from agents.operation.messages.subscribers import line_of
from agents.operation.site.problems import printable
from experiments.plumbing.operating import clock

if TYPE_CHECKING:
    from agents.operation.execution.monitor import Monitor
    from agents.operation.execution.overseers import Action
    from agents.operation.execution.run_state import RunState

EVERY: Final = 0.25
"""Seconds between two pictures."""
MOST: Final = 15
"""Jobs that are shown: those that run first."""
ORDER: Final = ("running", "waiting", "coming", "failed", "done")


class Display:
    """Shows what a monitor sees; alerts scroll by above it."""

    def __init__(self, monitor: Monitor, console: Console | None = None) -> None:
        """Begin to show."""
        self._monitor = monitor
        shown = console or Console(stderr=True)
        self._live = Live(
            console=shown, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._live.start()
        self._next = 0.0

    def take(self, message: Message) -> None:
        """Show what somebody may want to look into."""
        line = line_of(message) if isinstance(message, AlertNotification | HealthStatus) else None
        if line is not None:
            self._live.console.print(line, markup=False, highlight=False)

    def next_look(self) -> float | None:
        """When the next picture is due."""
        return self._next

    def look(self, state: RunState) -> tuple[Sequence[Message], Sequence[Action]]:
        """Draw, where it is time to."""
        if state.now >= self._next:
            self._next = state.now + EVERY
            self._live.update(self._picture(state), refresh=True)
        return (), ()

    def close(self) -> None:
        """Take the picture away; what has scrolled by stays."""
        self._live.stop()

    def _picture(self, state: RunState) -> Table:
        overview = self._monitor.overview(state)
        done, total = sum(job.done for job in overview.jobs), sum(job.total for job in overview.jobs)
        busy = sum(agent.running > 0 for agent in overview.agents)
        title = f"{clock(state.now)}: {done} of {total} tasks done, {busy} of {len(overview.agents)} agents busy"
        table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="dim")
        for column in ("job", "is", "done", "", "will be done in", "due in"):
            table.add_column(column, justify="right" if column in ("done", "due in") else "left")
        shown = sorted(overview.jobs, key=lambda job: ORDER.index(job.state))[:MOST]
        for job in shown:
            table.add_row(*self._row(job, state.now))
        if len(shown) < len(overview.jobs):
            table.add_row(f"and {len(overview.jobs) - len(shown)} more")
        return table

    @staticmethod
    def _row(job: JobProgress, now: float) -> list[str]:
        filled = round(20 * job.done / job.total)
        end = job.forecast.end if job.forecast is not None else None
        forecast = f"{clock(max(0.0, end.p10 - now))} to {clock(max(0.0, end.p90 - now))}" if end is not None else ""
        due = clock(job.due - now) if job.due is not None and job.state not in ("done", "failed") else ""
        bar = "#" * filled + "." * (20 - filled)
        return [escape(printable(job.job)), job.state, f"{job.done}/{job.total}", bar, forecast, due]
