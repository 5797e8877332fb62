"""Learned pairs on the part of a batch log that they never saw, beside the rules of the field with and without backfilling."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from omegaconf import DictConfig
from tqdm import tqdm

from agents.rules import RESERVING
from envs.scenario import Reservations
from experiments import cli, public_data
from experiments.outcome import Outcome, Sheet
from experiments.public_data import LATE_JOBS, LUBLIN, TRAINING_JOBS
from experiments.runs import LEARNED, Players, Side, cell, difference, policies
from experiments.tables import number

RULES: Final = ("fifo", "spt", "saf", "f1")
NEGOTIATORS: Final = ("fcfs", "urgency")
OWNERS: Final = 4
"""Agents that share the queue, where there is more than one."""
CENTRAL: Final = "one queue"
"""Instead of a negotiator: one agent manages all jobs, as the field's schedulers do."""
EASY: Final = Reservations(hold="start", backfill=True)
"""For the one queue: with it, rules that reserve do EASY backfilling (Lifka 1995)."""
MEASURES: Final = ("mean_slowdown", "median_slowdown")
"""Bounded slowdown of a window's jobs."""


def measure(config: DictConfig) -> Outcome:
    """Let rules and the pairs of ``config.runs`` play the log's late windows and check every schedule.

    Raises:
        UsageError, ArtifactError, WorkloadError: where a run or the log is absent or damaged.
        InvalidEpisode: where a schedule breaks the rules of its scenario.
    """
    data, folders = public_data.find(config.data), policies(config)
    players, conf = Players.of(folders), cli.standard_scenario("batch_queue")
    shared, whole = public_data.late_windows(data, OWNERS), public_data.late_windows(data, 1)
    scenario = replace(conf, workload=shared.workloads[0], candidates=LATE_JOBS)
    central = replace(conf, workload=whole.workloads[0], candidates=LATE_JOBS, reservations=EASY)
    sides = []
    for rule in tqdm(RULES, desc="batch_queue, rules", disable=None):
        for name in (rule, rule + RESERVING):
            sides.append(replace(players.play(central, whole.episodes(), name, "fcfs"), negotiator=CENTRAL))
        sides += [players.play(scenario, shared.episodes(), rule, negotiator) for negotiator in NEGOTIATORS]
    sides.append(players.play(scenario, shared.episodes(), LEARNED, LEARNED))
    best = [min(sides[:-1], key=partial(Side.mean, measure=name)) for name in MEASURES]
    rows, numbers = [], []
    for side in sides:
        means = [side.mean(name) for name in MEASURES]
        to_best = [difference(side, rules, name) for rules, name in zip(best, MEASURES, strict=True)]
        rows.append([side.name, number(means[0]), cell(to_best[0]), number(means[1]), cell(to_best[1]), f"{side.speed:,.0f}"])
        told = zip(MEASURES, means, to_best, strict=True)
        numbers.append(
            {"prioritizer": side.prioritizer, "negotiator": side.negotiator}
            | {
                name: {"mean": mean, "to_best_rules": interval._asdict(), "windows": side.column(name).tolist()}
                for name, mean, interval in told
            }
        )
    checked = sum(side.schedules for side in sides)
    notes = [
        f"{checked} schedules, every one checked against the rules of its scenario: no violation.",
        f"Bounded slowdown of a window's jobs, mean and median, averaged over {len(shared.workloads)} windows of {LATE_JOBS} jobs behind "
        f"the first {TRAINING_JOBS:,} of {LUBLIN}.swf, and over {len(folders)} runs. "
        f"{OWNERS} agents share the jobs, but '{CENTRAL}', where one has all; agents see all that they have.",
        "Differences are to the rules that are best at the measure on these very windows, with 95 % intervals "
        f"(bootstrap over common windows and over runs). {RESERVING}: EASY backfilling.",
    ]
    sheet = Sheet(
        f"{LUBLIN}.swf, late windows: bounded slowdown",
        ["", "mean", "% of best rules", "median", "% of best rules", "decisions/s"],
        rows,
    )
    facts = {"runs": len(folders), "windows": len(shared.workloads), "schedules_checked": checked}
    return Outcome("Learned pairs on a batch queue", [sheet], notes, facts | {"sides": numbers})
