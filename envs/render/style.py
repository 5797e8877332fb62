"""How charts look: sizes, colours, legends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from envs.events import EventKind
from envs.workloads.instance import Instance, IntArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT, DPI = 1600, 900, 100
"""Pixels, and pixels per inch."""
LEFT, RIGHT, BOTTOM, TOP = 0.075, 0.885, 0.07, 0.88
"""Edges of the charts, as shares of the picture; the legends stand to the right."""
PALETTE: Final = (
    *(
        "#0072B2",
        "#E69F00",
        "#009E73",
        "#CC79A7",
        "#56B4E9",
        "#D55E00",
        "#C7B700",
    ),  # Okabe and Ito (2008), the yellow darkened
    *("#332288", "#44AA99", "#882255", "#8C8C3A", "#8A8F98"),  # Tol (2021), muted
)
"""Colours that stay apart for colour-blind eyes; they repeat after twelve groups."""
INK, FAINT, SHADE, DOWN = "#22272e", "#6b7480", "#f3f4f6", "#cdd2d9"
UNFINISHED, BROKEN = 0.5, 0.8
"""How much white is mixed into the colours of attempts that still run, and of those that failed or were interrupted."""
HATCHES: Final[dict[int, str]] = {EventKind.TASK_FAILED: "xxxxx", EventKind.TASK_INTERRUPTED: "/////"}
MAX_NAMED: Final = 12
"""Groups named in a legend."""


class Grouping(NamedTuple):
    """What the colours stand for."""

    title: str
    names: list[str]
    of_task: IntArray
    """[T]."""


def groups_by(instance: Instance, what: str | None) -> Grouping:
    """Group tasks by 'owner' (of the job), 'kind' or 'job'; None: by the first of them that differs between tasks."""
    job = instance.job_of_task()
    known = {
        "owner": Grouping("job owner", [f"agent {a}" for a in range(instance.num_agents)], instance.job_owner[job]),
        "kind": Grouping("task kind", [f"kind {k}" for k in range(instance.num_kinds)], instance.task_kind),
        "job": Grouping("job", [f"job {j}" for j in range(instance.num_jobs)], job),
    }
    if what is None:
        what = next((name for name, groups in known.items() if np.unique(groups.of_task).size > 1), "job")
    if what not in known:
        raise ValueError(f"color_by is {what!r}, must be one of {', '.join(known)}")
    return known[what]


def colour(group: int) -> str:
    """The colour of a group."""
    return PALETTE[group % len(PALETTE)]


def plain(axis: Axes) -> None:
    """Take away what carries no information."""
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.spines["bottom"].set_color(FAINT)
    axis.tick_params(colors=FAINT, labelsize=9.5, length=3)
    axis.grid(axis="x", color="#dfe2e7", linewidth=0.6, zorder=0)
    axis.set_axisbelow(True)


def legend(axis: Axes, title: str, names: list[str], marks: list[Any]) -> None:
    """Put a legend to the right of a chart: the groups' colours, then other marks (matplotlib handles with labels)."""
    from matplotlib.patches import Patch

    handles: list[Any] = [Patch(color=colour(g), label=name) for g, name in enumerate(names[:MAX_NAMED])]
    if len(names) > MAX_NAMED:
        handles.append(Patch(color="none", label=f"and {len(names) - MAX_NAMED} more"))
    box = axis.legend(
        handles=handles + marks,
        title=title,
        loc="upper left",
        bbox_to_anchor=(1.008, 1.0),
        borderaxespad=0.0,
        frameon=False,
        fontsize=9.5,
        labelcolor=INK,
        handlelength=1.3,
        handleheight=0.9,
        labelspacing=0.45,
        alignment="left",
    )
    box.get_title().set(color=FAINT, fontsize=9.5)
