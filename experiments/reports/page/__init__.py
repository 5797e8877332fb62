"""Reports as one HTML file that needs nothing else: it loads nothing, runs nothing but its own script, and takes every text as text."""

from __future__ import annotations

import base64
import hashlib
import math
from functools import lru_cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from envs.render.style import PALETTE
from experiments.reports.report import Cell, Report, as_json
from experiments.reports.tables import number

SCRIPTS: Final = ("view.js", "lines.js", "pixels.js", "schedule.js", "png.js", "page.js")
"""In the order in which they need each other."""
LIVE: Final = "live.js"
"""Of a page that changes; needs all of them."""


def html(report: Report, news: str = "") -> str:
    """Return the page of a report; one that hears from ``news``, an address beside its own, how the report changes."""
    style, script = _file("page.css"), "\n".join(map(_file, (*SCRIPTS, LIVE) if news else SCRIPTS))
    made: str = _template().render(
        report=report,
        news=news,
        data={**as_json(report), "palette": list(PALETTE)},
        sections=_sections(report),
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
        about=_about,
        number=number,
    )
    return made


def _sections(report: Report) -> dict[str, list[int]]:
    """Places of the charts below each heading."""
    named = {"s": "The episode over time", "window": "Window by window"}
    headings = [chart.section or named.get(chart.x, "Learning") for chart in report.charts]
    return {heading: [k for k, own in enumerate(headings) if own == heading] for heading in dict.fromkeys(headings)}


def _about(cell: Cell) -> str:
    """What is told of a cell where the pointer rests."""
    if isinstance(cell, str):
        return cell
    interval = (
        f"{cell.ends}: {number(cell.low)} to {number(cell.high)}"
        if math.isfinite(cell.low) and math.isfinite(cell.high)
        else ""
    )
    counts = [f"{count} {name}" for name, count in (("runs", cell.runs), ("episodes", cell.episodes)) if count]
    return "; ".join(part for part in (f"{number(cell.value)} {cell.unit}".strip(), interval, *counts) if part)


@lru_cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_file("page.html.j2"))


@lru_cache
def _file(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """By which a browser knows that a style or a script is ours (Content Security Policy, level 2)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
