"""Learning curves of a training run, read off its TensorBoard files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from experiments.reports.report import Chart, Curve

Series = tuple[list[float], list[float]]
"""Of a scalar: at which steps, and its values."""

TAGS: Final[dict[tuple[str, str], dict[str, tuple[str, float]]]] = {
    ("Gap to the rules", "% above the rules' cost"): {
        "in training": ("rollout/gap_percent", 1.0),
        "at evaluations, greedy": ("evaluate/gap_percent", 1.0),
    },
    ("Entropy", "nats per decision"): {
        "prioritizer": ("train_prioritizer/entropy_loss", -1.0),
        "negotiator": ("train_negotiator/entropy_loss", -1.0),
    },
    ("Cost of an episode", "weighted cost"): {
        "in training": ("rollout/episode_cost", 1.0),
        "at evaluations, greedy": ("evaluate/cost", 1.0),
        "rules at evaluations": ("evaluate/rule_cost", 1.0),
    },
    ("Explained variance of the critics", "share"): {
        "prioritizer": ("train_prioritizer/explained_variance", 1.0),
        "negotiator": ("train_negotiator/explained_variance", 1.0),
    },
    ("Speed", "decisions per second"): {"learning included": ("time/decisions_per_second", 1.0)},
}
"""Charts, with what their y axes measure; their curves, each with its tag and a factor."""


def scalars(folder: Path) -> dict[str, Series]:
    """Return the steps and the values of every scalar of a run by its tag; what a resumed run wrote again counts once.

    Event files are in the run's folder; runs of earlier versions have theirs in a folder of their own in it.
    """
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found: dict[str, Series] = {}
    for place in (folder / "tensorboard", folder):
        if not any(place.glob("events.out.tfevents.*")):
            continue
        events = EventAccumulator(str(place), size_guidance={"scalars": 0, "images": 1, "tensors": 1})
        events.Reload()
        for tag in events.Tags()["scalars"]:
            steps, values = found.setdefault(tag, ([], []))
            points = events.Scalars(tag)
            steps.extend(float(point.step) for point in points)
            values.extend(point.value for point in points)
    return found


def learning_curves(folder: Path) -> list[Chart]:
    """Return the curves of a run, those alone of which there is a point."""
    return charts_of(scalars(folder))


def charts_of(series: Mapping[str, Series]) -> list[Chart]:
    """Return the same of scalars by their tags."""
    charts = []
    for (title, y), named in TAGS.items():
        curves = [
            Curve(name, series[tag][0], [factor * v for v in series[tag][1]])
            for name, (tag, factor) in named.items()
            if tag in series
        ]
        if curves:
            charts.append(Chart(title, "decisions", y, curves))
    return charts
