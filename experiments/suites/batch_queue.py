"""Batch queues by RLScheduler's protocol (Zhang et al. 2020), on its windows and at the end of any batch log: mean bounded slowdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from omegaconf import DictConfig

from agents.evaluation.play import Episodes
from agents.evaluation.statistics import relative_difference
from agents.planning.settings import Search
from agents.rules import RESERVING
from envs.scenario import Knowledge, Objective
from envs.workloads.source import MAX_UNITS
from experiments.bounds.analytic import lower_bound
from experiments.plumbing import cli
from experiments.reports.outcome import Outcome, Sheet
from experiments.reports.report import Cell
from experiments.reports.tables import number
from experiments.suites import frame, traces
from experiments.suites.instances import folder_of
from experiments.suites.runs import LEARNED, cell
from experiments.suites.standing import SEARCHED, Rows, Scores, Standing
from experiments.suites.suite import ESTIMATES, Contest, Published, Suite
from experiments.suites.traces import MODES, PUBLISHED, PUBLISHED_RULES, RL, Trace

MEAN: Final = "mean_slowdown"
MEDIAN: Final = "median_slowdown"
"""Bounded slowdown of a window's jobs."""
LOG: Final = "log"
"""The view: a log in a mode, with one kind of estimates."""
CELL: Final = "cell"
"""A log in a mode, with whatever estimates."""
FIRST_JOB: Final = "first_job"
LAST: Final = "last windows"
REQUESTED: Final = "requested"
BY_USER: Final = "by user"
"""How long a job is thought to take: as requested, or times what its user's earlier jobs of the window took of what they had requested."""
SHOWN: Final = 0.0005
"""From here on a slowdown is not printed as 1.000."""
NEGOTIATOR: Final = "fcfs"
"""Asked where agents contest something: never, since one has the whole queue."""
SOURCE: Final = "Zhang et al. 2020"


def benchmark(config: DictConfig) -> Outcome:
    """Run the suite; errors as in ``frame.benchmark``."""
    return frame.benchmark(SUITE, config)


def _contests(config: DictConfig) -> list[Contest]:
    """One for each log, mode and kind of estimates, on the published windows and on the last ones."""
    folder = folder_of(config, "swf")
    found = traces.find(folder, cli.integer(config, "default_processors", 0, MAX_UNITS))
    for trace in found:
        cli.tell_report(trace.whole, trace.path)
    parts = [(trace, trace.protocol(), "") for trace in found] + [(trace, trace.last(), f", {LAST}") for trace in found]
    made = [contest for trace, starts, part in parts if starts for contest in _of_log(trace, starts, part)]
    if not made:
        needed = traces.TRAINING_JOBS + traces.JOBS
        raise cli.UsageError(
            f"{folder}: no log has {needed:,} jobs that can run: those for training, and a window behind them"
        )
    return made


def _of_log(trace: Trace, starts: tuple[int, ...], part: str) -> list[Contest]:
    """The protocol as published and, where the log names several users, with estimates that are learned about them."""
    scenario = replace(cli.standard_scenario("batch_queue"), candidates=traces.JOBS)
    asked, learning = trace.part(starts, "one"), trace.part(starts, "user")
    known = [(REQUESTED, asked, replace(scenario, knowledge=Knowledge(learn=False)))]
    if learning.workloads[0].instance(0).num_kinds > 1:
        known.append((BY_USER, learning, scenario))
    played = [(estimates, group.workloads[0], group.episodes(), scenario) for estimates, group, scenario in known]
    made = []
    for mode, backfill in MODES.items():
        name = f"{traces.cell(trace.name, mode)}{part}"
        for estimates, workload, episodes, scenario in played:
            label = name if estimates == REQUESTED else f"{name}, {estimates}"
            classes = {
                key: [value] * len(starts) for key, value in ((LOG, label), (CELL, name), (ESTIMATES, estimates))
            }
            rules_of_play = replace(
                scenario, workload=workload, reservations=replace(scenario.reservations, backfill=backfill)
            )
            together = [f"{trace.name}: {group}" for group in traces.overlapping(starts)]
            made.append(
                Contest(
                    rules_of_play, episodes, classes | {FIRST_JOB: [str(start) for start in starts]}, cluster=together
                )
            )
    return made


def _tables(contests: list[Contest], standings: list[Standing]) -> list[Sheet]:
    """Medians; the best of all rules in each cell, and what is learned beside it; published rules beside ours."""
    groups: dict[str, list[int]] = {}
    for place, contest in enumerate(contests):
        groups.setdefault(contest.classes[CELL][0], []).append(place)
    contenders: list[Standing | None] = [one for one in standings if one.kind in (LEARNED, SEARCHED)]
    medians: list[list[Cell]] = [
        [
            contest.classes[LOG][0],
            str(len(contest.episodes.seeds)),
            *(frame.in_cell(one.multiples(MEDIAN, [c]), False) for one in standings),
        ]
        for c, contest in enumerate(contests)
    ]
    return [
        Sheet(f"By {LOG}: median bounded slowdown", ["", "windows", *(one.name for one in standings)], medians),
        *(
            _bests(metric, contests, standings, groups, one)
            for metric in (MEAN, MEDIAN)
            for one in contenders or [None]
        ),
        *_reproduced(standings, groups),
    ]


