"""A training run while it learns: its curves, where it stands, and how the policies play the first episode of the evaluation."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from experiments.reports import bargaining, episode
from experiments.reports.curves import TAGS, Series, charts_of
from experiments.reports.episode import curve
from experiments.reports.report import Cell, Chart, Figure, Report, Schedule, Sheet

if TYPE_CHECKING:
    from agents.learning.loop import Training

SHARE: Final = 0.005
"""Of the time of learning that may be spent on playing an episode to be shown; the first one is."""
TITLE: Final = "the latest policies"
WANTED: Final = frozenset(tag for named in TAGS.values() for tag, _ in named.values())
ROWS: Final = {
    "decisions": ("decisions", ""),
    "seconds of learning": ("seconds", "s"),
    "share of the budget": ("spent", "%"),
    "gap in training": ("rollout/gap_percent", "%"),
    "gap at the last evaluation": ("evaluate/gap_percent", "%"),
    "best gap at evaluations": ("best", "%"),
    "speed": ("time/decisions_per_second", "decisions/s"),
    "the episode below is as of": ("played", "decisions"),
}
"""Of the table: what is told, where it comes from, and its unit."""


class Learning:
    """Hears a run after each iteration; reports from any thread."""

    def __init__(self, folder: str, command: str) -> None:
        """Begin before the first iteration."""
        self._facts = {"folder": folder, "command": command}
        self._lock = threading.Lock()
        self._series: dict[str, Series] = {}
        self._now: dict[str, float] = {}
        self._shown: tuple[list[Schedule], list[Chart]] = [], []
        self._spent = 0.0

    def hear(self, training: Training, logged: Mapping[str, Any]) -> None:
        """Take in what an iteration has logged; after an evaluation, perhaps play its first episode."""
        played = self._play(training) if "evaluate/cost" in logged else None
        with self._lock:
            for tag in WANTED & logged.keys():
                steps, values = self._series.setdefault(tag, ([], []))
                steps.append(float(training.decisions))
                values.append(float(logged[tag]))
            self._now |= {tag: values[-1] for tag, (_, values) in self._series.items()}
            self._now |= {"decisions": training.decisions, "seconds": training.seconds, "spent": 100.0 * training.spent}
            self._now["best"] = math.nan if training.best is None else training.best
            if played is not None:
                self._shown = played
                self._now["played"] = training.decisions

    def _play(self, training: Training) -> tuple[list[Schedule], list[Chart]] | None:
        """Have the policies play, where that leaves learning its time."""
        if self._spent > SHARE * training.seconds:
            return None
        began = time.perf_counter()
        instance, log = training.evaluation.first(training.method.policies())
        made = (
            [episode.schedule(TITLE, math.nan, instance, log)],
            [*episode.charts(TITLE, instance, log), *bargaining.charts(TITLE, instance, log)],
        )
        self._spent += time.perf_counter() - began
        return made

    def report(self) -> Report:
        """Return what is known by now."""
        with self._lock:
            series = {tag: (list(steps), list(values)) for tag, (steps, values) in self._series.items()}
            now, (schedules, charts) = dict(self._now), self._shown
        rows: list[list[Cell]] = [
            [name, Figure.of(now.get(key, math.nan), unit=unit), unit] for name, (key, unit) in ROWS.items()
        ]
        return Report(
            "A training run, live",
            [Sheet("Where it stands", ["", "now", ""], rows)],
            ["A gap is how far the policies are above the rules' cost, in per cent: below 0 they are better."],
            [*map(_thinned, charts_of(series)), *charts],
            schedules,
            self._facts,
        )


def _thinned(chart: Chart) -> Chart:
    return replace(chart, curves=[curve(each.name, np.array(each.x), np.array(each.y)) for each in chart.curves])
