"""The Gantt chart proper: one lane per agent, with as many rows as tasks ran there at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from envs.events import EventKind, EventLog
from envs.render.spans import RUNNING, end_of, label_of, outages_of, rows_of, spans_of
from envs.render.style import BROKEN, DOWN, DPI, FAINT, HATCHES, INK, SHADE, UNFINISHED, Grouping, colour, legend
from envs.workloads.instance import FloatArray, Instance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP: Final = 0.5
"""Rows between the lanes of two agents."""
MAX_LABELS: Final = 300
SMALLEST_TYPE: Final = 5.5
"""Points."""
MAX_EDGED: Final = 3000
"""Of more bars than this the outlines would be all that one sees."""
HATCH_FROM: Final = 3.0
"""Pixels: the pattern does not show on narrower bars, but takes long to draw."""


def draw_bars(
    axis: Axes, instance: Instance, log: EventLog, groups: Grouping, unit: float, width: float, height: float
) -> None:
    """Draw the attempts, breakdowns and arrivals on an axis whose x is in units of ``unit`` seconds and that has this size in pixels."""
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import to_rgb

    spans = spans_of(log)
    row, rows = rows_of(spans, instance.num_agents)
    lane: FloatArray = np.concatenate([[0.0], np.cumsum(rows + GAP)]).astype(
        np.float64
    )  # the upper edge of every agent's lane
    row_pixels = height / float(lane[-1])
    upper = lane[spans.agent] + row
    boxes = _boxes(spans.start / unit, spans.end / unit, upper + 0.05, upper + 0.95)
    palette = np.array([to_rgb(colour(g)) for g in range(len(groups.names))])
    colours = palette[groups.of_task[spans.task]]
    down = np.array(outages_of(log), np.float64).reshape(-1, 3)
    for a in range(instance.num_agents):
        axis.axhspan(lane[a] - GAP / 4, lane[a + 1] - GAP * 3 / 4, color=SHADE, linewidth=0, zorder=0)
    who = down[:, 0].astype(np.int32)
    shadows = _boxes(down[:, 1] / unit, down[:, 2] / unit, lane[who] - GAP / 4, lane[who + 1] - GAP * 3 / 4)
    axis.add_collection(PolyCollection(list(shadows), facecolors=DOWN, linewidths=0, zorder=1))
    outline = 0.4 if row_pixels > 5 and spans.task.size <= MAX_EDGED else 0.0
    pixels = (spans.end - spans.start) / max(end_of(log), 1e-9) * width
    narrow = pixels < HATCH_FROM
    for how, white in ((EventKind.TASK_END, 0.0), (RUNNING, UNFINISHED), *((kind, BROKEN) for kind in HATCHES)):
        for some, hatch in ((~narrow, HATCHES.get(how)), (narrow, None)):
            some = some & (spans.end_kind == how)
            pale = white if hatch else min(white, UNFINISHED)
            faces = colours[some] * (1 - pale) + pale
            edges = colours[some] if hatch else "white"
            bars = PolyCollection(
                list(boxes[some]), facecolors=faces, edgecolors=edges, linewidths=outline, hatch=hatch, zorder=2
            )
            axis.add_collection(bars)
    axis.set_ylim(float(lane[-1]) - GAP * 3 / 4, -GAP / 4)
    step = int(np.ceil(13.0 / (height / instance.num_agents)))
    named = np.arange(0, instance.num_agents, step)
    axis.set_yticks(lane[named] + rows[named] / 2, [f"agent {a}" for a in named], fontsize=9.5, color=INK)
    axis.tick_params(axis="y", length=0)
    size = min(row_pixels * 0.42, 8.5)
    for n in np.argsort(-pixels)[: MAX_LABELS if size >= SMALLEST_TYPE else 0].tolist():
        name, how = label_of(instance, int(spans.task[n])), int(spans.end_kind[n])
        if pixels[n] > 0.72 * size * DPI / 72 * len(name) + 2:
            dark = how == EventKind.TASK_END and colours[n] @ (0.299, 0.587, 0.114) < 0.6
            box = {"facecolor": "white", "linewidth": 0, "pad": 0.8, "alpha": 0.85} if how in HATCHES else None
            middle = (spans.start[n] + spans.end[n]) / 2 / unit
            ink = "white" if dark else INK
            axis.text(
                middle, upper[n] + 0.5, name, fontsize=size, color=ink, ha="center", va="center", bbox=box, zorder=3
            )
    _draw_arrivals(axis, instance, log, groups, unit)
    legend(axis, groups.title, groups.names, _marks(log, set(spans.end_kind.tolist())))


def _boxes(left: FloatArray, right: FloatArray, upper: FloatArray, lower: FloatArray) -> FloatArray:
    """[N, 4, 2] the corners of N rectangles."""
    x = np.stack([left, right, right, left], axis=1)
    y = np.stack([upper, upper, lower, lower], axis=1)
    return np.stack([x, y], axis=2)


def _draw_arrivals(axis: Axes, instance: Instance, log: EventLog, groups: Grouping, unit: float) -> None:
    above = axis.get_xaxis_transform()
    arrivals = np.flatnonzero(log.kind == EventKind.TASK_SUBMISSION)
    of_job = groups.of_task[instance.job_first[log.job[arrivals]]]
    inks = [
        FAINT if groups.title == "task kind" else colour(g) for g in of_job.tolist()
    ]  # the tasks of a job may be of many kinds
    size = 26.0 * float(np.clip(200.0 / max(arrivals.size, 1), 0.3, 1.0))
    kwargs: dict[str, Any] = {"transform": above, "clip_on": False, "linewidths": 0, "zorder": 4}
    axis.scatter(
        log.time[arrivals] / unit, np.full(arrivals.size, 1.016), s=size, marker="v", c=inks, alpha=0.85, **kwargs
    )
    ended = log.time[log.kind == EventKind.JOB_ABANDONED] / unit
    axis.scatter(ended, np.full(ended.size, 1.016), s=1.3 * size, marker="X", c=INK, **kwargs)


def _marks(log: EventLog, ends: set[int]) -> list[Any]:
    """Legend handles of what occurs."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    def bar(label: str, face: str, hatch: str | None = None) -> Patch:
        return Patch(facecolor=face, edgecolor=FAINT, linewidth=0.4, hatch=hatch, label=label)

    def point(label: str, marker: str, ink: str) -> Line2D:
        return Line2D([], [], linestyle="", marker=marker, color=ink, markeredgewidth=0, markersize=6, label=label)

    kinds = set(np.unique(log.kind).tolist())
    marks: list[tuple[bool, Any]] = [
        (EventKind.TASK_FAILED in ends, bar("failed", "white", HATCHES[EventKind.TASK_FAILED])),
        (EventKind.TASK_INTERRUPTED in ends, bar("interrupted", "white", HATCHES[EventKind.TASK_INTERRUPTED])),
        (RUNNING in ends, bar("still running", "#86bade")),
        (EventKind.AGENT_DOWN in kinds, bar("agent down", DOWN)),
        (EventKind.TASK_SUBMISSION in kinds, point("job arrives", "v", FAINT)),
        (EventKind.JOB_ABANDONED in kinds, point("job abandoned", "X", INK)),
    ]
    return [mark for occurs, mark in marks if occurs]
