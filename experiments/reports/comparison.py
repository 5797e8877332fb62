"""Pairs of policies that played the same episodes: who is better, by how much, and how sure that is."""

from __future__ import annotations

import itertools
import math
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agents.evaluation.metrics import Metrics
from agents.evaluation.play import Episodes, Results, play
from agents.evaluation.statistics import INTERVALS, Interval, difference_of_medians, relative_difference
from agents.planning.plan import is_deterministic
from agents.planning.settings import Search
from agents.policies import is_rule
from agents.protocols import Negotiator, Prioritizer
from envs.engine.codes import Term
from envs.scenario import Scenario
from experiments.plumbing.searching import searched
from experiments.reports import report
from experiments.reports.report import Cell, Figure, Report, Sheet, plain
from experiments.reports.tables import ABSENT, table

FORMAT: Final = 1
"""Of the JSON; raised when a key changes its meaning."""
SCALARS: Final = tuple(field.name for field in fields(Metrics) if not field.name.endswith(("_by_agent", "utilisation")))
SHOWN: Final = {
    "flow w": "weighted_flow",
    "slowdown": "mean_slowdown",
    "median": "median_slowdown",
    "tardiness": "mean_tardiness",
    "makespan": "makespan",
    "Jain": "jain",
}
"""Columns of the table and the metrics whose means they show."""
COUNTED: Final = ("abandoned", "unfinished")
"""Measures whose sums the table shows."""
NOTHING: Final = ("0", ABSENT)
"""A column that has nothing else is left out."""
PACKAGES: Final = ("numpy", "numba", "torch")


@dataclass(frozen=True)
class Pair:
    """A prioritizer and a negotiator, by name, and what they achieved together."""

    prioritizer: str
    negotiator: str
    rules: bool
    """Neither is trained."""
    results: Results


@dataclass(frozen=True)
class Comparison:
    """Pairs, the best objective first, each with its distance from the best pair of rules (of all, where none is of rules)."""

    pairs: tuple[Pair, ...]
    baseline: Pair
    means: tuple[Interval, ...]
    """Relative difference of the mean objective to the baseline's, one per pair."""
    medians: tuple[Interval, ...]
    instances: int
    """Different ones among the episodes."""


def play_pairs(
    scenario: Scenario,
    episodes: Episodes,
    prioritizers: Mapping[str, Prioritizer],
    negotiators: Mapping[str, Negotiator],
    worlds: int = 64,
    search: Mapping[str, Search] | None = None,
) -> list[Pair]:
    """Let every prioritizer play with every negotiator, all on the same episodes, and with every search as well, by its name.

    A pair with search is none of rules: the baseline is what decides by itself. Ctrl-C ends it with the pairs that are done, if any.

    Raises:
        UsageError: where a prioritizer cannot be searched.
    """
    pairs: list[Pair] = []
    deterministic = all(is_deterministic(scenario, instance) for instance in episodes.instances)
    try:
        for (p, prioritizer), (n, negotiator) in itertools.product(prioritizers.items(), negotiators.items()):
            results = play(
                scenario, episodes, prioritizer, negotiator, worlds=worlds, label=f"{p} with {n}", progress=True
            )
            pairs.append(Pair(p, n, is_rule("prioritizer", p) and is_rule("negotiator", n), results))
            for name, how in (search or {}).items():
                pairs.append(
                    Pair(
                        f"{p}, {name}",
                        n,
                        False,
                        searched(scenario, episodes, prioritizer, negotiator, how, deterministic),
                    )
                )
    except KeyboardInterrupt:
        if not pairs:
            raise
    return pairs


def compare(pairs: list[Pair], instance: NDArray[np.int32]) -> Comparison:
    """Rank the pairs and tell their differences to the baseline; ``instance`` [E] is that of each episode."""
    ranked = sorted(pairs, key=lambda pair: float(pair.results.objective.mean()))
    baseline = next((pair for pair in ranked if pair.rules), ranked[0])
    means, medians = (
        tuple(differ(pair.results.objective, baseline.results.objective, cluster=instance) for pair in ranked)
        for differ in (relative_difference, difference_of_medians)
    )
    return Comparison(tuple(ranked), baseline, means, medians, len(np.unique(instance)))


