"""``parley adapt`` on every batch log of a folder: what it would have told whoever ran these machines."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

from omegaconf import DictConfig

from agents.evaluation.statistics import Interval
from agents.progress import Progress
from envs.workloads.readers.swf import REQUESTED_OR_ACTUAL
from experiments.adapting import verdict
from experiments.adapting.adaptation import Adapted, Budget, adapt
from experiments.adapting.fit import DISTRIBUTIONS
from experiments.adapting.parts import Site
from experiments.plumbing import cli
from experiments.reports.outcome import Outcome, Sheet
from experiments.reports.report import Cell, Figure
from experiments.suites import traces
from experiments.suites.instances import folder_of

GENERATIONS: Final = 20
"""Of the index's search, so that the numbers come out the same on every machine."""
OWN: Final = "fifo+r"
"""First come first served with backfilling: what most machines run."""


def benchmark(config: DictConfig) -> Outcome:
    """Adapt to every log.

    Raises:
        UsageError: there is no log, or one is too short.
    """
    processors = cli.integer(config, "default_processors", 0)
    adapted: dict[str, Adapted] = {}
    with tempfile.TemporaryDirectory(prefix="parley-") as folder:
        for trace in Progress(traces.find(folder_of(config, "swf")), desc="adapting", unit="log"):
            site = Site(trace.path, estimate=REQUESTED_OR_ACTUAL, unknown_run=traces.UNKNOWN_RUN, processors=processors)
            budget = Budget(network=False, generations=GENERATIONS)
            adapted[trace.name] = adapt(
                site, OWN, budget, Path(folder, trace.name), "parley benchmark suite=public_logs"
            )
    promoted = sum(each.verdict.promotes for each in adapted.values())
    notes = [
        f"{promoted} of {len(adapted)} logs: what was learned is promoted, as its 95 % interval on the later part, paired by window, "
        "excludes 0; elsewhere the rule that was the best on the first part is to be used.",
        f"The first 60 % of a log are fitted, trained and chosen on; the later part is seen by nobody before the comparison. {OWN}: first "
        f"come first served with backfilling. An index is tuned in {GENERATIONS} generations, seed 0; cost: bounded slowdown. Where a log "
        "has no requested times, run times are known to everybody.",
        "KS: largest distance between the distribution functions of the first part and of what is drawn from the fit, or of the later "
        "part. Where the latter is larger, the log changes more than the fit errs.",
    ]
    numbers = {"logs": {name: each.numbers for name, each in adapted.items()}}
    return Outcome("Adapted to public logs", [_verdicts(adapted), _fits(adapted)], notes, numbers)


def _verdicts(adapted: dict[str, Adapted]) -> Sheet:
    rows: list[list[Cell]] = []
    for name, each in adapted.items():
        found = each.verdict
        own = found.rules[OWN]
        rows.append(
            [
                name,
                found.challenger.name if found.promotes else found.rule.name,
                f"{len(each.parts.later.seeds)} of {each.parts.window}",
                found.rule.name,
                Figure.relative(found.difference),
                Figure.relative(verdict.compared(found.challenger, own)),
                Figure.relative(
                    verdict.compared(found.rule, own) if found.rule is not own else Interval(0.0, 0.0, 0.0)
                ),
                found.hindsight.name,
                Figure.relative(verdict.compared(found.challenger, found.hindsight)),
            ]
        )
    header = ["log", "use", "later windows", "best rule of the first part", "learned, % of it", f"learned, % of {OWN}"]
    header += [f"that rule, % of {OWN}", "best rule in hindsight", "learned, % of it"]
    return Sheet("Cost on the later part", header, rows, left=2)


def _fits(adapted: dict[str, Adapted]) -> Sheet:
    def distance(each: Adapted, name: str, part: str) -> str:
        facts: dict[str, Any] = each.numbers["fit"][name]
        return f"{facts[part]:.3f}"

    rows: list[list[Cell]] = [
        [log, *(f"{distance(each, name, 'ks_fit')} / {distance(each, name, 'ks_later')}" for name in DISTRIBUTIONS)]
        for log, each in adapted.items()
    ]
    for row, each in zip(rows, adapted.values(), strict=True):
        echo = each.numbers["fit"]["arrivals, correlation with the next"]
        row.append(" / ".join(f"{echo[part]:.2f}" for part in ("first", "fit", "later")))
    header = ["log", *DISTRIBUTIONS, "arrivals, correlation: first / fit / later"]
    return Sheet("How far the fit, and the later part, are from the first part: KS, fit / later", header, rows)
