"""Batch queues by RLScheduler's protocol (Zhang et al. 2020): rules, what was published, and learned prioritizers, on any batch logs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from omegaconf import DictConfig
from tqdm import tqdm

from agents.rules import RESERVING
from agents.statistics import Interval
from envs.scenario import Knowledge, Scenario
from experiments import cli, public_data, traces
from experiments.outcome import Outcome, Sheet
from experiments.public_data import Group
from experiments.runs import LEARNED, Players, Side, difference, entrants
from experiments.runs import cell as written
from experiments.tables import number
from experiments.traces import MODES, PUBLISHED_RULES, RL, Trace

RULES: Final = tuple(rule + may for rule in ("fifo", "spt", "saf", "f1") for may in (RESERVING, ""))
"""With +r, whatever is best is the head, as in the publication; without, what can start goes first."""
NEGOTIATOR: Final = "fcfs"
"""Asked where agents contest something: never, since one has the whole queue."""
REQUESTED: Final = ""
LEARNING: Final = ", by user"
"""How long a job is thought to take: as requested, or times what its user's earlier jobs of the window took of what they had requested."""
MEASURES: Final = ("mean_slowdown", "median_slowdown")
"""Bounded slowdown of a window's jobs."""


@dataclass(frozen=True)
class Cell:
    """One log in one mode: who played the same windows."""

    trace: Trace
    mode: str
    starts: tuple[int, ...]
    sides: dict[str, Side]

    @property
    def rules(self) -> list[str]:
        """Names of the sides that were not trained."""
        return [name for name in self.sides if name != LEARNED]

    def best(self, measure: str) -> str:
        """The rule that is best at a measure on these very windows."""
        return min(self.rules, key=lambda name: self.sides[name].mean(measure))

    def to_best(self, name: str, measure: str) -> Interval:
        """The relative difference of a side to that rule."""
        return difference(self.sides[name], self.sides[self.best(measure)], measure)

    def goal(self) -> float:
        """What the learned policy is not to exceed: the best of all rules and, on its windows, the published policy."""
        printed = self.trace.published.get(self.mode, {}).get(RL) if self.starts == traces.STARTS else None
        best = self.sides[self.best(MEASURES[0])].mean(MEASURES[0])
        return best if printed is None else min(best, float(printed))

    def reproduced(self) -> dict[str, bool]:
        """By published rule: whether its printed digits came out."""
        printed = self.trace.published.get(self.mode, {}) if self.starts == traces.STARTS else {}
        rules = {name: rule for name, rule in PUBLISHED_RULES.items() if name in printed}
        return {name: traces.agrees(self.sides[rule].mean(MEASURES[0]), printed[name]) for name, rule in rules.items()}


def measure(config: DictConfig) -> Outcome:
    """Let the rules, and the prioritizers of ``config.runs`` where there are some, play the logs in ``config.data``; check every schedule.

    Raises:
        UsageError, ArtifactError, WorkloadError: where a run or a log is absent or damaged.
        InvalidEpisode: where a schedule breaks the rules of its scenario.
    """
    found = traces.find(public_data.find(config.data))
    folders = entrants(config, "batch_queue")
    players = Players.of(folders, negotiators=False)
    parts = {
        f"RLScheduler's {len(traces.STARTS)} windows": [(trace, trace.protocol()) for trace in found],
        f"The last windows, at most {traces.LAST}": [(trace, trace.last()) for trace in found],
    }
    if not any(starts for part in parts.values() for _, starts in part):
        raise cli.UsageError(
            f"data: no log has the {traces.TRAINING_JOBS + traces.JOBS:,} jobs that a window behind those for training needs"
        )
    played = {
        title: [play_cell(players, trace, mode, starts) for trace, starts in part if starts for mode in MODES]
        for title, part in parts.items()
    }
    cells = [cell for part in played.values() for cell in part]
    sheets = [_sheet(title, part, measure) for title, part in played.items() for measure in MEASURES if part]
    sheets.append(_speeds(cells))
    return Outcome("Batch queues", sheets, _notes(cells, len(folders)), {"runs": len(folders), "cells": [_numbers(c) for c in cells]})


def play_cell(players: Players, trace: Trace, mode: str, starts: tuple[int, ...]) -> Cell:
    """Let everybody play the windows of a log that begin at ``starts``."""
    sides = {}
    known = _views(trace, mode, starts)
    for view, scenario, windows in known:
        for rule in tqdm(RULES, desc=f"{trace.name}, {mode}{view}", disable=None):
            if not (view and rule.startswith("fifo")):  # it reads no estimate
                sides[rule + view] = players.play(scenario, windows.episodes(), rule, NEGOTIATOR)
    if players.prioritizers:
        _, scenario, windows = known[-1]
        sides[LEARNED] = players.play(scenario, windows.episodes(), LEARNED, NEGOTIATOR)
    return Cell(trace, mode, starts, sides)


