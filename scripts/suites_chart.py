"""One chart of all suites, from results/suites/*.json alone: what is learned against the best rule: ``python -m scripts.suites_chart``."""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.evaluation.statistics import relative_difference
from envs.files import write_bytes
from envs.render.style import DPI, FAINT, INK, PALETTE, SHADE, WIDTH, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW, MARGIN = 0.24, 1.35
"""Inches: of a row, and of what stands above and below all rows."""
SCALE = 2
"""Pixels of the file over those on a page: it is shown 800 wide."""
LEFT, RIGHT, PUBLISHED_AT = 0.235, 0.645, 1.36
"""Edges of the chart, as shares of the picture, and where others' names begin, in widths of the chart."""
TICKS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.05, 1.1, 1.2, 1.3, 1.4, 1.5, 1.75, 2.0, 3.0, 5.0, 10.0)
APART = 0.08
"""Of the chart's width, between two ticks at least."""


@dataclass(frozen=True, eq=False)
class Panel:
    """The rows of one suite."""

    suite: str
    title: str
    view: str
    """The class of episodes by which they are grouped."""
    without: str = "\0"
    """Rows with this in their names are left out."""
    rows: Mapping[str, str] = field(default_factory=dict)
    """Names for rows that are to be one, by the beginnings of theirs; all others keep theirs."""
    same: bool = False
    """Whether published values are of these very episodes, and not of the collections that they belong to."""


TAILLARD = "Taillard's 80, mean of the eight sizes"
CLASSICAL = "classical, best known given"
PANELS = (
    Panel("job_shop", "Job shop", "family", rows={"generated": TAILLARD, "": CLASSICAL}),
    Panel("flexible_job_shop", "Flexible job shop", "family"),
    Panel("stochastic_job_shop", "Stochastic job shop", "size"),
    Panel("project", "Project", "family"),
    Panel("batch_queue", "Batch queue", "cell", without="last windows", same=True),
    Panel("workflow", "Workflow", "durations", same=True),
    Panel("shared_cluster", "Shared cluster", "load"),
)
TOLD = {TAILLARD: "generated, Taillard's sizes"}
"""Rows whose names in the suites are too long."""

RULE, LEARNED, SEARCHED, TUNED, PUBLISHED = (
    "best rule",
    "learned",
    "learned, with search",
    "tuned index",
    "best published",
)
ELSEWHERE = "best published, on other instances"
MARKS = {
    LEARNED: ("o", PALETTE[0], 7.0),
    SEARCHED: ("s", PALETTE[2], 6.0),
    TUNED: ("^", PALETTE[3], 6.0),
    PUBLISHED: ("D", PALETTE[5], 5.5),
}
KINDS = {"learned": LEARNED, "searched": SEARCHED, "tuned": TUNED, "other": PUBLISHED}
"""Of contestants; what plays in its own way is a method of others (HEFT)."""


@dataclass
class Row:
    """Episodes of one sort: everything relative to the best rule on them."""

    label: str
    rule: str
    ratios: dict[str, tuple[float, str]]
    """By mark: the ratio, and whose it is."""
    ends: dict[str, tuple[float, float]]
    """By mark: those of the 95 % interval of the ratio; nothing of what others published."""


def rows_of(found: dict[str, Any], panel: Panel) -> list[Row]:
    """Return the rows of a suite from what its command wrote.

    Raises:
        ValueError: where contestants have no kind, as a version before this chart wrote them.
    """
    if not all("kind" in one for one in found["contestants"]):
        raise ValueError(f"results of {panel.suite} are older than this chart: run {found['command']} again")
    groups: dict[str, dict[str, list[int]]] = {}
    for place, episode in enumerate(found["episodes"]):
        own = episode[panel.view]
        label = next((name for start, name in panel.rows.items() if own.startswith(start)), own)
        if panel.without not in label and not (label == CLASSICAL and own.endswith("to bound")):
            groups.setdefault(label, {}).setdefault(episode.get("estimates", ""), []).append(place)
    return [_row(found, label, list(known.items()), panel.same) for label, known in groups.items()]


