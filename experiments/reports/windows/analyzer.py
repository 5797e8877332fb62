"""The learned efficiency analyzer: how efficient a window can be at its load and its mix, learned from simulated windows.

A ridge regression of the logit of execution efficiency on standardised features, their squares and products. Its weights, its
error on episodes that it was not fitted to, and the range of what it has seen are package data: ``python -m scripts.efficiency`` makes it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np

from agents.evaluation.statistics import Interval
from envs.events import EventKind, EventLog
from envs.render.spans import Spans, spans_of
from envs.workloads.instance import FloatArray, Instance
from experiments.reports.windows.measures import Column, Observed

FILE: Final = "efficiency.json"
FORMAT: Final = 1
FEATURES: Final = (
    "log load",
    "log backlog",
    "log path",
    "log tasks per job",
    "mean demand",
    "spread of demand",
    "spread of durations",
    "failed share",
    "log luck",
    "unevenness",
    "log agents",
    "log options",
)
EDGE: Final = 1e-3
"""Efficiencies are kept so far from 0 and 1."""
BACKLOG: Final = 0.02
"""Windows of work, added before a logarithm is taken: less does not matter."""
LEAST: Final = 1e-3
"""What logarithms are taken of is at least this."""
FOLDS: Final = 10
"""Of the episodes, each left out once."""
RIDGE: Final = 1.0
TYPICAL: Final = 1.96
"""Standard deviations on each side that hold 95 % of errors that are normal."""


@dataclass(frozen=True)
class Expectation:
    """What a window's load allows."""

    efficiency: Interval
    """Per cent: expected, and where 95 % of the windows played by the policy that it was learned from would lie."""
    outside: tuple[str, ...]
    """Features that are outside of what was learned from: what is expected means little then."""


@dataclass(frozen=True)
class EfficiencyAnalyzer:
    """A fitted regression."""

    policy: str
    """Who played what it was learned from: windows are compared with those."""
    windows: int
    episodes: int
    error: float
    """Root mean square error in percentage points, on episodes that were left out."""
    explained: float
    """Share of the variance explained there."""
    centre: Sequence[float]
    scale: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    """Of the features: where 98 % of them lay."""
    weights: Sequence[float]
    residual: float
    """Standard deviation of what is left, in logits."""

    @classmethod
    @cache
    def load(cls) -> EfficiencyAnalyzer:
        """Return the one that comes along."""
        document = json.loads(files(__package__).joinpath(FILE).read_text(encoding="utf-8"))
        if document.pop("format") != FORMAT or tuple(document.pop("features")) != FEATURES:
            raise RuntimeError(f"{FILE} is of another version: python -m scripts.efficiency makes it again")
        return cls(**document)

    @classmethod
    def fit(cls, features: FloatArray, efficiency: FloatArray, episode: FloatArray, policy: str) -> EfficiencyAnalyzer:
        """Fit to windows: features [n, F], efficiency [n] in per cent, episode [n]."""
        centre, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-9)
        design, target = _design((features - centre) / scale), _logit(efficiency)
        named = np.unique(episode)
        predicted = np.empty(len(target))
        for k in range(FOLDS):
            out = np.isin(episode, named[k::FOLDS])
            predicted[out] = design[out] @ _ridge(design[~out], target[~out])
        error = efficiency - _share(predicted)
        low, high = np.quantile(features, (0.01, 0.99), axis=0)
        return cls(
            policy,
            len(target),
            len(named),
            float(np.sqrt((error**2).mean())),
            float(1.0 - error.var() / efficiency.var()),
            centre.tolist(),
            scale.tolist(),
            low.tolist(),
            high.tolist(),
            _ridge(design, target).tolist(),
            float((target - predicted).std()),
        )

    def text(self) -> str:
        """The package data."""
        return json.dumps({"format": FORMAT, "features": FEATURES, **asdict(self)}, indent=1) + "\n"

    def expect(self, features: FloatArray) -> Expectation:
        """Say what to expect of a window with these features [F]."""
        z = (features - np.array(self.centre)) / np.array(self.scale)
        logit = float(_design(z[None])[0] @ np.array(self.weights))
        value, low, high = (float(_share(np.array(logit + k * TYPICAL * self.residual))) for k in (0, -1, 1))
        beyond = (features < np.array(self.low) - EDGE) | (features > np.array(self.high) + EDGE)
        return Expectation(
            Interval(value, low, high), tuple(name for name, is_out in zip(FEATURES, beyond, strict=True) if is_out)
        )


