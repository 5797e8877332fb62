"""A picture of a plan with its uncertainty: who runs what when, and which jobs will be done by when, and by their due dates or not."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from agents.operation.planning.planning import ExecutionPlan, JobPlan, Spread, TaskPlan
from envs.files import write_bytes
from envs.render.style import DPI, FAINT, INK, colour, plain

if TYPE_CHECKING:  # drawing is rare and matplotlib slow to import
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH: Final = 16.0
"""Inches, as all lengths here."""
LANE, JOB_ROW, PANEL_GAP, HEAD, FOOT = 0.34, 0.27, 0.55, 1.0, 0.6
LEFT, RIGHT = 0.11, 0.87
"""Shares of the width; what is said of jobs stands to the right."""
MOST_TASKS: Final = 200
"""That are drawn with their names and their uncertainty; of more, medians alone are."""
MOST_LANES: Final = 60
MOST_JOBS: Final = 40
"""Rows of each panel: the busiest agents, the jobs that are least likely to be on time."""
PAST: Final = 0.12
"""Of the picture, at most, is what came before now."""
LETTER: Final = 0.075
"""Width of one in a bar."""
UNITS: Final = ((86_400.0, "days", 3.0), (3600.0, "hours", 2.0), (60.0, "minutes", 3.0), (1.0, "seconds", 0.0))
"""Seconds, name, and how many of it a plan must last to be measured in it."""


class Scale(NamedTuple):
    """Times as they are drawn."""

    now: float
    first: float
    """Seconds from now, as the last: what is drawn lies between."""
    last: float
    second: float
    """Seconds of a unit."""
    unit: str

    def at(self, time: float) -> float:
        """Where a time is drawn."""
        return min(max(time - self.now, self.first), self.last) / self.second


def draw_plan(plan: ExecutionPlan, path: str | os.PathLike[str]) -> None:
    """Write a plan as a PNG 1600 pixels wide, whole or not at all."""
    buffer = io.BytesIO()
    _figure(plan).savefig(buffer, format="png", dpi=DPI)
    write_bytes(path, buffer.getvalue())


def lanes_of(tasks: Sequence[TaskPlan]) -> list[list[TaskPlan]]:
    """Put tasks of one agent into as few lanes as their medians allow, so that bars in a lane do not overlap."""
    lanes: list[list[TaskPlan]] = []
    for task in sorted(tasks, key=lambda each: (each.start.p50, each.end.p50)):
        free = next((lane for lane in lanes if lane[-1].end.p50 <= task.start.p50), None)
        if free is None:
            lanes.append([task])
        else:
            free.append(task)
    return lanes


def _figure(plan: ExecutionPlan) -> Figure:
    from matplotlib.figure import Figure

    by_agent: dict[str, list[TaskPlan]] = {}
    for task in plan.tasks:
        by_agent.setdefault(task.agent, []).append(task)
    detailed = len(plan.tasks) <= MOST_TASKS
    whole = {
        name: lanes_of(by_agent[name]) if detailed else [by_agent[name]] for name in sorted(by_agent, key=_natural)
    }
    agents = _busiest(whole)
    jobs = sorted(plan.jobs, key=lambda job: (1.0 if job.on_time is None else job.on_time, job.end.p50))[:MOST_JOBS]
    jobs = sorted(jobs, key=lambda job: job.position)
    lanes = max(1, sum(map(len, agents.values())))
    tops = [LANE * lanes, JOB_ROW * max(1, len(jobs))]
    height = HEAD + tops[0] + PANEL_GAP + tops[1] + FOOT
    figure = Figure((WIDTH, height), dpi=DPI, facecolor="white")
    by = f"as the previous plan says, the rest by {plan.policy}" if plan.kept else f"decided by {plan.policy}"
    figure.text(
        LEFT, 1 - 0.36 / height, f"Plan of {len(plan.tasks):,} tasks in {len(plan.jobs):,} jobs", **_text(16, INK, True)
    )
    figure.text(
        LEFT,
        1 - 0.62 / height,
        f"{plan.futures} futures, {by}{_left_out(plan, whole, agents, jobs)}",
        **_text(10.5, FAINT),
    )
    scale = _scale(plan)
    width = (RIGHT - LEFT) * WIDTH
    places = [1 - (HEAD + tops[0]) / height, FOOT / height]
    upper, lower = (
        figure.add_axes((LEFT, place, RIGHT - LEFT, top / height)) for place, top in zip(places, tops, strict=True)
    )
    colours = {job.job: colour(k) for k, job in enumerate(sorted(plan.jobs, key=lambda each: each.position))}
    for axis in (upper, lower):
        plain(axis)
        axis.set_xlim(scale.first / scale.second, scale.last / scale.second)
        axis.axvline(0.0, color=INK, linewidth=0.9, zorder=1)
    _draw_agents(upper, agents, scale, colours, width, detailed=detailed)
    _draw_jobs(lower, jobs, scale, colours)
    lower.set_xlabel(f"{scale.unit} from now", color=FAINT, fontsize=10)
    _explain(upper)
    return figure


def _text(size: float, ink: str, bold: bool = False) -> dict[str, Any]:
    return {"fontsize": size, "color": ink, "fontweight": "bold" if bold else "normal"}


def _natural(name: str) -> list[tuple[int, str]]:
    """agent-10 comes behind agent-9."""
    parts = "".join(c if c.isdigit() else f" {c} " for c in name).split()
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _busiest(agents: dict[str, list[list[TaskPlan]]]) -> dict[str, list[list[TaskPlan]]]:
    """As many agents as there is room for, in their order."""
    work = {
        name: sum(task.end.p50 - task.start.p50 for lane in lanes for task in lane) for name, lanes in agents.items()
    }
    shown: set[str] = set()
    room = MOST_LANES
    for name in sorted(agents, key=lambda each: -work[each]):
        if len(agents[name]) <= room or not shown:
            shown.add(name)
            room -= len(agents[name])
    return {name: lanes[:MOST_LANES] for name, lanes in agents.items() if name in shown}


def _left_out(
    plan: ExecutionPlan,
    whole: dict[str, list[list[TaskPlan]]],
    agents: dict[str, list[list[TaskPlan]]],
    jobs: list[JobPlan],
) -> str:
    """What the picture does not show."""
    told = []
    if len(plan.tasks) > MOST_TASKS:
        told.append("medians alone, one above the other")
    if len(agents) < len(whole):
        told.append(f"the {len(agents)} busiest of {len(whole)} agents")
    if len(jobs) < len(plan.jobs):
        told.append(f"the {len(jobs)} of {len(plan.jobs):,} jobs that are least likely to be on time")
    return "".join(f"   ·   {each}" for each in told)


def _scale(plan: ExecutionPlan) -> Scale:
    last = (
        max(
            (each.p90 for each in [*(task.end for task in plan.tasks), *(job.end for job in plan.jobs)]),
            default=plan.time,
        )
        - plan.time
    )
    last = max(last * 1.01, 1.0)
    first = min((each.start.p50 for each in plan.tasks), default=plan.time) - plan.time
    second, unit, _ = next(each for each in UNITS if last >= each[0] * each[2])
    return Scale(plan.time, max(min(first, 0.0), -PAST / (1 - PAST) * last), last, second, unit)


def _draw_agents(
    axis: Axes,
    agents: dict[str, list[list[TaskPlan]]],
    scale: Scale,
    colours: dict[str, str],
    width: float,
    *,
    detailed: bool,
) -> None:
    """A band of lanes for each agent."""
    y, ticks = 0.0, []
    per_inch = (scale.last - scale.first) / scale.second / width
    for row, (name, lanes) in enumerate(agents.items()):
        if row % 2:
            axis.axhspan(y - 0.5, y + len(lanes) - 0.5, color="#f3f4f6", zorder=0, linewidth=0)
        ticks.append((y + (len(lanes) - 1) / 2, name))
        for lane in lanes:
            for task in lane:
                _draw_task(axis, task, y, scale, colours[task.job], per_inch, detailed=detailed)
            y += 1
    axis.set_ylim(max(y, 1.0) - 0.5, -0.5)
    axis.set_yticks([place for place, _ in ticks], [_short(name, 18) for _, name in ticks])
    axis.tick_params(axis="y", length=0, labelsize=10, labelcolor=INK)


def _draw_task(
    axis: Axes, task: TaskPlan, y: float, scale: Scale, ink: str, per_inch: float, *, detailed: bool
) -> None:
    start, end = scale.at(task.start.p50), scale.at(task.end.p50)
    runs = task.start.p90 < scale.now
    axis.barh(
        y, max(end - start, per_inch / DPI), left=start, height=0.66, color=ink, alpha=0.55 if runs else 0.92, zorder=2,
        edgecolor="white", linewidth=0.6, hatch="////" if runs else None,
    )  # fmt: skip
    if not detailed:
        return
    _whisker(axis, task.end, y + 0.2, scale, ink)
    if not runs:
        _whisker(axis, task.start, y - 0.2, scale, ink)
    letters = int((end - start) / per_inch / LETTER) - 1
    for name in (f"{task.job}/{task.task}", task.task):
        if len(name) <= letters:
            axis.text(
                (start + end) / 2, y, name, ha="center", va="center", fontsize=8.5, zorder=5,
                color=INK if runs else "white", fontweight="bold" if runs else "normal",
                bbox={"facecolor": "white" if runs else ink, "alpha": 0.85, "pad": 0.6, "linewidth": 0},
            )  # fmt: skip
            break


def _whisker(axis: Axes, spread: Spread, y: float, scale: Scale, ink: str) -> None:
    """In a darker shade of the task's colour, so that it is seen upon its bar and known beside it."""
    from matplotlib.colors import to_rgb

    dark = tuple(0.55 * part for part in to_rgb(ink))
    low, high = scale.at(spread.p10), scale.at(spread.p90)
    if high > low:
        axis.plot([low, high], [y, y], color=dark, linewidth=1.2, zorder=3, solid_capstyle="butt")
        axis.plot([low, high], [y, y], color=dark, linewidth=0, marker="|", markersize=6, markeredgewidth=1.2, zorder=3)


