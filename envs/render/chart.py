"""A picture of an episode: the Gantt chart, with a chart of the leases of every shared resource below it."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from envs.events import EventKind, EventLog
from envs.files import write_bytes
from envs.render.bars import draw_bars
from envs.render.described import bars_as_csv, described_by
from envs.render.spans import end_of, leases_of
from envs.render.style import BOTTOM, DPI, FAINT, HEIGHT, INK, LEFT, RIGHT, TOP, WIDTH, colour, groups_by, legend, plain
from envs.workloads.instance import Instance

if TYPE_CHECKING:  # drawing is rare and matplotlib slow to import: it is imported where something is drawn
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_CHARTS: Final = 4
"""Shared resources with a chart: the busiest."""
MAX_STEPS: Final = 2 * WIDTH
"""Points in time of a lease chart."""
GANTT_SHARE: Final = 4.5
"""Height of the Gantt chart over that of a lease chart."""
SPACE: Final = 0.17
"""Between two charts, as a share of their mean height."""
UNITS: Final = ((86_400.0, "days", 4.0), (3600.0, "hours", 2.0), (1.0, "seconds", 0.0))
"""Seconds, name, and how many of it an episode must last to be measured in it."""


def gantt(
    instance: Instance,
    log: EventLog,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    color_by: str | None = None,
    command: str = "",
) -> None:
    """Write the episode as a PNG of 1600 x 900 pixels, whole or not at all; its bars are in the file as well, as CSV (its text Data).

    Args:
        instance: the jobs that were played.
        log: what happened; an episode that still goes on is drawn up to its last event.
        path: the file.
        title: by default the instance's name.
        color_by: 'owner' (of the job), 'kind' (of the task) or 'job'; by default the first of them that differs between tasks.
        command: by which it was made, for the file's text Command.
    """
    described = described_by(title or instance.name, command, bars_as_csv(instance, log))
    write_bytes(path, _pixels(instance, log, title, color_by, "png", pil_kwargs={"pnginfo": described}))


def frame(
    instance: Instance, log: EventLog, *, title: str | None = None, color_by: str | None = None
) -> NDArray[np.uint8]:
    """Return the same picture as [900, 1600, 3] uint8."""
    rgba = np.frombuffer(_pixels(instance, log, title, color_by, "rgba"), np.uint8).reshape(HEIGHT, WIDTH, 4)
    return rgba[..., :3].copy()


def _pixels(
    instance: Instance,
    log: EventLog,
    title: str | None,
    color_by: str | None,
    form: str,
    **how: Any,
) -> bytes:
    buffer = io.BytesIO()
    _figure(instance, log, title, color_by).savefig(buffer, format=form, dpi=DPI, **how)
    return buffer.getvalue()


def _figure(instance: Instance, log: EventLog, title: str | None, color_by: str | None) -> Figure:
    from matplotlib.figure import Figure

    groups = groups_by(instance, color_by)
    end = end_of(log) or 1.0
    second, unit, _ = next(u for u in UNITS if end >= u[0] * u[2])
    leased = _busiest(instance, log)
    figure = Figure((WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor="white")
    figure.text(LEFT, 0.952, title or instance.name, fontsize=16, fontweight="bold", color=INK)
    figure.text(
        LEFT,
        0.922,
        _summary(instance, log, f"{end / second:,.{6 if second == 1.0 else 4}g} {unit}"),
        fontsize=10.5,
        color=FAINT,
    )
    ratios = [GANTT_SHARE] + [1.0] * len(leased)
    grid = figure.add_gridspec(
        len(ratios), 1, height_ratios=ratios, left=LEFT, right=RIGHT, bottom=BOTTOM, top=TOP, hspace=SPACE
    )
    top = figure.add_subplot(grid[0])
    charts = [figure.add_subplot(grid[k + 1], sharex=top) for k in range(len(leased))]
    for axis in (top, *charts):
        plain(axis)
        axis.tick_params(labelbottom=axis is (top, *charts)[-1])
    top.set_xlim(0.0, end / second)
    draw_bars(top, instance, log, groups, second, WIDTH * (RIGHT - LEFT), HEIGHT * top.get_position().height)
    for axis, r in zip(charts, leased, strict=True):
        _draw_leases(axis, instance, log, r, second)
    if charts:
        same = groups.title == "job owner"  # then the legend above names the agents
        legend(
            charts[0],
            "units held by agent" + "\n(colours as above)" * same,
            [] if same else [f"agent {a}" for a in range(instance.num_agents)],
            [],
        )
    (top, *charts)[-1].set_xlabel(unit, color=FAINT, fontsize=10)
    return figure


def _summary(instance: Instance, log: EventLog, length: str) -> str:
    count = {kind: int(np.sum(log.kind == kind)) for kind in EventKind}
    parts = [
        length,
        f"{count[EventKind.JOB_DONE]:,} of {instance.num_jobs:,} jobs done",
        f"{count[EventKind.TASK_START]:,} attempts",
    ]
    for kind, what in (
        (EventKind.TASK_FAILED, "failed"),
        (EventKind.TASK_INTERRUPTED, "interrupted"),
        (EventKind.AGENT_DOWN, "breakdowns"),
        (EventKind.JOB_ABANDONED, "jobs abandoned"),
    ):
        if count[kind]:
            parts.append(f"{count[kind]:,} {what}")
    if count[EventKind.TRUNCATED]:
        parts.append("cut off")
    return "   ·   ".join(parts)


def _busiest(instance: Instance, log: EventLog) -> list[int]:
    """Return the shared resources with the largest mean use, at most MAX_CHARTS, in their own order."""
    use: dict[int, float] = {}
    for r in np.flatnonzero(instance.shared & (instance.shared_capacity > 0)).tolist():
        times, held = leases_of(instance, log, r)
        use[r] = float(held.sum(axis=0)[:-1] @ np.diff(times)) / float(instance.shared_capacity[r])
    return sorted(sorted(use, key=lambda r: -use[r])[:MAX_CHARTS])


def _draw_leases(axis: Axes, instance: Instance, log: EventLog, r: int, second: float) -> None:
    times, held = leases_of(instance, log, r)
    capacity = int(instance.shared_capacity[r])
    mean = float(held.sum(axis=0)[:-1] @ np.diff(times)) / max(float(times[-1]), 1e-9) / capacity
    if times.size > MAX_STEPS:  # finer than pixels, and slow to draw
        grid = np.linspace(0.0, times[-1], MAX_STEPS)
        times, held = grid, held[:, np.searchsorted(times, grid, side="right") - 1]
    below = np.zeros(times.size)
    for a in np.flatnonzero(held.any(axis=1)).tolist():
        axis.fill_between(times / second, below, below + held[a], step="post", color=colour(a), linewidth=0)
        below = below + held[a]
    axis.axhline(capacity, color=INK, linewidth=1.0, linestyle=(0, (5, 3)))
    axis.set_ylim(0.0, capacity * 1.12)
    axis.set_yticks([0, capacity], ["0", f"{capacity:,}"])
    for text, x, side, ink in (
        (instance.resources[r], 0.0, "left", INK),
        (f"{mean:.0%} leased on average", 1.0, "right", FAINT),
    ):
        axis.annotate(text, (x, 1.02), xycoords="axes fraction", ha=side, va="bottom", fontsize=9.0, color=ink)