def as_text(comparison: Comparison) -> str:
    """Lay the comparison out for the screen."""
    shown = as_report(comparison)
    return "\n".join([*(table(sheet.header, sheet.texts, sheet.left) for sheet in shown.sheets), *shown.notes])


def as_report(comparison: Comparison) -> Report:
    """A table of the pairs without the columns that say nothing, and what explains it."""
    rows: list[list[Cell]] = []
    for pair, average, median in zip(comparison.pairs, comparison.means, comparison.medians, strict=True):
        results, count = pair.results, len(pair.results.objective)
        same = "= 0" if pair is comparison.baseline else None
        row: list[Cell] = [pair.prioritizer, pair.negotiator, Figure.of(results.objective.mean(), episodes=count)]
        row += [Figure.relative(difference, shown=same, episodes=count) for difference in (average, median)]
        row += [Figure.of(mean(results, name), episodes=count) for name in SHOWN.values()]
        for name in COUNTED:
            total = float(results.column(name).sum())
            row.append(Figure(total, f"{total:,.0f}", episodes=count))
        speed = results.decisions / results.seconds
        rows.append([*row, Figure(speed, f"{speed:,.0f}", unit="1/s")])
    header = [
        "prioritizer",
        "negotiator",
        "objective",
        "mean, % of best",
        "median, % of best",
        *SHOWN,
        *COUNTED,
        "decisions/s",
    ]
    told = [c for c in range(len(header)) if c < 3 or any(str(row[c]) not in NOTHING for row in rows)]
    best = comparison.baseline
    notes = [
        f"Means over {_episodes(comparison)} that all pairs played alike, in seconds; every event log passed the checker.",
        f"Differences of the objective are to {best.prioritizer} with {best.negotiator}. {_how_sure(comparison)}",
        "Less is better, but for Jain's index.",
    ]
    sheet = Sheet(
        "Policies and rules on the same episodes",
        [header[c] for c in told],
        [[row[c] for c in told] for row in rows],
        left=2,
    )
    return Report("Policies compared", [sheet], notes)


def _episodes(comparison: Comparison) -> str:
    count = len(comparison.baseline.results.objective)
    return "the only episode" if count == 1 else f"{count} episodes"


def _how_sure(comparison: Comparison) -> str:
    """What the intervals say, or why there are none."""
    if len(comparison.baseline.results.objective) == 1:
        return "There is no interval: one episode does not tell how much others would differ."
    return INTERVALS if comparison.instances > 1 else f"{INTERVALS} All episodes are of one instance, and so are these."


def as_json(comparison: Comparison, episodes: Episodes, config: dict[str, Any]) -> dict[str, Any]:
    """Return everything that was measured, episode by episode, in the types that JSON has."""
    pairs = []
    for pair, average, median in zip(comparison.pairs, comparison.means, comparison.medians, strict=True):
        results = pair.results
        pairs.append(
            {
                "prioritizer": pair.prioritizer,
                "negotiator": pair.negotiator,
                "baseline": pair is comparison.baseline,
                "objective": float(results.objective.mean()),
                "difference_of_means": average._asdict(),
                "difference_of_medians": median._asdict(),
                "means": {name: mean(results, name) for name in SCALARS},
                "decisions": results.decisions,
                "seconds": results.seconds,
                "episodes": {
                    "objective": results.objective.tolist(),
                    "terms": {term.name.lower(): results.terms[:, term].tolist() for term in Term},
                    "metrics": [asdict(metrics) for metrics in results.metrics],
                },
            }
        )
    document = {
        "format": FORMAT,
        "report": report.as_json(as_report(comparison)),
        "config": config,
        "versions": {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}},
        "episode_seeds": episodes.seeds.tolist(),
        "episode_clusters": episodes.instance.tolist(),
        "episode_instances": [episodes.instances[index].name for index in episodes.instance],
        "pairs": pairs,
    }
    made: dict[str, Any] = plain(document)
    return made


def mean(results: Results, name: str) -> float:
    """The mean over the episodes in which the metric exists."""
    values = results.column(name)
    values = values[np.isfinite(values)]
    return float(values.mean()) if values.size else math.nan