def _bests(
    metric: str, contests: list[Contest], standings: list[Standing], groups: Rows, learned: Standing | None
) -> Sheet:
    """Each cell's best rule with either kind of estimates, and what is learned, with the estimates that know most."""
    header = ["", "best of all rules", "its value", "RL, published"]
    if metric == MEAN:
        header.append("lower bound")
    if learned is not None:
        header += [learned.name, "% of that rule", "at or below both", "10 % below both"]
    rows: list[list[Cell]] = []
    for name, group in groups.items():
        all_rules = [
            (one.multiples(metric, [place]), one.name, place) for one in standings if one.rule for place in group
        ]
        best, rule, place = min(all_rules, key=lambda each: float(each[0].mean()))
        estimates = contests[place].classes[ESTIMATES][0]
        printed = PUBLISHED.get(name, {}).get(RL, "") if metric == MEAN else ""
        row: list[Cell] = [
            name,
            rule if estimates == REQUESTED else f"{rule}, {estimates}",
            frame.in_cell(best, False),
            printed,
        ]
        if metric == MEAN:
            row.append(number(_bound(contests[group[0]].episodes)))
        if learned is not None:
            scores = learned.multiples(metric, [group[-1]])
            exceeds = relative_difference(scores, best, cluster=learned.cluster([group[-1]]))
            row += [frame.in_cell(scores, False), cell(exceeds), *reached(scores, best, printed)]
        rows.append(row)
    title = f"Best of all rules: {metric.split('_')[0]} bounded slowdown"
    if learned is not None:
        told = [
            row for row, group in zip(rows, groups.values(), strict=True) if somebody_waits(metric, standings, group)
        ]
        below, far_below = (sum(row[column] == "yes" for row in told) for column in (-2, -1))
        title += f"; {learned.name} at or below in {below} of the {len(told)} cells in which anything waits, 10 % below in {far_below}"
    return Sheet(title, header, rows)


def reached(learned: Scores, best: Scores, printed: str) -> list[str]:
    """Whether what is learned is at or below the best rule and, where it is ``printed``, the published policy; and 10 % below them."""
    goal = min(float(best.mean()), float(printed or "inf"))
    return ["yes" if learned.mean() <= share * goal else "no" for share in (1.0, 0.9)]


def somebody_waits(metric: str, standings: Iterable[Standing], group: Sequence[int]) -> bool:
    """Whether anybody's mean in a cell differs from 1, which jobs have that never wait, in what tables show of it."""
    return any(float(one.multiples(metric, group).mean()) >= 1.0 + SHOWN for one in standings)


def _bound(episodes: Episodes) -> float:
    """Return a mean bounded slowdown that no schedules of these windows are below."""
    return float(np.mean([1.0 + lower_bound(Objective(slowdown=1.0), i) / i.num_jobs for i in episodes.instances]))


def _reproduced(standings: list[Standing], groups: Rows) -> list[Sheet]:
    """The published rules beside ours, where the published windows were played."""
    ours = {one.name: one for one in standings}
    rows: list[list[Cell]] = []
    for name, printed in PUBLISHED.items():
        for rule in PUBLISHED_RULES if name in groups else ():
            value = float(ours[PUBLISHED_RULES[rule]].multiples(MEAN, groups[name][:1]).mean())
            same = "yes" if traces.agrees(value, printed[rule]) else "no"
            rows.append([f"{name}: {rule}", PUBLISHED_RULES[rule], printed[rule], number(value, 6), same])
    agreed = sum(row[-1] == "yes" for row in rows)
    title = f"Published rules: {agreed} of {len(rows)} cells to their printed digits"
    return [Sheet(title, ["", "here", "published", "measured", "the same digits"], rows)] if rows else []


SUITE: Final = Suite(
    name="batch_queue",
    title="Batch queues",
    contests=_contests,
    views=(LOG,),
    rules=tuple((rule + may, NEGOTIATOR) for rule in ("fifo", "spt", "saf", "f1") for may in (RESERVING, "")),
    learned=((LEARNED, NEGOTIATOR),),
    metrics=(MEAN, MEDIAN),
    unit="mean bounded slowdown",
    searches=(Search(choices=3, futures=1, ranked=True),),
    tables=_tables,
    published=tuple(Published("RLScheduler", SOURCE, name, float(printed[RL])) for name, printed in PUBLISHED.items()),
    notes=(
        f"Windows of {traces.JOBS:,} jobs in one queue that starts empty; metrics are of a window's jobs, averaged over windows. Jobs of "
        f"run time 0 are dropped, those of unknown run time run {traces.UNKNOWN_RUN:g} s. {RESERVING}: whatever is best is the head and "
        "blocks the queue; without, what can start goes first. backfilling: behind the head, first come first served, what as "
        f"requested ends before the head's expected start. {BY_USER}: durations are estimated from what the user's earlier jobs of the "
        "window took; elsewhere they are what was requested.",
        f"Rows without '{LAST}' are the {len(traces.STARTS)} published windows; the last windows, at most {traces.LAST}, overlap them. No "
        f"window holds a log's first {traces.TRAINING_JOBS:,} jobs, which are for training. Means over all episodes are ruled by the "
        "most crowded logs: compare row by row.",
        "Of Lublin-2 one published cell differs, FCFS with backfilling: 248 is printed, RLScheduler's own code gives 247.607, Parley "
        "247.498; where two jobs end at one instant, RLScheduler backfills after each release, Parley after both.",
        "The lower bound is one for a clairvoyant with one machine that may be divided and interrupted. Small jobs then hardly wait, so it "
        "lies near 1, the slowdown of a job alone, and says next to nothing of how much better a queue could be. bounds=FILE is not read.",
        f"'{LEARNED}' in the tables of the best rules: with estimates {BY_USER} where the log names users.",
    ),
)