def _row(found: dict[str, Any], label: str, known: list[tuple[str, list[int]]], same: bool) -> Row:
    """The best rule with any estimates is 1; whatever else plays knows most."""
    reference = np.array([each["reference"] or 1.0 for each in found["episodes"]])
    scores = {one["name"]: np.array(one[found["score"]]) / reference for one in found["contestants"]}
    kinds = {one["name"]: one["kind"] for one in found["contestants"]}
    rules = {
        (name, told): float(scores[name][:, at].mean())
        for name in scores
        if kinds[name] == "rule"
        for told, at in known
    }
    best = min(rules, key=rules.__getitem__)
    ratios: dict[str, tuple[float, str]] = {}
    here = {name: values[:, known[-1][1]] for name, values in scores.items()}
    own = next((values for name, values in here.items() if kinds[name] == "learned"), np.ones((1, 1)))
    for name, values in here.items():
        idle = kinds[name] == "searched" and np.array_equal(
            values, own
        )  # did without, as searches do that cannot foresee
        if kinds[name] in KINDS and not idle:
            _enter(ratios, KINDS[kinds[name]], float(values.mean()) / rules[best], name)
    cluster = np.array([each.get("cluster", place) for place, each in enumerate(found["episodes"])])[known[-1][1]]
    of_rule, ends = scores[best[0]][:, dict(known)[best[1]]], {}
    for mark, (_, name) in ratios.items():
        interval = relative_difference(here[name], of_rule, cluster=cluster)
        ends[mark] = (1.0 + interval.low, 1.0 + interval.high)
    asked = {name: value for (name, told), value in rules.items() if told == known[0][0]}
    for value, method in _published(found, label, {} if same else asked):
        _enter(ratios, PUBLISHED, value / rules[best], method)
    rule = best[0] if best[1] == known[0][0] else ", ".join(best)
    return Row(label, rule, ratios, ends)


def _enter(ratios: dict[str, tuple[float, str]], mark: str, value: float, name: str) -> None:
    """Keep the first of what is learned, which is the suite's own, and the best of all others."""
    if mark not in ratios or (mark != LEARNED and value < ratios[mark][0]):
        ratios[mark] = (value, name)


def _published(found: dict[str, Any], label: str, rules: dict[str, float]) -> Iterator[tuple[float, str]]:
    """What others' methods reach; on other episodes: if they are here as far from the best rule that they tell of as they are there."""
    relative = any(each["reference"] for each in found["episodes"])
    told = [
        (1.0 + each["value"] / 100.0 if relative else each["value"], each)
        for each in found["published"]
        if each["row"] == label
    ]
    tie = min(((value, rules[each["rule"]]) for value, each in told if each.get("rule") in rules), default=(1.0, 1.0))
    for value, each in told:
        if not each.get("rule"):
            yield value * tie[1] / tie[0], each["method"]


def chart(sheets: list[tuple[Panel, list[Row]]]) -> bytes:
    """Draw the rows of some suites, one below the other, as a PNG."""
    from matplotlib.figure import Figure

    rows = sum(1 + len(part) for _, part in sheets)
    height = rows * ROW + MARGIN
    figure = Figure((WIDTH / DPI / SCALE, height), dpi=DPI * SCALE, facecolor="white")
    axis = figure.add_axes((LEFT, 0.55 / height, RIGHT - LEFT, rows * ROW / height))
    place = 0
    for panel, part in sheets:
        _text(axis, -0.02, place, panel.title, ha="right", weight="bold")
        axis.axhspan(place - 0.5, place + 0.5, color=SHADE, zorder=0)
        for row in part:
            place += 1
            _draw(axis, place, row, panel.same)
        place += 1
    _frame(axis, rows, [ratio for _, part in sheets for row in part for ratio, _ in row.ratios.values()])
    _legend(figure, axis, height)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI * SCALE)
    return buffer.getvalue()


def _text(axis: Axes, x: float, y: float, text: str, **look: Any) -> None:
    """Write beside a row; ``x`` in widths of the chart."""
    axis.text(x, y, text, transform=axis.get_yaxis_transform(), va="center", **{"fontsize": 8.5, "color": INK, **look})


