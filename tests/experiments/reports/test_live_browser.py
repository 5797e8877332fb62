"""The live page in a real browser: it hears what changes, asks nobody else for anything, and keeps the last when its run is over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest

from experiments.reports.live import board as boards
from experiments.reports.live import server as servers
from experiments.reports.live.board import Board
from experiments.reports.live.server import shown
from experiments.reports.report import Report, Sheet
from scripts.browser import Tab, browser, executable
from tests.experiments.reports.live_runs import NAME, Told

pytestmark = pytest.mark.skipif(executable() is None, reason="no chromium here: make browser installs it")

UNTIL = "(async () => {{ while (!({what})) await new Promise(requestAnimationFrame); return true; }})()"
BARS = "report.schedules[0].bars.name.length"
LIVE = "document.getElementById('live').textContent"
SAID = "[...document.querySelectorAll('table')].at(-1).tBodies[0].rows[0].cells[1].textContent"


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    """One browser for all tests."""
    with browser() as opened:
        yield opened


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything happens fifty times a second."""
    monkeypatch.setattr(boards, "EVERY", 0.02)
    monkeypatch.setattr(servers, "TICK", 0.02)


def until(tab: Tab, what: str) -> None:
    """Wait for something to be so."""
    tab.run(UNTIL.format(what=what))


@pytest.mark.parametrize("width", [390, 1600])
def test_a_run_grows_on_the_page(tab: Tab, width: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Protects who watches, on phones and on desks: bars, tables and charts grow, what is chosen and zoomed stays, no name is run."""
    told = Told()
    told.play()
    with shown(Board(told.commands.report, share=1.0), 0, "All is in jobs.run."):
        url = capsys.readouterr().err.split()[1]
        tab.show(url, width)
        until(tab, f"{LIVE} === 'Live'")
        assert tab.run(BARS) == 3
        tab.run("charts[0].canvas.focus()")
        tab.press("n")
        before = tab.run("charts[0].canvas.toDataURL()")
        tab.press("+")
        chosen, span = tab.run("document.querySelector('.told').textContent"), tab.run("moments.span")
        told.done(16.0, 1, "a")
        told.start(17.0, 2, "a")
        until(tab, f"{BARS} === 4 && {SAID}.includes('started')")
        assert tab.run("charts[0].selected") == 0
        assert NAME in chosen
        assert tab.run("moments.span") == pytest.approx(span)
        assert tab.run("moments.full[1]") == 17.0
        tab.press("0")
        assert tab.run("charts[0].canvas.toDataURL()") != before
        assert tab.run("report.charts[1].curves[0].y.at(-1)") == 2
        look = "f.scrollIntoView(); await new Promise(requestAnimationFrame);"
        tab.run(f"(async () => {{ for (const f of document.querySelectorAll('figure')) {{ {look} }} }})()")
        assert tab.run("document.documentElement.scrollWidth") <= width
        assert tab.run("document.title") == "A run of commands, live"
    until(tab, f"{LIVE} === 'All is in jobs.run.'")
    assert tab.run(BARS) == 4
    assert tab.complaints() == []
    assert {address.startswith(url) for address in tab.requests()} == {True}


def test_a_page_with_other_parts_is_loaded_anew(tab: Tab, capsys: pytest.CaptureFixture[str]) -> None:
    """Protects who looks on from the beginning: what was not there yet, such as the first table of its kind, appears."""
    sheets = [Sheet("One", ["a"], [["1"]])]
    with shown(Board(lambda: Report("R", list(sheets)), share=1.0), 0, "over"):
        tab.show(capsys.readouterr().err.split()[1], 390)
        until(tab, f"{LIVE} === 'Live'")
        sheets.append(Sheet("Two", ["b"], [["2"]]))
        for _ in range(500):
            with suppress(RuntimeError):  # the page goes while it is asked
                tab.frames(1)
                if tab.run("document.querySelectorAll('table').length") == 2:
                    break
        assert tab.run("document.querySelectorAll('caption')[1].textContent") == "Two"
    assert tab.complaints() == []
