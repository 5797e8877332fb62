"""How well a fitted scenario reproduces a log: statistics of its first part, of what is drawn from the fit, and of its later part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.workloads.instance import FloatArray, Instance
from experiments.adapting.parts import Parts
from experiments.reports.outcome import Sheet
from experiments.reports.report import Cell
from experiments.reports.tables import number

DRAWN: Final = 64
"""Instances of the generator that are compared with the log."""


class Sample(NamedTuple):
    """Jobs, of one queue or of several."""

    between: list[FloatArray]
    """Seconds between arrivals, queue by queue."""
    run: FloatArray
    requested: FloatArray
    processors: FloatArray
    per_user: FloatArray
    """Share of the jobs of a window that are of its busiest user."""
    load: float
    """Processor-seconds asked for, over those there were from the first arrival to the last."""


DISTRIBUTIONS: Final[Mapping[str, Callable[[Sample], FloatArray]]] = {
    "s between arrivals": lambda sample: np.concatenate(sample.between),
    "run time, s": lambda sample: sample.run,
    "requested time, s": lambda sample: sample.requested,
    "run / requested": lambda sample: sample.run / sample.requested,
    "processors": lambda sample: sample.processors,
    "processor-seconds": lambda sample: sample.run * sample.processors,
    "busiest user's share of a window": lambda sample: sample.per_user,
}


def fit(parts: Parts) -> tuple[Sheet, dict[str, Any]]:
    """Compare the log's first part with what is drawn from the fit at the recorded load, and with the later part, as a yardstick."""
    generator = replace(parts.generator, load_min=1.0, load_max=1.0)
    drawn = [generator.instance(seed) for seed in range(DRAWN)]
    samples = {
        "first": _sample(parts.first.instances),
        "fit": _sample(drawn),
        "later": _sample(parts.later.instances),
    }
    rows: list[list[Cell]] = []
    numbers: dict[str, Any] = {}
    for name, values in DISTRIBUTIONS.items():
        one, two, three = (values(sample) for sample in samples.values())
        rows.append(
            [
                name,
                *(_told(each) for each in (one, two, three)),
                f"{kolmogorov(one, two):.3f}",
                f"{kolmogorov(one, three):.3f}",
            ]
        )
        numbers[name] = {part: _facts(each) for part, each in zip(samples, (one, two, three), strict=True)}
        numbers[name] |= {"ks_fit": kolmogorov(one, two), "ks_later": kolmogorov(one, three)}
    for name, measure in (("arrivals, correlation with the next", _echo), ("offered load", lambda sample: sample.load)):
        told = [measure(sample) for sample in samples.values()]
        rows.append([name, *(number(value, 3) for value in told), "", ""])
        numbers[name] = dict(zip(samples, told, strict=True))
    header = ["mean, median, 90 %", "first part", "fit", "later part", "KS, fit", "KS, later"]
    return Sheet("How well the fit reproduces the first part", header, rows), numbers


def kolmogorov(one: FloatArray, two: FloatArray) -> float:
    """Return the largest distance between the empirical distribution functions of two samples (Kolmogorov and Smirnov), in 0..1."""
    both = np.sort(np.concatenate([one, two]))
    shares = [np.searchsorted(np.sort(each), both, side="right") / each.size for each in (one, two)]
    return float(np.abs(shares[0] - shares[1]).max())


def _sample(instances: list[Instance]) -> Sample:
    between = [np.diff(each.job_release) for each in instances]
    run = [each.task_ratio * each.option_nominal for each in instances]
    asked = [float((r * each.task_demand[:, 0]).sum()) for r, each in zip(run, instances, strict=True)]
    there = [float(gaps.sum()) * int(each.shared_capacity[0]) for gaps, each in zip(between, instances, strict=True)]
    return Sample(
        between,
        np.concatenate(run),
        np.concatenate([each.option_nominal for each in instances]),
        np.concatenate([each.task_demand[:, 0] for each in instances]).astype(np.float64),
        np.array([np.bincount(each.task_kind).max() / each.num_jobs for each in instances]),
        sum(asked) / max(sum(there), 1.0),
    )


def _echo(sample: Sample) -> float:
    """Correlation of log(1 + s between arrivals) with the next one, within queues: how bursty arrivals are."""
    logs = [np.log1p(each) for each in sample.between]
    before, after = np.concatenate([each[:-1] for each in logs]), np.concatenate([each[1:] for each in logs])
    if before.std() == 0 or after.std() == 0:
        return 0.0
    return float(np.corrcoef(before, after)[0, 1])


def _facts(values: FloatArray) -> dict[str, float]:
    quantiles = np.quantile(values, [0.1, 0.5, 0.9, 0.99])
    return {"mean": float(values.mean())} | dict(zip(("p10", "p50", "p90", "p99"), quantiles.tolist(), strict=True))


def _told(values: NDArray[np.float64]) -> str:
    return ", ".join(number(float(each), 3) for each in (values.mean(), np.median(values), np.quantile(values, 0.9)))