def features_of(i: Instance, log: EventLog, seen: Observed) -> FloatArray:
    """[windows, F] what a window's load and mix were; nothing in it is of how it was dealt with, but for what waited at its beginning."""
    count = len(seen.backlog)
    sums = np.zeros((count, len(Column)))
    np.add.at(sums, seen.window, seen.sums)
    start = np.array([seen.start[seen.window == w].min() for w in range(count)])
    nominal = np.minimum.reduceat(i.option_nominal, i.option_first[:-1])
    capacity = np.where(i.shared, i.shared_capacity, i.local_capacity.sum(axis=0))
    share = i.task_demand[:, seen.bottleneck] / capacity[seen.bottleneck]
    came = log.kind == EventKind.TASK_SUBMISSION
    job, time = log.job[came], log.time[came]
    window = np.searchsorted(start, time, side="right") - 1
    luck = _luck(spans_of(log), nominal, start)
    made = np.zeros((count, len(FEATURES)))
    for w in range(count):
        here = job[window == w] if np.any(window == w) else job
        tasks = (
            np.concatenate([np.arange(i.job_first[j], i.job_first[j + 1]) for j in here])
            if here.size
            else np.arange(i.num_tasks)
        )
        offered = seen.sums[seen.window == w, Column.OFFERED]
        length = max(float(sums[w, Column.SECONDS]), LEAST)
        ended = sums[w, Column.TASKS] + sums[w, Column.FAILURES]
        some, lasts = share[tasks], nominal[tasks]
        made[w] = (
            math.log(max(LEAST, sums[w, Column.OFFERED] / length)),
            math.log(BACKLOG + max(0.0, seen.backlog[w]) / length),
            math.log(max(LEAST, float(lasts.mean()) / length)),
            math.log(len(tasks) / max(1, len(here))),
            some.mean(),
            some.std() / max(LEAST, some.mean()),
            lasts.std() / max(LEAST, lasts.mean()),
            sums[w, Column.FAILURES] / max(1.0, ended),
            math.log(max(LEAST, luck[w])),
            offered.std() / max(LEAST, offered.mean()),
            math.log(i.num_agents),
            math.log(i.num_options / i.num_tasks),
        )
    return made


def _luck(spans: Spans, nominal: FloatArray, start: FloatArray) -> FloatArray:
    """[windows] how long attempts that ended well took, over what was estimated; 1 where there were none."""
    well = spans.end_kind == EventKind.TASK_END
    window = np.searchsorted(start, spans.end[well], side="right") - 1
    took = np.bincount(window, (spans.end - spans.start)[well], len(start))
    told = np.bincount(window, nominal[spans.task[well]], len(start))
    return np.asarray(np.divide(took, told, out=np.ones(len(start)), where=told > 0), np.float64)


def _design(z: FloatArray) -> FloatArray:
    """[n, 1 + F + F (F + 1) / 2] features, their squares and products."""
    pairs = [(a, b) for a in range(z.shape[1]) for b in range(a, z.shape[1])]
    bounded = np.clip(z, -4.0, 4.0)
    return np.column_stack([np.ones(len(z)), bounded, *(bounded[:, a] * bounded[:, b] for a, b in pairs)])


def _ridge(design: FloatArray, target: FloatArray) -> FloatArray:
    penalty = RIDGE * np.eye(design.shape[1])
    penalty[0, 0] = 0.0
    return np.asarray(np.linalg.solve(design.T @ design + penalty, design.T @ target), np.float64)


def _logit(percent: FloatArray) -> FloatArray:
    share = np.clip(percent / 100.0, EDGE, 1.0 - EDGE)
    return np.asarray(np.log(share / (1.0 - share)))


def _share(logit: FloatArray) -> FloatArray:
    return np.asarray(100.0 / (1.0 + np.exp(-logit)))
