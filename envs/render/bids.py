"""A picture of the negotiations of an episode: every bid of every contested round, and what each agent has had of the shared units."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from envs.events import EventKind, EventLog
from envs.render.chart import UNITS
from envs.render.spans import end_of, leases_of
from envs.render.style import BOTTOM, DPI, FAINT, HEIGHT, INK, LEFT, RIGHT, TOP, WIDTH, colour, legend, plain
from envs.workloads.instance import Instance

SPACE = 0.25
"""Between two charts, as a share of their mean height."""


def bids(instance: Instance, log: EventLog, *, title: str | None = None) -> NDArray[np.uint8]:
    """Return [900, 1600, 3] uint8: bids over time above, below them the shares of each shared resource's unit-seconds so far."""
    from matplotlib.figure import Figure

    pooled = np.flatnonzero(instance.shared & (instance.shared_capacity > 0)).tolist()
    end = end_of(log) or 1.0
    second, unit, _ = next(u for u in UNITS if end >= u[0] * u[2])
    figure = Figure((WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor="white")
    figure.text(LEFT, 0.952, title or instance.name, fontsize=16, fontweight="bold", color=INK)
    grid = figure.add_gridspec(1 + len(pooled), 1, left=LEFT, right=RIGHT, bottom=BOTTOM, top=TOP, hspace=SPACE)
    top = figure.add_subplot(grid[0])
    charts = [figure.add_subplot(grid[k + 1], sharex=top) for k in range(len(pooled))]
    asked = log.kind == EventKind.RESOURCE_REQUEST
    for a in range(instance.num_agents):
        mine = asked & (log.agent == a)
        top.plot(log.time[mine] / second, log.value[mine], "os^D"[a % 4], color=colour(a), markersize=3.5, linestyle="")
    named = [(top, "bids in contested rounds")]
    for axis, r in zip(charts, pooled, strict=True):
        times, held = leases_of(instance, log, r)
        had = np.cumsum(held[:, :-1] * np.diff(times), axis=1)
        share = 100.0 * had / np.maximum(had.sum(axis=0), 1e-9)
        for a in range(instance.num_agents):
            axis.plot(times[1:] / second, share[a], color=colour(a), linewidth=1.4)
        axis.set_ylim(0.0, 100.0)
        named.append((axis, f"{instance.resources[r]}: % of the unit-seconds leased so far"))
    for axis, text in named:
        plain(axis)
        axis.annotate(text, (0.0, 1.02), xycoords="axes fraction", ha="left", va="bottom", fontsize=9.0, color=INK)
        axis.tick_params(labelbottom=axis is named[-1][0])
    top.set_xlim(0.0, end / second)
    legend(top, "agent", [f"agent {a}" for a in range(instance.num_agents)], [])
    named[-1][0].set_xlabel(unit, color=FAINT, fontsize=10)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="rgba", dpi=DPI)
    return np.frombuffer(buffer.getvalue(), np.uint8).reshape(HEIGHT, WIDTH, 4)[..., :3].copy()
