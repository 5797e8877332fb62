"""Classical job shops and generated ones of Taillard's sizes: the makespan against the best known, or against a lower bound."""

from __future__ import annotations

import re
from typing import Final

from omegaconf import DictConfig

from envs.workloads.generators.random_job_shop import RandomJobShop
from envs.workloads.readers.job_shop import JobShopWorkload
from experiments.plumbing import cli
from experiments.reports.outcome import Outcome
from experiments.suites import frame
from experiments.suites.bounds import Reference, reference_of
from experiments.suites.instances import FAMILY, SIZE, contests, folder_of, generated
from experiments.suites.runs import LEARNED
from experiments.suites.suite import TO_BOUND, Contest, Published, Suite

GENERATED: Final = ((15, 15), (20, 15), (20, 20), (30, 15), (30, 20))
"""Jobs and machines."""
EACH: Final = 10
"""Generated instances of each size."""
FIRST_SEED: Final = 20_240_701
"""Of them; training draws 63-bit seeds."""
NEGOTIATOR: Final = "fcfs"
"""Asked where machines contest something: never."""
TAILLARD: Final = "Taillard's 80, mean of the eight sizes"


def benchmark(config: DictConfig) -> Outcome:
    """Run the suite; errors as in ``frame.benchmark``."""
    return frame.benchmark(SUITE, config)


def family(stem: str) -> str:
    """The letters that a file's name begins with."""
    return re.match("[a-zA-Z]*", stem)[0] or stem  # type: ignore[index]  # matches always


def _contests(config: DictConfig) -> list[Contest]:
    folder, scenario = folder_of(config, "jsp/instances"), cli.standard_scenario("job_shop")
    reference = reference_of(config, scenario.objective)
    published = contests(folder, (".txt",), lambda path: JobShopWorkload(path), scenario, family, reference)
    return (
        published
        if config.path is not None
        else published + [_generated(jobs, machines, reference) for jobs, machines in GENERATED]
    )


def _generated(jobs: int, machines: int, reference: Reference) -> Contest:
    workload, scenario = RandomJobShop(jobs, jobs, machines, machines), cli.standard_scenario("job_shop")
    return generated(
        scenario, workload, f"{jobs}x{machines}", [FIRST_SEED + number for number in range(EACH)], reference
    )


SUITE: Final = Suite(
    name="job_shop",
    title="Job shops",
    contests=_contests,
    views=(FAMILY, SIZE),
    rules=(("spt", NEGOTIATOR), ("mwkr", NEGOTIATOR), ("fdd_mwkr", NEGOTIATOR)),
    learned=((LEARNED, NEGOTIATOR),),
    metrics=("makespan",),
    unit="mean % above the best known makespan",
    published=(
        *(
            Published(method, "measured, the same builder of schedules", TAILLARD, value, rule)
            for method, value, rule in (("SPT", 27.5, "spt"), ("MWKR", 19.6, "mwkr"), ("FDD/MWKR", 18.0, "fdd_mwkr"))
        ),
        *(
            Published(method, "published, by the bounds of August 2026", TAILLARD, value)
            for method, value in (
                ("MOR at random, best of 128", 14.5),
                ("L2D", 27.1),
                ("ScheduleNet", 16.1),
                ("SPN, greedy", 13.4),
                ("SPN, best of 128", 8.4),
                ("SPN, best of 512", 7.8),
                ("L2S, 5,000 steps", 7.4),
                ("TBGAT, 5,000 steps", 5.5),
                ("CP-SAT, 10 minutes", 1.5),
            )
        ),
    ),
    notes=(
        f"'{TO_BOUND}': where no best known value is given, scores are measured against a lower bound (the longest job, the busiest "
        "machine between heads and tails, or what CP-SAT has proved if bounds=FILE), which no schedule is below. Rows 'generated' are "
        "drawn as Taillard draws his; no policy was trained on them.",
        "Taillard's own instances are not in the public data: path=FOLDER scores them. Rules start whatever can; who learns may reserve.",
    ),
)
