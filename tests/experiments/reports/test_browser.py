"""The page in a real browser: it says nothing to the console, asks nobody for anything, and does as it is told."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from experiments.reports import bargaining, episode
from experiments.reports.page import html
from experiments.reports.report import Chart, Curve, Figure, Report, Sheet
from scripts.browser import Tab, browser, executable
from scripts.report_speed import made_up
from tests.experiments.reports.episodes import HOSTILE, contended

pytestmark = pytest.mark.skipif(executable() is None, reason="no chromium here: make browser installs it")

CANVAS = "document.querySelector('[data-schedule] canvas')"
INK = f"{CANVAS}.toDataURL()"
"""The picture."""
GIVEN = """(() => {
  window.given = []; window.blobs = [];
  HTMLAnchorElement.prototype.click = function () { window.given.push(this.download); };
  const make = URL.createObjectURL; URL.createObjectURL = blob => { window.blobs.push(blob); return make(blob); };
})()"""
"""Keeps what the page would save."""


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    """One browser for all tests."""
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with everything on it, about hostile names."""
    instance, log = contended()
    played = [episode.schedule(title, 12.5, instance, log) for title in (HOSTILE, "rules")]
    curves = [Chart("Gap", "decisions", "%", [Curve("=cmd()", [0, 1, 2], [3.0, 1.0, -1.0])])]
    curves.append(Chart("Efficiency", "window", "%", [Curve("used", [1, 2, 3], [30.0, math.nan, 20.0])]))
    charts = [*curves, *episode.charts("x", instance, log), *bargaining.charts("x", instance, log)]
    sheets = [
        Sheet("Headline", ["who", "cost"], [[f"={HOSTILE}", Figure.of(1.5)]]),
        episode.negotiation(HOSTILE, instance, log),
        Sheet("Performance", ["figure", "what it is", "value"], [["x", "words " * 40, Figure.of(1.5)]], left=2),
    ]
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(
        html(Report("A run", sheets, ["A note."], charts, played, {"command": "parley \N{SNOWMAN}"})),
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize("width", [390, 1600])
def test_quiet_offline_and_no_wider_than_the_window(tab: Tab, page: Path, width: int) -> None:
    """Protects readers on phones and on desks: no error, no request, no sideways scrolling, and no name that runs as a script."""
    tab.show(page, width)
    look = "f.scrollIntoView(); await new Promise(requestAnimationFrame);"
    tab.run(f"(async () => {{ for (const f of document.querySelectorAll('figure')) {{ {look} }} }})()")
    tab.frames()
    assert tab.complaints() == []
    assert tab.requests() == []
    assert tab.run("document.documentElement.scrollWidth") <= width
    assert tab.run("document.title") == "A run"
    assert tab.run("charts.every(chart => chart.width > 0)")


def test_zoom_keys_and_buttons(tab: Tab, page: Path) -> None:
    """Protects moving about: keys, buttons and the wheel zoom and move all charts of the episode, and never past its ends."""
    tab.show(page, 1600)
    span = tab.run("moments.span")
    before = tab.run(INK)
    tab.run(f"{CANVAS}.focus()")
    tab.press("+")
    assert tab.run("moments.span") == pytest.approx(span / 1.5)
    assert tab.run(INK) != before
    low = tab.run("moments.low")
    tab.press("ArrowRight")
    assert tab.run("moments.low") > low
    tab.press("0")
    assert (tab.run("moments.low"), tab.run("moments.span")) == (0, pytest.approx(span))
    tab.press("-")
    assert tab.run("moments.span") == pytest.approx(span)
    tab.run("document.querySelector('[data-zoom=\"2\"]').click()")
    tab.frames()
    assert tab.run("moments.span") == pytest.approx(span / 2)
    assert tab.run("charts.filter(chart => chart.view === moments).length") >= 6
    assert tab.complaints() == []


def test_a_click_tells_what_a_bar_was(tab: Tab, page: Path) -> None:
    """Protects the answer to what, when, whose and in time; the keyboard finds it as well."""
    tab.show(page, 1600)
    tab.run(f"{CANVAS}.scrollIntoView()")
    tab.frames()
    x, y = tab.run(
        f"(() => {{ const chart = charts[0], box = {CANVAS}.getBoundingClientRect(), row = chart.rows[0];"
        "return [box.left + chart.x((row.start[0] + row.end[0]) / 2), box.top + chart.laid.tops[0] + 3]; })()"
    )
    tab.click(x, y)
    told = tab.run("document.querySelector('.told').textContent")
    assert told.startswith("Task </script><script>")
    assert "on agent 0" in told
    assert "job " in told
    tab.press("n")
    assert tab.run("document.querySelector('.told').textContent") not in ("", told)
    tab.press("Escape")
    assert tab.run("document.querySelector('.told').textContent") == ""
    assert tab.run("document.title") == "A run"


def test_data_behind_every_chart(tab: Tab, page: Path) -> None:
    """Protects who wants the numbers: every table and chart gives CSV and JSON, in which no text is a formula."""
    tab.show(page, 1600)
    tab.run(GIVEN)
    tab.run("for (const button of document.querySelectorAll('[data-as=csv], [data-as=json], #all')) button.click()")
    given = tab.run("window.given")
    assert len(given) == tab.run("2 * (charts.length + document.querySelectorAll('table').length) + 1")
    texts = tab.run("Promise.all(window.blobs.map(blob => blob.text()))")
    headline = next(text for name, text in zip(given, texts, strict=True) if name == "Headline.csv")
    assert headline.splitlines()[0] == "who,cost,cost (low),cost (high)"
    assert headline.splitlines()[1].startswith("\"'=</script>")
    assert headline.splitlines()[1].endswith(",1.5,,")
    gap = next(text for name, text in zip(given, texts, strict=True) if name == "Gap.csv")
    assert gap.split() == ["curve,decisions,%", "'=cmd(),0,3", "'=cmd(),1,1", "'=cmd(),2,-1"]


def test_pictures_carry_their_data_and_command(tab: Tab, page: Path) -> None:
    """Protects who finds a picture alone: an ordinary PNG, in which are its title, the command and the data that it shows."""
    tab.show(page, 1600)
    tab.run(GIVEN)
    tab.run("document.querySelector('[data-chart] [data-as=png]').click()")
    tab.run("(async () => { while (!window.blobs.length) await new Promise(requestAnimationFrame); })()")
    coded = tab.run(
        "window.blobs[0].arrayBuffer().then(a => btoa(Array.from(new Uint8Array(a), b => String.fromCharCode(b)).join('')))"
    )
    picture = Image.open(io.BytesIO(base64.b64decode(coded)))
    picture.load()  # which checks every checksum
    assert picture.info["Title"] == "Gap"
    assert picture.info["Command"] == "parley \N{SNOWMAN}"
    assert json.loads(picture.info["Data"])["curves"] == [{"name": "=cmd()", "x": [0, 1, 2], "y": [3, 1, -1]}]
    assert picture.height > 260
    assert tab.run("window.given") == ["Gap.png"]
    assert tab.complaints() == []


def test_dark_and_light(tab: Tab, page: Path) -> None:
    """Protects eyes: the page follows the system, and a button says otherwise."""
    tab.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    tab.show(page, 1600)
    background = "getComputedStyle(document.body).backgroundColor"
    assert tab.run(background) == "rgb(20, 23, 28)"
    tab.run("document.getElementById('theme').click()")
    assert tab.run(background) == "rgb(255, 255, 255)"
    tab.ask("Emulation.setEmulatedMedia", features=[])


def test_fifty_thousand_bars(tab: Tab, tmp_path: Path) -> None:
    """Protects the level of detail: what is drawn is at most some hundred thousand rectangles, at every zoom."""
    path = tmp_path / "busy.html"
    path.write_text(html(Report("Busy", [], schedules=[made_up()])), encoding="utf-8")
    tab.show(path, 1600)
    counted = """(() => {
      const chart = charts[0], rect = chart.pixels.rect.bind(chart.pixels), counts = [];
      let count = 0;
      chart.pixels.rect = (...given) => { count++; rect(...given); };
      for (const factor of [1, 30, 1000]) {
        moments.zoom(0); moments.zoom(factor); count = 0; chart.draw(); counts.push(count);
      }
      return counts;
    })()"""
    whole, near, nearest = tab.run(counted)
    assert nearest < near
    assert max(whole, near) < 300_000
    assert tab.complaints() == []
