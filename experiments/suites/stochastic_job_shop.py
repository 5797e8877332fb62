"""Job shops whose durations are revealed as operations end: the makespan against an oracle that knows them from the start."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Final

from omegaconf import DictConfig

from envs.workloads.generators.random_stochastic_job_shop import RandomStochasticJobShop
from envs.workloads.readers.stochastic_job_shop import StochasticJobShopWorkload
from envs.workloads.source import plain_float
from experiments.plumbing import cli
from experiments.plumbing.cli import UsageError
from experiments.reports.outcome import Outcome
from experiments.suites import frame
from experiments.suites.bounds import Reference, reference_of
from experiments.suites.instances import SIZE, best_known, contests, folder_of, generated
from experiments.suites.runs import LEARNED
from experiments.suites.suite import TO_BOUND, Contest, Published, Suite

ORACLES: Final = "results.csv"
"""Files of Wheatley's public set with the makespans of an oracle, below the folder of the instances."""
INSTANCE: Final = "instance name"
ORACLE: Final = "OR-Tools realistic"
"""Columns of such a file: the instance, and the makespan of a solver that knows the realised durations."""
GENERATED: Final = (15, 20)
"""Jobs, and as many machines."""
EACH: Final = 10
"""Generated instances of each size."""
FIRST_SEED: Final = 20_240_701
"""Of them; training draws 63-bit seeds."""
NEGOTIATOR: Final = "fcfs"
"""Asked where machines contest something: never."""
SOURCE: Final = "published with Wheatley's set"


def benchmark(config: DictConfig) -> Outcome:
    """Run the suite; errors as in ``frame.benchmark``."""
    return frame.benchmark(SUITE, config)


def oracle(folder: Path) -> dict[str, float]:
    """Return name -> makespan of the oracle from every ORACLES below a folder.

    Raises:
        UsageError: where such a file is damaged.
    """
    known: dict[str, float] = {}
    for path in sorted(folder.rglob(ORACLES)):
        try:
            with path.open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    known[Path(row[INSTANCE]).stem] = value = plain_float(row[ORACLE])
                    if not 0 < value < math.inf:
                        raise ValueError(f"{row[ORACLE]!r}")
        except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
            raise UsageError(
                f"{path}: must give {INSTANCE!r} and {ORACLE!r}, seconds > 0, in every line, but: {error!r}"
            ) from None
    return known


def _contests(config: DictConfig) -> list[Contest]:
    folder, scenario = folder_of(config, "jsp_stochastic"), cli.standard_scenario("stochastic_job_shop")
    reference = reference_of(config, scenario.objective)
    known = best_known(folder) | oracle(folder)
    published = contests(
        folder, (".npz",), StochasticJobShopWorkload, scenario, lambda stem: stem, reference, known=known
    )
    return published if config.path is not None else published + [_generated(size, reference) for size in GENERATED]


def _generated(size: int, reference: Reference) -> Contest:
    workload, scenario = RandomStochasticJobShop(size, size, size, size), cli.standard_scenario("stochastic_job_shop")
    return generated(scenario, workload, f"{size}x{size}", [FIRST_SEED + number for number in range(EACH)], reference)


SUITE: Final = Suite(
    name="stochastic_job_shop",
    title="Stochastic job shops",
    contests=_contests,
    views=(SIZE,),
    rules=(("spt", NEGOTIATOR), ("mwkr", NEGOTIATOR), ("mor", NEGOTIATOR), ("fdd_mwkr", NEGOTIATOR)),
    learned=((LEARNED, NEGOTIATOR),),
    metrics=("makespan",),
    unit="mean % above an oracle that knows the realised durations",
    searches=(),
    published=tuple(
        Published(method, SOURCE, row, value)
        for method, values in (
            ("their best rule", (13.9, 25.0, 35.6, 31.9)),
            ("planned on expected durations (OR-Tools)", (19.3, 25.1)),
            ("Wheatley", (16.4, 21.6, 28.8, 28.7)),
        )
        for row, value in zip(("6x6", "10x10", "15x15", "20x20"), values, strict=False)
    ),
    notes=(
        "Agents know the mean of each triangular distribution, (min + max + mode) / 3, and how far durations stray on the whole; each one "
        "is revealed when its operation ends. The published values are means over 100 instances of each size, of which the public data "
        "hold a part: path=FOLDER scores others.",
        "Here everybody decides as things happen. The published rules seem to fix all orders by expected durations before the first one "
        "is revealed, which leaves larger gaps: set what is learned beside the rules of this table, not beside those.",
        f"'{TO_BOUND}': where the oracle's makespan is not given, scores are measured against a lower bound on the realised durations (the "
        "longest job, the busiest machine between heads and tails, or what CP-SAT has proved if bounds=FILE). Rows 'generated' are drawn "
        "as the public set is; no policy was trained on them.",
        "Rules start whatever can; who learns may reserve, until the next event.",
    ),
)
