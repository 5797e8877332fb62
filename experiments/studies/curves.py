"""How learning went: the gap of what plays in training, and that of what is deployed, over decisions played."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from agents.learning.logging import GAPS
from envs.files import writing
from envs.render.described import described_by
from experiments.reports.curves import scalars

if TYPE_CHECKING:
    from experiments.studies.variants import Replicate

TRAINING, GREEDY = GAPS
DPI: Final = 110
Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Decisions played, and percent above the rules [points]."""


def read(folder: Path, name: str) -> Curve:
    """Return the curve of a scalar that the run in a folder has logged; empty where it has none."""
    step, value = scalars(folder).get(name, ([], []))
    return np.array(step, np.float64), np.array(value, np.float64)


def thirds(curve: Curve) -> tuple[float, float]:
    """Return the means of the first and of the last third of the decisions; nan where there is nothing."""
    step, value = curve
    if not len(step):
        return np.nan, np.nan
    early, late = step <= max(step[0], step[-1] / 3), step >= step[-1] * 2 / 3
    return float(value[early].mean()), float(value[late].mean())


def draw(planned: Mapping[str, Sequence[Replicate]], path: Path, command: str) -> None:
    """Draw a panel for each variant, with both curves of each of its runs; the file names the command, and has the points."""
    from matplotlib.figure import Figure

    points = []
    figure = Figure(figsize=(4.2 * len(planned), 3.6), layout="constrained")
    panels = figure.subplots(1, len(planned), sharey=True, squeeze=False)[0]
    for panel, (name, runs) in zip(panels, planned.items(), strict=True):
        for number, run in enumerate(runs):
            for scalar, colour, label in ((TRAINING, "tab:orange", "training"), (GREEDY, "tab:blue", "greedy")):
                step, value = read(run.folder, scalar)
                points.append(
                    {"variant": name, "run": number, "scalar": scalar, "x": step.tolist(), "y": value.tolist()}
                )
                panel.plot(step / 1e6, value, color=colour, linewidth=1, label=None if number else label)
        panel.axhline(0, color="black", linewidth=0.8)
        panel.set(title=name, xlabel="decisions played, millions", ylim=(-4, 10))
    panels[0].set_ylabel("% above the rules")
    panels[0].legend()
    buffer = io.BytesIO()
    described = described_by(path.stem, command, json.dumps(points))
    figure.savefig(buffer, format="png", dpi=DPI, pil_kwargs={"pnginfo": described})
    with writing(path) as file:
        file.write(buffer.getvalue())
