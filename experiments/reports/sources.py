"""What reports are made of: the folder of a training run, the JSON of an evaluation or of a suite, or an event log."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from agents.evaluation.statistics import Interval
from envs import strict_json
from envs.events import EventLog
from envs.workloads.instance import Instance
from experiments.plumbing import cli, saved
from experiments.plumbing.training import COMMAND, CONFIG
from experiments.reports import bargaining, episode, logs, replay
from experiments.reports.curves import learning_curves
from experiments.reports.report import Cell, Figure, Report, ReportError, Sheet, from_json
from experiments.reports.tables import number

EVALUATION: Final = "evaluation.json"
"""Of a training run, in its folder."""
MOST_BYTES: Final = 2**28
"""Of a JSON file."""
OLDER: Final = "contestants"
"""A key of suites' files, also of those that are older than reports."""


def read(path: Path) -> Report:
    """Return the report of whatever ``path`` is.

    Raises:
        ReportError: where it is nothing of which there are reports.
        OSError: where it cannot be read.
    """
    if path.is_dir():
        if not (path / CONFIG).is_file():
            raise ReportError(f"{path}: has no {CONFIG}, must be the folder of a training run, or a .json or .npz file")
        return _run(path)
    if path.suffix == ".npz":
        title, instance, log = logs.read(path)
        return _with_episodes(
            Report(title, [], ["An event log."], facts={"instance": instance.name}), [(title, math.nan, instance, log)]
        )
    if path.suffix != ".json":
        raise ReportError(
            f"{path}: must be the folder of a run, the .json of an evaluation or a suite, or the .npz of an event log"
        )
    return _document(path, _load(path), path.parent)


def _run(folder: Path) -> Report:
    """What a training run has left so far."""
    command = folder / COMMAND
    config = saved.read(folder / CONFIG)
    facts = {
        "command": command.read_text(encoding="utf-8").strip() if command.is_file() else "unknown",
        "seed": str(config.get("seed")),
    }
    title, charts = f"Training run {folder.resolve().name}", learning_curves(folder)
    if not (folder / EVALUATION).is_file():
        return Report(title, [], ["The run has not been compared with rules yet."], charts, facts=facts)
    made = _document(folder / EVALUATION, _load(folder / EVALUATION), folder)
    return Report(title, made.sheets, made.notes, [*charts, *made.charts], made.schedules, facts | dict(made.facts))


def _load(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file."""
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ReportError(
            f"{path}: has more than {MOST_BYTES} bytes, must be what parley evaluate or parley benchmark wrote"
        )
    try:
        document = strict_json.loads(data)
    except ValueError as error:
        raise ReportError(f"{path}: no JSON: {error}") from None
    if not isinstance(document, dict):
        raise ReportError(
            f"{path}: is a {type(document).__name__}, must be an object that parley evaluate or parley benchmark wrote"
        )
    return document


def _document(path: Path, document: dict[str, Any], folder: Path) -> Report:
    """The report in a file, and one of its episodes where it is an evaluation, whose own policy is in ``folder``."""
    if "report" not in document and OLDER in document:
        return _older(path, document)
    if "report" not in document:
        raise ReportError(f"{path}: has no key 'report', must be written by this version: evaluate again")
    told = from_json(str(path), document["report"])
    if "pairs" not in document:
        return told
    facts = dict(told.facts) | {str(name): str(value) for name, value in dict(document.get("versions", {})).items()}
    told = Report(told.title, told.sheets, told.notes, facts=facts)
    try:
        return _with_episodes(told, _replayed(path, document, folder))
    except (ValueError, OSError) as error:
        why = cli.explain(error)
        if why is None:
            raise
        return Report(
            told.title,
            told.sheets,
            [*told.notes, f"No episode is shown, since it cannot be played again: {why}"],
            facts=facts,
        )


def _older(path: Path, document: Mapping[str, Any]) -> Report:
    """The headline of a suite's file that has no report: everybody, and how far they are from the best rules."""
    rows: list[list[Cell]] = []
    try:
        for one in document[OLDER]:
            parts, runs = (one["to_best_rules"][part] for part in Interval._fields), len(one["mean_by_run"])
            far = Interval(*(math.nan if part is None else float(part) for part in parts))
            relative = Figure.relative(far, shown="= 0" if not any(far) else None, runs=runs)
            rows.append([str(one["name"]), str(one["kind"]), Figure.of(float(one["mean"]), runs=runs), relative])
    except (KeyError, TypeError, ValueError) as error:
        raise ReportError(
            f"{path}: is no suite's ({type(error).__name__}: {error}), must be as parley benchmark writes it"
        ) from None
    header = [
        "",
        "kind",
        f"mean {document.get('score', 'score')}",
        f"% of the best rules ({document.get('best_rules')})",
    ]
    machine = {str(name): str(value) for name, value in dict(document.get("machine", {})).items()}
    facts = {"command": str(document.get("command")), **machine}
    return Report(
        f"Suite {path.stem}", [Sheet("Everybody, all episodes", header, rows, left=2)], ["Less is better."], facts=facts
    )


Played = tuple[str, float, Instance, EventLog]
"""Who, at what cost, what, and how."""


def _replayed(path: Path, document: Mapping[str, Any], folder: Path) -> list[Played]:
    """Play the first episode again, by the best pair of those that learned most of its roles, and by the baseline."""
    told = replay.open_evaluation(path, document, folder)
    made = []
    for pair in told.pairs:
        log = told.record(pair)
        title = f"{pair['prioritizer']} with {pair['negotiator']}"
        made.append((title, float(pair["episodes"]["objective"][0]), told.episodes.instances[0], log))
    return made


def _with_episodes(report: Report, played: list[Played]) -> Report:
    """Add what episodes have to show: schedules, curves over time and negotiations, those of one beside those of the other."""
    schedules = [episode.schedule(title, cost, instance, log) for title, cost, instance, log in played]
    by_episode = [
        [*episode.charts(title, instance, log), *bargaining.charts(title, instance, log)]
        for title, _, instance, log in played
    ]
    paired = [
        chart
        for k in range(max(map(len, by_episode), default=0))
        for charts in by_episode
        for chart in charts[k : k + 1]
    ]
    bargains = [
        episode.negotiation(title, instance, log) for title, _, instance, log in played if instance.shared.any()
    ]
    notes = list(report.notes)
    if len(played) > 1:
        costs = " and ".join(f"{number(cost)} by {title}" for title, cost, _, _ in played)
        notes.append(f"The charts are of the first episode alone, which cost {costs}; the table is of all of them.")
    return Report(report.title, [*report.sheets, *bargains], notes, [*report.charts, *paired], schedules, report.facts)
