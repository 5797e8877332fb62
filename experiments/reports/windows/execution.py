"""What a performance report is made of: event logs, and what is known beside them: decisions, learning curves, searches, a history."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from agents.evaluation.statistics import Interval, relative_difference, t_quantile
from agents.operation.deciding.history import History
from agents.protocols import Scorer
from envs import strict_json
from envs.events import EventKind, EventLog
from envs.workloads.instance import Instance
from experiments.reports import logs
from experiments.reports.curves import learning_curves
from experiments.reports.replay import open_evaluation
from experiments.reports.report import ReportError
from experiments.reports.sources import EVALUATION
from experiments.reports.windows.quality import Sampled, sample_decisions

UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
MOST_EPISODES: Final = 32
"""Of an evaluation, that are played again."""
SAVED: Final = ", "
"""In the name of a pair: between a policy and its search."""


@dataclass(frozen=True)
class Automatic:
    """Decisions that were made, and those that nobody else had to make."""

    decisions: int
    alone: int


@dataclass(frozen=True)
class Execution:
    """One execution, or several episodes of one kind."""

    title: str
    played: Sequence[tuple[Instance, EventLog]]
    sampled: Sampled | None = None
    """None: nobody is there whose decisions could be looked at again."""
    learning: Interval | None = None
    """Percentage points of the gap to the rules per million decisions."""
    automatic: Automatic | None = None
    saved: tuple[str, Interval] | None = None
    """By which search, and what it changed of the cost, relative."""
    notes: tuple[str, ...] = ()


def seconds(text: str) -> float:
    """Return the length of a window such as 24h, 90m, 1.5d or 3600s in seconds.

    Raises:
        ReportError: it is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text, re.ASCII)
    length = float(found[1]) * UNITS[found[2]] if found else 0.0
    if not 0 < length < math.inf:
        raise ReportError(f"windows is {text!r}, must be a length such as 24h, 90m, 1.5d or 3600s")
    return length


def read(path: Path, decisions: int, history: Path | None = None) -> Execution:
    """Return what there is in the folder of a run, an evaluation or an event log; about so many decisions are looked at again.

    Raises:
        ReportError, ValueError: it is none of these, or cannot be played again.
        OSError: it cannot be read.
    """
    if path.suffix == ".npz":
        title, instance, log = logs.read(path)
        made = Execution(title, [(instance, log)], notes=("An event log says nothing of who decided, and why.",))
    else:
        folder = path if path.is_dir() else path.parent
        made = _evaluation(path / EVALUATION if path.is_dir() else path, folder, decisions)
        if path.is_dir():
            made = Execution(**{**vars(made), "title": path.resolve().name, "learning": slope(folder)})
    if history is not None:
        entries = History(history).entries()
        counted = Automatic(len(entries), sum(not entry.fallback for entry in entries))
        made = Execution(**{**vars(made), "automatic": counted})
    return made


def _evaluation(path: Path, folder: Path, decisions: int) -> Execution:
    try:
        document = strict_json.loads(path.read_bytes())
    except ValueError as error:
        raise ReportError(f"{path}: no JSON: {error}") from None
    if not isinstance(document, dict) or "pairs" not in document:
        raise ReportError(f"{path}: must be an evaluation, the folder of a run, or the .npz of an event log")
    told = open_evaluation(path, document, folder, MOST_EPISODES)
    pair = told.pairs[0]
    prioritizer, negotiator = told.policies(pair)
    numbers = range(len(told.episodes.seeds))
    played = [(told.episodes.instances[told.episodes.instance[k]], told.record(pair, k)) for k in numbers]
    starts = sum(int(np.sum(log.kind == EventKind.TASK_START)) for _, log in played)
    sampled = None
    if decisions and isinstance(prioritizer, Scorer):
        sampled = sample_decisions(told.scenario, told.episodes, prioritizer, negotiator, min(1.0, decisions / starts))
    title = f"{pair['prioritizer']} with {pair['negotiator']}"
    return Execution(title, played, sampled, None, Automatic(starts, starts), _saved(document, pair))


def _saved(document: Mapping[str, Any], pair: Mapping[str, Any]) -> tuple[str, Interval] | None:
    """The best search of the same pair of policies on the same episodes, if any was played."""
    begins = f"{pair['prioritizer']}{SAVED}"
    searched = [
        other
        for other in document["pairs"]
        if other["negotiator"] == pair["negotiator"] and other["prioritizer"].startswith(begins)
    ]
    if not searched:
        return None
    best = min(searched, key=lambda other: float(other["objective"]))
    costs = [np.array(each["episodes"]["objective"], np.float64) for each in (best, pair)]
    found = relative_difference(*costs, cluster=np.array(document["episode_clusters"]))
    return best["prioritizer"].removeprefix(begins), found


def slope(folder: Path) -> Interval | None:
    """The slope of the greedy gap over decisions by least squares, with its interval."""
    curves = [curve for chart in learning_curves(folder) for curve in chart.curves if chart.title == "Gap to the rules"]
    greedy = [curve for curve in curves if curve.name == "at evaluations, greedy"]
    if not greedy or len(greedy[0].x) < 3:
        return None
    x, y = np.array(greedy[0].x) / 1e6, np.array(greedy[0].y)
    spread = float(((x - x.mean()) ** 2).sum())
    if spread == 0:
        return None
    slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread
    left = y - y.mean() - slope * (x - x.mean())
    half = t_quantile(0.95, len(x) - 2) * math.sqrt(float((left**2).sum()) / (len(x) - 2) / spread)
    return Interval(slope, slope - half, slope + half)