def _draw(axis: Axes, place: int, row: Row, same: bool) -> None:
    _text(axis, -0.02, place, TOLD.get(row.label, row.label.removesuffix(", to bound")), ha="right")
    _text(axis, 1.02, place, row.rule, color=FAINT, fontsize=7.5)
    if PUBLISHED in row.ratios:
        _text(axis, PUBLISHED_AT, place, row.ratios[PUBLISHED][1], color=FAINT, fontsize=7.5)
    for mark, ends in row.ends.items():
        axis.plot(ends, (place, place), color=MARKS[mark][1], linewidth=1.5, alpha=0.6, zorder=2)
    for mark, (shape, colour, size) in MARKS.items():
        if mark in row.ratios:
            filled = colour if same or mark != PUBLISHED else "white"
            axis.plot(
                row.ratios[mark][0],
                place,
                shape,
                color=colour,
                markerfacecolor=filled,
                markersize=size,
                markeredgewidth=1.2,
                zorder=3,
            )


def _frame(axis: Axes, rows: int, ratios: list[float]) -> None:
    """A logarithmic axis on which a third more is as far from 1 as a quarter less."""
    from matplotlib.ticker import FixedLocator, NullLocator

    plain(axis)
    axis.set_xscale("log")
    axis.set_xlim(min(0.9, 0.97 * min(ratios)), max(1.1, 1.03 * max(ratios)))
    low, high = axis.get_xlim()
    ticks = [1.0]
    for tick in sorted((tick for tick in TICKS if low <= tick <= high), key=lambda tick: abs(np.log(tick))):
        if min(abs(np.log(tick / other)) for other in ticks) > APART * np.log(high / low):
            ticks.append(tick)
    axis.xaxis.set_major_locator(FixedLocator(ticks))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xticklabels([f"{tick:g}" for tick in ticks], fontsize=8.5)
    axis.set_yticks([])
    axis.set_ylim(rows - 0.5, -0.5)  # intervals that are longer than the chart end at its edges
    axis.axvline(1.0, color=INK, linewidth=1.2, zorder=1)
    axis.set_xlabel("cost over that of the best rule of the row; left is better", fontsize=8.5, color=INK)
    _text(axis, 1.02, -1.0, RULE, color=INK, fontsize=7.5)
    _text(axis, PUBLISHED_AT, -1.0, PUBLISHED, color=INK, fontsize=7.5)


def _legend(figure: Figure, axis: Axes, height: float) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], linestyle="none", marker=shape, color=colour, markersize=size, label=mark)
        for mark, (shape, colour, size) in MARKS.items()
    ]
    shape, colour, size = MARKS[PUBLISHED]
    elsewhere = Line2D(
        [], [], linestyle="none", marker=shape, color=colour, markerfacecolor="white", markersize=size, label=ELSEWHERE
    )
    figure.legend(
        handles=[*handles, elsewhere], loc="upper center", ncols=3, frameon=False, fontsize=8.5, labelcolor=INK
    )


def main() -> None:
    """Draw every suite of PANELS whose results are there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--results", type=Path, default=Path("results/suites"), help="the folder of the suites' .json files"
    )
    parser.add_argument("--out", type=Path, default=Path("docs/images/suites.png"))
    given = parser.parse_args()
    files = {panel: given.results / f"{panel.suite}.json" for panel in PANELS}
    try:
        sheets = [
            (panel, rows_of(json.loads(file.read_text("utf-8")), panel))
            for panel, file in files.items()
            if file.is_file()
        ]
        if not sheets:
            raise ValueError(f"{given.results} has results of no suite: parley benchmark suite=NAME writes them")
        write_bytes(given.out, chart(sheets))
    except (ValueError, KeyError, TypeError, OSError) as error:
        parser.exit(
            2,
            f"suites_chart: error: {given.results} has what no suite wrote, or {given.out} cannot be written: {error!r}\n",
        )
    print(f"{given.out}: {', '.join(panel.suite for panel, _ in sheets)}")


if __name__ == "__main__":
    main()
