"""Flow time against fairness: who is beaten in both by nobody, as a table and as a picture."""

from __future__ import annotations

import io
import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from agents.policies import SHIPPED
from envs.files import write_bytes
from envs.render.described import described_by
from envs.render.style import DPI, FAINT, INK, PALETTE
from experiments.reports.outcome import Sheet
from experiments.reports.report import Cell
from experiments.reports.tables import number
from experiments.studies.boards import INDEX, Found, differs, flow, jain
from experiments.studies.field import SCORE, Meeting, worst_off
from experiments.studies.labels import Named, place_labels
from experiments.studies.questions import Questions
from experiments.suites.runs import LEARNED
from experiments.suites.standing import RULE, TUNED, Standing

if TYPE_CHECKING:  # drawing is rare and matplotlib slow to import
    from matplotlib.axes import Axes

RULES: Final = (
    *itertools.product(("wsrpt+w", "fifo"), ("random", "equal", "fcfs", "drf", "urgency")),
    *itertools.product(("wsrpt", "wsrpt+r", "wspt", "atc", "saf"), ("drf", "urgency")),
)
"""Pairs of rules that are points of the frontier."""
STYLE: Final = {RULE: (PALETTE[0], "o"), TUNED: (PALETTE[1], "D"), LEARNED: (PALETTE[2], "s")}
SIZE: Final = (16.0, 7.0)
"""Inches."""
CLOSE: Final = 1.12
"""The right chart shows what takes at most so many times the shortest flow time."""


class Point(NamedTuple):
    """One contestant."""

    label: str
    kind: str
    flow: float
    """Seconds."""
    jain: float
    meeting: Meeting


def meetings(ask: Questions) -> dict[str, Meeting]:
    """Return who is on the frontier, by name: rules and the index by the base's rules of play, what is learned by its own."""
    pairs = [*RULES, (INDEX, INDEX)]
    met = {f"{p} with {n}": Meeting(ask.base.name, p, n) for p, n in pairs}
    met = {
        name.replace(f"{SHIPPED}/", "") if INDEX not in name else "tuned index": meeting
        for name, meeting in met.items()
    }
    return met | {variant.name: ask.home(variant) for variant in ask.chosen}


def points(ask: Questions, found: Found) -> list[Point]:
    """Return all of them, the shortest flow time first."""
    made = []
    for label, meeting in meetings(ask).items():
        one = found[meeting]
        made.append(Point(label, one.kind, float(one.column(SCORE).mean()), float(one.column("jain").mean()), meeting))
    return sorted(made, key=lambda point: point.flow)


def unbeaten(among: list[Point]) -> list[Point]:
    """Return those that no other beats in one of flow time and Jain's index without losing in the other; the shortest flow time first."""
    return [
        p
        for p in among
        if not any(q.flow <= p.flow and q.jain >= p.jain and (q.flow < p.flow or q.jain > p.jain) for q in among)
    ]


def sheet(ask: Questions, found: Found) -> Sheet:
    """Everybody, with who is on the frontier."""
    among = points(ask, found)
    best, of_rules = unbeaten(among), unbeaten([point for point in among if point.kind == RULE])
    rows = []
    for point in among:
        one, to = found[point.meeting], found[ask.rules]
        rows.append(
            [point.label, number(point.flow), flow(one, to), *_fairness(one, to), _place(point, best, of_rules)]
        )
    header = [
        "",
        "flow time, s",
        f"% of {ask.rules.name}",
        "mean slowdown",
        "worst-off agent, s",
        "Jain",
        f"Jain, % of {ask.rules.name}",
        "frontier",
    ]
    return Sheet("Flow time against fairness", header, rows)


def _fairness(one: Standing, to: Standing) -> list[Cell]:
    shown = [
        number(float(values.mean())) for values in (one.column("mean_slowdown"), worst_off(one), one.column("jain"))
    ]
    return [*shown, differs(one, to, jain)]


def _place(point: Point, best: list[Point], of_rules: list[Point]) -> str:
    return "yes" if point in best else "of rules" if point in of_rules else ""


def draw(among: list[Point], path: Path, command: str) -> None:
    """Write the picture, with command and points in its file: everybody to the left, who is close to the best to the right.

    Lines join those that nobody, or no rule, beats.
    """
    from matplotlib.figure import Figure

    close = [point for point in among if point.flow <= CLOSE * min(point.flow for point in among)]
    figure = Figure(SIZE, dpi=DPI, facecolor="white", layout="constrained")
    left, right = figure.subplots(1, 2)
    _chart(left, among, "everybody")
    _chart(right, close, f"within {100 * (CLOSE - 1):.0f} % of the shortest flow time")
    left.legend(frameon=False, fontsize=10, labelcolor=INK, loc="lower left")
    figure.suptitle(
        "Flow time against fairness: less to the left, fairer above", fontsize=15, fontweight="bold", color=INK
    )
    figure.draw_without_rendering()  # which puts the charts where they stay
    figure.set_layout_engine("none")
    place_labels(left, [_named(point) for point in among if point not in close], [_named(point) for point in close])
    place_labels(right, [_named(point) for point in close])
    buffer = io.BytesIO()
    points = [{"label": point.label, "kind": point.kind, "flow": point.flow, "jain": point.jain} for point in among]
    described = described_by("Flow time against fairness", command, json.dumps(points))
    figure.savefig(buffer, format="png", dpi=DPI, pil_kwargs={"pnginfo": described})
    write_bytes(path, buffer.getvalue())


def _named(point: Point) -> Named:
    return Named(point.flow, point.jain, point.label)


def _chart(axis: Axes, among: list[Point], title: str) -> None:
    for kind, (colour, marker) in STYLE.items():
        of_kind = [point for point in among if point.kind == kind]
        axis.scatter(
            [p.flow for p in of_kind],
            [p.jain for p in of_kind],
            s=52,
            color=colour,
            marker=marker,
            label=kind,
            zorder=3,
        )
    for front, colour in (
        (unbeaten(among), FAINT),
        (unbeaten([point for point in among if point.kind == RULE]), STYLE[RULE][0]),
    ):
        axis.plot(
            [p.flow for p in front],
            [p.jain for p in front],
            color=colour,
            linewidth=1.0,
            linestyle=(0, (5, 3)),
            zorder=2,
        )
    axis.set_title(title, fontsize=11, color=FAINT)
    axis.set_xlabel("weighted mean flow time, s", color=FAINT)
    axis.set_ylabel("Jain's index of the agents' mean slowdowns", color=FAINT)
    axis.margins(0.12)
    axis.grid(color="#dfe2e7", linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(colors=FAINT, labelsize=9.5)
