"""What is told while something takes long: a bar for people, lines for logs."""

from __future__ import annotations

import io

import pytest

from agents import progress
from agents.progress import Progress


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.now


@pytest.mark.parametrize("total", [600, None])
def test_a_log_gets_a_line_per_minute(total: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects logs: ten minutes are ten lines, without a carriage return, however often something is done or said."""
    clock, log = Clock(), io.StringIO()
    monkeypatch.setattr(progress, "time", clock)
    with Progress(total=total, desc="search", unit="episode", file=log, mininterval=0, miniters=1) as bar:
        for second in range(601):
            clock.now = float(second)
            bar.beat(f"{second} schedules")
            bar.update()
    lines = log.getvalue().splitlines()
    assert len(lines) == 10
    assert "\r" not in log.getvalue()
    assert all(line.startswith("search: ") and "episode" in line and "schedules" in line for line in lines)


def test_what_is_quick_says_nothing_in_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects scripts that read what commands say: under a minute there is no progress to tell."""
    log = io.StringIO()
    monkeypatch.setattr(progress, "time", Clock())
    for leave in (True, False):
        for _ in Progress(range(100), file=log, mininterval=0, leave=leave):
            pass
    assert log.getvalue() == ""


def test_a_terminal_sees_what_is_done_within_a_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects who watches a search: the bar moves while one unit takes minutes, and not at every step."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    clock, screen = Clock(), Terminal()
    monkeypatch.setattr(progress, "time", clock)
    with Progress(total=1, file=screen, ncols=100) as bar:
        for step in range(100):
            clock.now = step / 10
            bar.beat(f"{step} completions")
    shown = [step for step in range(100) if f" {step} completions" in screen.getvalue()]
    assert 10 < len(shown) < 30
