"""Learned pairs on the part of a batch log that they never saw, beside the rules of the field with and without backfilling."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any, Final

import numpy as np
from omegaconf import DictConfig
from tqdm import tqdm

from agents.rules import RESERVING
from agents.statistics import Statistic, relative_difference
from envs.scenario import Reservations
from experiments import cli, public_data
from experiments.outcome import Outcome, Sheet
from experiments.public_data import LATE_JOBS, LUBLIN, TRAINING_JOBS
from experiments.runs import LEARNED, Players, Side, policies
from experiments.tables import number, percent

RULES: Final = ("fifo", "spt", "saf", "f1")
NEGOTIATORS: Final = ("fcfs", "urgency")
EASY: Final = Reservations(hold="start", backfill=True)
"""For rules that reserve: EASY backfilling (Lifka 1995)."""
MEASURES: Final = ("mean_slowdown", "median_slowdown")
"""Bounded slowdown of a window's jobs."""


def measure(config: DictConfig) -> Outcome:
    """Let rules and the pairs of ``config.runs`` play the log's late windows and check every schedule.

    Raises:
        UsageError, ArtifactError, WorkloadError: where a run or the log is absent or damaged.
        InvalidEpisode: where a schedule breaks the rules of its scenario.
    """
    group, folders = public_data.late_windows(public_data.find(config.data)), policies(config)
    players, episodes = Players.of(folders), group.episodes()
    scenario = replace(cli.standard_scenario("batch_queue"), workload=group.workloads[0], candidates=LATE_JOBS)
    easy = replace(scenario, reservations=EASY)
    pairs = [*product([rule + ending for rule in RULES for ending in ("", RESERVING)], NEGOTIATORS), (LEARNED, LEARNED)]
    sides = [
        players.play(easy if prioritizer.endswith(RESERVING) else scenario, episodes, prioritizer, negotiator)
        for prioritizer, negotiator in tqdm(pairs, desc="batch_queue", disable=None)
    ]
    best = {name: min(sides[:-1], key=lambda side, name=name: float(side.column(name).mean())) for name in MEASURES}
    differences = {name: [_difference(side, best[name], name) for side in sides] for name in MEASURES}
    rows = []
    for i, side in enumerate(sides):
        cells = [(number(side.column(name).mean()), percent(differences[name][i])) for name in MEASURES]
        rows.append([side.name, *cells[0], *cells[1], f"{side.speed:,.0f}"])
    checked = sum(side.costs.size for side in sides)
    notes = [
        f"{checked} schedules, every one checked against the rules of its scenario: no violation.",
        f"Bounded slowdown of a window's jobs, mean and median, averaged over {len(group.workloads)} windows of {LATE_JOBS} jobs behind "
        f"the first {TRAINING_JOBS:,} of {LUBLIN}.swf, and over {len(folders)} runs. Four agents share the queue, and all see all their jobs.",
        "Differences are to the rules that are best at the measure on these very windows, with 95 % intervals "
        f"(bootstrap over common windows and over runs). {RESERVING}: EASY backfilling.",
    ]
    sheet = Sheet(
        f"{LUBLIN}.swf, late windows: bounded slowdown",
        ["", "mean", "% of best rules", "median", "% of best rules", "decisions/s"],
        rows,
    )
    numbers = {"runs": len(folders), "windows": len(group.workloads), "schedules_checked": checked}
    return Outcome(
        "Learned pairs on a batch queue",
        [sheet],
        notes,
        numbers | {"sides": [_numbers(side, {name: differences[name][i] for name in MEASURES}) for i, side in enumerate(sides)]},
    )
