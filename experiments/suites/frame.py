"""Runs a suite: everybody plays every contest, the scores are put together class by class, and others' are set beside them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig

from agents.evaluation.statistics import INTERVALS, Interval, relative_difference
from agents.planning.plan import is_deterministic
from agents.planning.settings import Search
from agents.progress import Progress
from experiments.plumbing.cli import UsageError
from experiments.plumbing.searching import check_ranked
from experiments.reports.outcome import Outcome, Sheet
from experiments.reports.report import RUNS, Cell, Figure
from experiments.reports.tables import number
from experiments.suites.contestants import Sides, kind_of, learned, meet, meet_with_search, name_of, searchers, searches
from experiments.suites.runs import SAME, Players, Side, cell, entrants
from experiments.suites.standing import Scores, Standing
from experiments.suites.suite import TO_BOUND, Contest, Suite

ALL: Final = "all"
"""The row of every episode that is not measured against a bound, or of all where there is no other."""


def benchmark(suite: Suite, config: DictConfig) -> Outcome:
    """Let rules and the policies of ``config.runs`` (by default the shipped one) play a suite, and check every schedule.

    Searches play suites in which some contest is deterministic; in others, only those that foresee.

    Raises:
        UsageError, PlanError, ArtifactError, WorkloadError: where a setting is wrong, or a policy or a file is absent or damaged.
        InvalidEpisode: where a schedule breaks the rules of its scenario.
    """
    names = entrants(config, suite.name)
    how = (
        searches(config, suite) if names or config.search is not None else {}
    )  # rules alone: nothing to set their searches beside
    contests = suite.contests(config)
    _check_references(contests)
    _check_ranked(contests, how.values())
    if not any(
        all(is_deterministic(contest.scenario, instance) for instance in contest.episodes.instances)
        for contest in contests
    ):
        how = {name: search for name, search in how.items() if search.foresees}
    players = Players.of(names, negotiators=any(pair[1] == pair[0] for pair in suite.learned))
    episodes = sum(len(contest.episodes.seeds) for contest in contests)
    each = sum(len(players.pairs(*pair)) for pair in (*suite.rules, *suite.tuned, *learned(suite, players)))
    each += len(suite.others) + (len(names) + 1 + len(suite.tuned)) * len(how)
    with Progress(total=episodes * each, desc=suite.name, unit="schedule") as bar:
        met, is_complete = [], True
        try:
            for contest in contests:
                met.append(Sides())
                meet(suite, contest, players, bar, met[-1])
            best = _best(suite, _standings(suite, contests, met, how))
            for pair in searchers(suite, players, best.pair):
                for contest, sides in zip(contests, met, strict=True):
                    sides |= meet_with_search(suite, contest, players, pair, how, sides[name_of(suite, *pair)], bar)
        except KeyboardInterrupt:
            whole = set.intersection(*map(set, met)) if len(met) == len(contests) else set()
            if not whole or suite.tables is not None:
                raise
            met, is_complete = [{name: sides[name] for name in sides if name in whole} for sides in met], False
    standings = _standings(suite, contests, met, how)
    best = _best(suite, standings)
    ratio = contests[0].reference is not None
    sheets = [_overall(suite, standings, best, ratio)]
    sheets += [_view(suite, view, contests, standings, ratio) for view in suite.views]
    if suite.tables is not None:
        sheets += suite.tables(contests, standings)
    if suite.published:
        rows = [[each.row, each.method, number(each.value, 3), each.source] for each in suite.published]
        sheets.append(Sheet(f"Published: {suite.unit}", ["", "method", "value", "source"], rows))
    checked = sum(side.schedules for one in standings for side in one.sides)
    notes = [
        f"{checked} schedules, every one checked against the rules of its scenario: no violation.",
        f"Means over episodes and, for what is learned, over training runs ({len(names)}). {INTERVALS} Episodes with "
        "the same label in the JSON's 'cluster' are one observation. The best rules are the best on these very episodes, and they and what "
        "is tuned play with the same searches as what is learned. Seconds are wall time, those of search included.",
        *suite.notes,
    ]
    numbers = {
        "policies": names,
        "searches": {name: vars(search) for name, search in how.items()},
        "episodes": [
            _episode(contest, c, e) for c, contest in enumerate(contests) for e in range(len(contest.episodes.seeds))
        ],
        "score": suite.metrics[0],
        "best_rules": best.name,
        "contestants": [_numbers(suite, one, best) for one in standings],
        "published": [each._asdict() for each in suite.published],
        "schedules_checked": checked,
    }
    return Outcome(suite.title, sheets, notes, numbers, is_complete)


def _check_references(contests: list[Contest]) -> None:
    """Raise UsageError where scores would be measured against nothing, as where all tasks of a file take 0 s."""
    for contest in contests:
        if contest.reference is not None and not (contest.reference > 0).all():
            first = int(np.argmin(contest.reference > 0))
            name = contest.episodes.instances[int(contest.episodes.instance[first])].name
            raise UsageError(
                f"{name}: scores would be measured against {contest.reference[first]:g} s, must be more; leave it out"
            )


def _check_ranked(contests: list[Contest], how: Iterable[Search]) -> None:
    """Raise UsageError where completions by rank, in which nobody bids, are asked for and several agents contest something."""
    teams = [i.num_agents for contest in contests for i in contest.episodes.instances]
    for search in how:
        check_ranked(search, max(teams))


def _best(suite: Suite, standings: list[Standing]) -> Standing:
    """The rules with the best score."""
    return min((one for one in standings if one.rule), key=lambda one: float(one.scores(suite.metrics[0]).mean()))


def _standings(suite: Suite, contests: list[Contest], met: list[dict[str, Side]], how: Iterable[str]) -> list[Standing]:
    """Everybody who played in every contest; ``how`` are the names of searches."""
    references = [np.ones(len(c.episodes.seeds)) if c.reference is None else c.reference for c in contests]
    counted = ~_to_bound(contests)
    if not counted.any():
        counted = ~counted
    names = [name for name in met[0] if all(name in sides for sides in met)]
    clusters = [contest.clusters(c) for c, contest in enumerate(contests)]
    return [
        Standing(name, kind_of(suite, name, how), [sides[name] for sides in met], references, counted, clusters)
        for name in names
    ]


def _to_bound(contests: list[Contest]) -> NDArray[np.bool_]:
    return np.concatenate(
        [np.zeros(len(c.episodes.seeds), np.bool_) if c.to_bound is None else c.to_bound for c in contests]
    )


def _difference(suite: Suite, one: Standing, to: Standing) -> Interval:
    return SAME if one is to else one.difference(to, suite.metrics[0])


def _excess(one: Standing, scores: Scores) -> Interval:
    """By how much the mean of multiples of the references exceeds 1."""
    ones, cluster = np.ones(scores.shape[1]), one.cluster()[one.counted]
    return relative_difference(scores, ones, cluster=cluster, independent=one.sides[0].runs)


def _overall(suite: Suite, standings: list[Standing], best: Standing, ratio: bool) -> Sheet:
    rows: list[list[Cell]] = []
    for one in standings:
        scores = one.scores(suite.metrics[0])
        known = {"runs": one.sides[0].runs, "episodes": scores.shape[1]}
        mean = Figure.relative(_excess(one, scores), **known) if ratio else Figure.of(float(scores.mean()), **known)
        others = [Figure.of(float(one.column(name).mean()), **known) for name in suite.metrics[1:]]
        times = [Figure.of(1e3 * one.decision, 3, unit="ms"), Figure.of(one.seconds, 3, unit="s")]
        rows.append([one.name, mean, cell(_difference(suite, one, best)), *others, *times])
    header = [
        "",
        suite.unit,
        f"% of the best rules ({best.name})",
        *suite.metrics[1:],
        "ms per decision",
        "s per episode",
    ]
    return Sheet("Everybody, all episodes", header, rows)


def _view(suite: Suite, view: str, contests: list[Contest], standings: list[Standing], ratio: bool) -> Sheet:
    labels = np.array([label for contest in contests for label in contest.classes[view]])
    groups = {label: labels == label for label in dict.fromkeys(labels.tolist())} | {ALL: standings[0].counted}
    if not standings[0].counted.all():
        groups |= {f"{ALL}, {TO_BOUND}": ~standings[0].counted}
    rows: list[list[Cell]] = []
    for label, chosen in groups.items():
        relative = [one.multiples(suite.metrics[0])[:, chosen] for one in standings]
        rows.append([label, str(int(chosen.sum())), *(in_cell(scores, ratio) for scores in relative)])
    return Sheet(f"By {view}: {suite.unit}", ["", "episodes", *(one.name for one in standings)], rows)


def in_cell(scores: Scores, ratio: bool) -> Figure:
    """The mean; where there are several runs, the least and the largest of theirs as well."""
    runs = 100.0 * (scores.mean(axis=1) - 1.0) if ratio else scores.mean(axis=1)
    shown = [f"{value:.1f}" if ratio else number(float(value)) for value in (runs.mean(), runs.min(), runs.max())]
    known = {"runs": len(runs), "episodes": scores.shape[1]}
    if len(runs) == 1:
        return Figure(float(runs.mean()), shown[0], unit="%" if ratio else "", **known)
    told = f"{shown[0]} [{shown[1]}, {shown[2]}]"
    return Figure(float(runs.mean()), told, float(runs.min()), float(runs.max()), RUNS, "%" if ratio else "", **known)


def _episode(contest: Contest, c: int, e: int) -> dict[str, Any]:
    reference = None if contest.reference is None else float(contest.reference[e])
    name = contest.episodes.instances[int(contest.episodes.instance[e])].name
    return {
        "instance": name,
        "seed": int(contest.episodes.seeds[e]),
        "reference": reference,
        "cluster": str(contest.clusters(c)[e]),
    } | {view: labels[e] for view, labels in contest.classes.items()}


def _numbers(suite: Suite, one: Standing, best: Standing) -> dict[str, Any]:
    measured = {name: one.column(name).tolist() for name in suite.metrics}
    scores = one.scores(suite.metrics[0])
    told = {
        "name": one.name,
        "kind": one.kind,
        "mean": float(scores.mean()),
        "mean_by_run": scores.mean(axis=1).tolist(),
    }
    times = {"seconds_per_decision": one.decision, "seconds_per_episode": one.seconds}
    return told | {"to_best_rules": _difference(suite, one, best)._asdict()} | times | measured
