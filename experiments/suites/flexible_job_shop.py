"""Brandimarte's and Hurink's flexible job shops: the makespan against the best known."""

from __future__ import annotations

import re
from typing import Final

from omegaconf import DictConfig

from envs.workloads.instance import WorkloadError
from envs.workloads.readers.flexible_job_shop import FlexibleJobShopWorkload
from experiments.plumbing import cli
from experiments.reports.outcome import Outcome
from experiments.suites import frame
from experiments.suites.bounds import reference_of
from experiments.suites.instances import FAMILY, SIZE, contests, folder_of
from experiments.suites.runs import LEARNED
from experiments.suites.suite import TO_BOUND, Contest, Published, Suite

HURINK: Final = re.compile("[erv]data")
NEGOTIATOR: Final = "fcfs"
"""Asked where machines contest something: never."""


def benchmark(config: DictConfig) -> Outcome:
    """Run the suite; errors as in ``frame.benchmark``."""
    return frame.benchmark(SUITE, config)


def family(stem: str) -> str:
    """edata, rdata or vdata where the name says so; else the letters that it begins with."""
    found = HURINK.search(stem) or re.match("[a-zA-Z]*", stem)
    return (found[0] if found else "") or stem


def read(path: str) -> FlexibleJobShopWorkload:
    """A file whose machines are numbered from 1, or else from 0."""
    workload = FlexibleJobShopWorkload(path)
    try:
        workload.instance(0)
    except WorkloadError as error:
        from_zero = FlexibleJobShopWorkload(path, first_machine=0)
        try:
            from_zero.instance(0)
        except WorkloadError:
            raise error from None
        return from_zero
    return workload


def _contests(config: DictConfig) -> list[Contest]:
    scenario = cli.standard_scenario("flexible_job_shop")
    folder = folder_of(config, "fjsp/instances")
    return contests(folder, (".fjs",), read, scenario, family, reference_of(config, scenario.objective))


def _published(method: str, *values: float) -> list[Published]:
    return [
        Published(method, "published", row, value)
        for row, value in zip(("mk", "edata", "rdata", "vdata"), values, strict=False)
    ]


SUITE: Final = Suite(
    name="flexible_job_shop",
    title="Flexible job shops",
    contests=_contests,
    views=(FAMILY, SIZE),
    rules=(("spt", NEGOTIATOR), ("mwkr", NEGOTIATOR), ("fdd_mwkr", NEGOTIATOR)),
    learned=((LEARNED, NEGOTIATOR),),
    metrics=("makespan",),
    unit="mean % above the best known makespan",
    published=(
        *_published("MWKR", 29.2),
        *_published("DANIEL, greedy", 13.2, 14.7, 11.9, 3.4),
        *_published("DANIEL, sampled", 9.2, 9.0, 5.4, 0.8),
    ),
    notes=(
        "mk: Brandimarte; edata, rdata, vdata: Hurink. The published values are means over whole collections, of which the public data "
        "hold a part: path=FOLDER scores others.",
        f"'{TO_BOUND}': where no best known value is given, scores are measured against a lower bound, which lies below every schedule.",
        "Rules start whatever can; who learns may reserve, and may leave an operation to another machine.",
    ),
)