def _views(trace: Trace, mode: str, starts: tuple[int, ...]) -> list[tuple[str, Scenario, Group]]:
    """The protocol as published, and where the log names several users, with estimates that are learned about them."""
    conf = cli.standard_scenario("batch_queue")
    scenario = replace(conf, reservations=replace(conf.reservations, backfill=MODES[mode]), candidates=traces.JOBS)
    requested, by_user = trace.part(starts, "one"), trace.part(starts, "user")
    views = [(REQUESTED, replace(scenario, workload=requested.workloads[0], knowledge=Knowledge(learn=False)), requested)]
    if by_user.workloads[0].instance(0).num_kinds > 1:
        views.append((LEARNING, replace(scenario, workload=by_user.workloads[0]), by_user))
    return views


def _sheet(title: str, cells: list[Cell], measure: str) -> Sheet:
    """Who got what, one column per log and mode."""
    what = measure.removesuffix("_slowdown")
    rows = []
    if measure == MEASURES[0] and any(cell.reproduced() for cell in cells):
        rows = [[f"{name}, published", *(cell.trace.published.get(cell.mode, {}).get(name, "") for cell in cells)] for name in _names()]
    for name in dict.fromkeys(name for cell in cells for name in cell.sides):
        rows.append([name, *(number(cell.sides[name].mean(measure)) if name in cell.sides else "" for cell in cells)])
    rows.append(["best rule", *(cell.best(measure) for cell in cells)])
    if all(LEARNED in cell.sides for cell in cells):
        rows.append([f"{LEARNED}, % of best rule", *(written(cell.to_best(LEARNED, measure)) for cell in cells)])
    return Sheet(f"{title}: {what} bounded slowdown", ["", *(f"{cell.trace.name}, {cell.mode}" for cell in cells)], rows)


def _names() -> Iterator[str]:
    yield from (*PUBLISHED_RULES, RL)


def _speeds(cells: list[Cell]) -> Sheet:
    """Wall time of a decision, the world's part included."""
    names = dict.fromkeys(name for cell in cells for name in cell.sides)
    return Sheet("Milliseconds per decision", ["", "ms"], [[name, number(_milliseconds(name, cells), 3)] for name in names])


def _milliseconds(name: str, cells: list[Cell]) -> float:
    results = [result for cell in cells if name in cell.sides for result in cell.sides[name].results]
    return 1000.0 * sum(result.seconds for result in results) / sum(result.decisions for result in results)


def _notes(cells: list[Cell], number_of_runs: int) -> list[str]:
    agreed = [ok for cell in cells for ok in cell.reproduced().values()]
    checked = sum(side.schedules for cell in cells for side in cell.sides.values())
    notes = [
        f"{checked} schedules, every one checked against the rules of its scenario: no violation.",
        f"{sum(agreed)} of {len(agreed)} published cells of FCFS (fifo{RESERVING}), SJF (spt{RESERVING}) and F1 (f1{RESERVING}) "
        "came out to their printed digits.",
        f"Windows of {traces.JOBS} jobs in one queue that starts empty; measures are of a window's jobs, averaged over windows. "
        f"Jobs of run time 0 are dropped, those of unknown run time run {traces.UNKNOWN_RUN:g} s. "
        f"{RESERVING}: whatever is best is the head and blocks the queue; without, what can start goes first. "
        "backfilling: behind the head, first come first served, what as requested ends before the head's expected start. "
        f"{LEARNING.removeprefix(', ')}: durations are estimated from what the user's earlier jobs of the window took.",
        "The last windows overlap the published ones of the same log. "
        f"No window holds a log's first {traces.TRAINING_JOBS:,} jobs, which are for training.",
    ]
    if number_of_runs:
        means = [cell.sides[LEARNED].mean(MEASURES[0]) / cell.goal() for cell in cells]
        notes.append(
            f"{LEARNED}: the likeliest action, mean of {number_of_runs} runs. Its mean is at or below the best of all rules and the "
            f"published policy in {sum(ratio <= 1 for ratio in means)} of {len(means)} cells, 10 % below in "
            f"{sum(ratio <= 0.9 for ratio in means)}. Differences with 95 % intervals (bootstrap over common windows and over runs); "
            "the rule is the best on these very windows."
        )
    return notes


def _numbers(cell: Cell) -> dict[str, Any]:
    published = cell.trace.published.get(cell.mode, {})
    facts = {"trace": cell.trace.name, "mode": cell.mode, "first_jobs": list(cell.starts), "published": published}
    sides = {}
    for name, side in cell.sides.items():
        interval = partial(cell.to_best, name)
        sides[name] = {
            measure: {"mean": side.mean(measure), "to_best_rule": _finite(interval(measure)), "windows": side.column(measure).tolist()}
            for measure in MEASURES
        }
    return facts | {"reproduced": cell.reproduced(), "best_rule": {measure: cell.best(measure) for measure in MEASURES}, "sides": sides}


def _finite(interval: Interval) -> dict[str, float | None]:
    """An interval in the types that JSON has: one window alone has no ends."""
    return {name: value if math.isfinite(value) else None for name, value in interval._asdict().items()}
