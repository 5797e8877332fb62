"""Rules on public benchmarks, every schedule checked: the numbers that show that this world is the field's world."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from omegaconf import DictConfig

from agents.evaluation.play import Results, play
from agents.progress import Progress
from agents.rules import negotiator, prioritizer
from envs.scenario import Knowledge, Objective, Reservations, Scenario
from experiments.reports.outcome import Outcome, Sheet
from experiments.suites import public_data
from experiments.suites.public_data import Group

WORLDS: Final = 32
"""Episodes in flight at once."""
CONTEST_RULE: Final = "fcfs"
"""Where agents want the same, the task that has been ready for longest comes first."""
TOLERANCE: Final = 0.5
"""Points by which a mean gap may differ from its reference."""

NON_DELAY: Final[dict[str, Any]] = {
    "objective": Objective(makespan=1.0),
    "knowledge": Knowledge(learn=False),
    "reservations": Reservations(allowed=False),
}
"""What can start starts."""
EASY: Final[dict[str, Any]] = {
    "objective": Objective(slowdown=1.0),
    "knowledge": Knowledge(learn=False),
    "reservations": Reservations(hold="start", backfill=True),
}
"""EASY backfilling for rules that reserve; the others start whatever fits."""

Scores = tuple[float, ...]


@dataclass(frozen=True)
class Study:
    """One table: who plays what, by which rules of play, and what is measured."""

    key: str
    """In the numbers."""
    title: str
    groups: Callable[[Path], list[Group]]
    rules: tuple[str, ...]
    scenario: dict[str, Any]
    score: Callable[[Results, Group], Scores]
    reference: dict[tuple[str, int], Scores] = field(default_factory=dict)
    """(group, number of instances) -> mean gap by each of ``rules`` with an independent, event-driven schedule builder."""


def gap(results: Results, group: Group) -> Scores:
    """Mean % by which makespans exceed the best known ones."""
    assert group.best is not None
    return (100.0 * float(np.mean(results.column("makespan") / group.best - 1.0)),)


def makespan(results: Results, group: Group) -> Scores:
    """Mean makespan in seconds."""
    return (float(results.column("makespan").mean()),)


def slowdown(results: Results, group: Group) -> Scores:
    """Mean and median bounded slowdown of a window's jobs, each averaged over the windows."""
    return float(results.column("mean_slowdown").mean()), float(results.column("median_slowdown").mean())


STUDIES: Final = (
    Study(
        "job_shops",
        "Job shops: mean % above best known",
        public_data.job_shops,
        ("spt", "mwkr", "fdd_mwkr", "fifo"),
        NON_DELAY | {"candidates": 128},
        gap,
        {
            ("abz", 5): (25.1, 16.6, 14.6, 24.6),
            ("la", 40): (20.0, 12.6, 11.5, 18.9),
            ("orb", 10): (26.3, 25.2, 19.8, 29.7),
            ("swv01-10", 10): (29.2, 33.5, 36.4, 44.7),
            ("dmu", 20): (27.8, 20.7, 18.6, 27.2),
        },
    ),
    Study(
        "projects",
        "Projects (RCPSP): mean % above best known",
        public_data.projects,
        ("lft", "lst", "mts"),
        NON_DELAY | {"candidates": 128},
        gap,
        {("j30", 15): (9.0, 10.2, 9.5), ("j60", 10): (12.7, 11.9, 12.5), ("j120", 4): (12.7, 15.8, 14.6)},
    ),
    Study(
        "flexible_job_shops",
        "Flexible job shops: mean % above best known",
        public_data.flexible_job_shops,
        ("spt", "mwkr"),
        NON_DELAY | {"candidates": 128},
        gap,
    ),
    Study(
        "workflows",
        "Workflows on 4 equal agents: makespan in seconds",
        public_data.workflows,
        ("critical_path", "mts", "spt", "fifo"),
        NON_DELAY | {"candidates": 512},
        makespan,
    ),
    Study(
        "batch_queues",
        f"Batch queues, windows of {public_data.WINDOW_JOBS} jobs: mean / median bounded slowdown (+r: EASY backfilling)",
        public_data.batch_queues,
        ("fifo+r", "spt+r", "f1+r", "saf+r", "fifo", "spt", "saf"),
        EASY | {"candidates": public_data.WINDOW_JOBS},
        slowdown,
    ),
)
"""Each shows all candidates to the rules."""


def benchmark(config: DictConfig) -> Outcome:
    """Let the rules play everything in the folder ``config.data`` and check every schedule.

    Raises:
        UsageError, WorkloadError: where files are absent or damaged.
        InvalidEpisode: where a schedule breaks the rules of its scenario.
    """
    data = public_data.find(config.data)
    found = [(study, study.groups(data)) for study in STUDIES]
    sheets: list[Sheet] = []
    numbers: dict[str, Any] = {}
    checked, distances = 0, []
    with Progress(total=sum(len(study.rules) * len(groups) for study, groups in found), desc="published") as bar:
        for study, groups in found:
            rows = []
            numbers[study.key] = {}
            for group in groups:
                scores = [_score(study, group, rule, bar) for rule in study.rules]
                size = len(group.workloads)
                checked += size * len(study.rules)
                expected = study.reference.get((group.name, size))
                rows.append([group.name, str(size), *map(_cell, scores)])
                numbers[study.key][group.name] = {
                    "instances": size,
                    "scores": dict(zip(study.rules, scores, strict=True)),
                }
                if expected is not None:
                    distances += [abs(score[0] - value) for score, value in zip(scores, expected, strict=True)]
                    rows.append(["  reference", "", *(f"{value:.1f}" for value in expected)])
                    numbers[study.key][group.name]["reference"] = dict(zip(study.rules, expected, strict=True))
            sheets.append(Sheet(study.title, ["", "instances", *study.rules], rows))
    notes = [f"{checked} schedules, every one checked against the rules of its scenario: no violation."]
    if distances:
        word = "all" if max(distances) <= TOLERANCE else "NOT all"
        notes.append(
            f"Reference: an independent event-driven schedule builder; {word} {len(distances)} means agree within {TOLERANCE} points "
            f"(largest difference {max(distances):.2f})."
        )
    notes.append(
        "Durations are known, but for batch queues, where they are what users requested. Nobody reserves except by +r."
    )
    numbers |= {"schedules_checked": checked, "largest_difference_to_reference": max(distances, default=None)}
    return Outcome("Rules on public benchmarks", sheets, notes, numbers)


def _score(study: Study, group: Group, rule: str, bar: Any) -> Scores:
    scenario = Scenario(group.workloads[0], **study.scenario)
    results = play(scenario, group.episodes(), prioritizer(rule), negotiator(CONTEST_RULE), worlds=WORLDS)
    bar.update()
    return study.score(results, group)


def _cell(scores: Sequence[float]) -> str:
    return " / ".join(f"{score:,.1f}" for score in scores)