def _draw_jobs(axis: Axes, jobs: Sequence[JobPlan], scale: Scale, colours: dict[str, str]) -> None:
    """When each job ends, when it is due, and how likely it is on time."""
    edge = scale.last / scale.second
    for y, job in enumerate(jobs):
        axis.plot(
            [scale.at(job.end.p10), scale.at(job.end.p90)],
            [y, y],
            color=colours[job.job],
            linewidth=5,
            alpha=0.45,
            zorder=2,
        )
        axis.plot([scale.at(job.end.p50)], [y], "o", color=colours[job.job], markersize=7, zorder=3)
        told = ""
        if job.due is not None:
            inside = scale.first <= job.due - scale.now <= scale.last
            marker = "D" if inside else "<" if job.due < scale.now else ">"
            axis.plot(
                [scale.at(job.due)],
                [y],
                marker,
                color=INK,
                markersize=6,
                markerfacecolor="white",
                zorder=4,
                clip_on=False,
            )
            told = f"on time {job.on_time:.0%}" if job.on_time is not None else ""
        late = job.on_time is not None and job.on_time < 0.5
        axis.annotate(
            told, (edge, y), xytext=(12, 0), textcoords="offset points", va="center", fontsize=9.5,
            color=INK if late else FAINT, fontweight="bold" if late else "normal", annotation_clip=False,
        )  # fmt: skip
    axis.set_ylim(max(len(jobs), 1) - 0.5, -0.5)
    axis.set_yticks(range(len(jobs)), [_short(job.job, 18) for job in jobs])
    axis.tick_params(axis="y", length=0, labelsize=9.5, labelcolor=INK)


def _explain(axis: Axes) -> None:
    """What the marks mean, above the chart."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    whisker = Line2D(
        [], [], color=INK, linewidth=0.9, marker="|", markersize=6, label="p10 to p90 of start (above) and end (below)"
    )
    handles = [
        Patch(facecolor=FAINT, label="median start to median end"),
        Patch(facecolor=FAINT, alpha=0.55, hatch="////", edgecolor="white", label="runs already"),
        whisker,
        Line2D(
            [],
            [],
            color=INK,
            marker="D",
            markerfacecolor="white",
            linewidth=0,
            markersize=6,
            label="due (arrow: outside)",
        ),
    ]
    axis.legend(
        handles=handles, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4, frameon=False, fontsize=9, labelcolor=FAINT,
        borderaxespad=0.3, handlelength=1.6, columnspacing=1.6,
    )  # fmt: skip


def _short(name: str, letters: int) -> str:
    return name if len(name) <= letters else name[: letters - 1] + "…"
