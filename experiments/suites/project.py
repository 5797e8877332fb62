"""PSPLIB's projects (RCPSP): the makespan above the optimum where there are 30 activities, above the critical path where there are more."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Final

import numpy as np
from omegaconf import DictConfig

from agents.evaluation.statistics import relative_difference
from agents.planning.settings import Search
from envs.scenario import Scenario
from envs.workloads.generators.random_project import RandomProject
from envs.workloads.instance import Instance
from envs.workloads.readers.psplib import SUFFIXES, ProjectWorkload
from experiments.bounds.analytic import critical_path
from experiments.plumbing import cli
from experiments.reports.outcome import Outcome, Sheet
from experiments.suites import frame
from experiments.suites.bounds import Reference, reference_of
from experiments.suites.instances import FAMILY, SIZE, contests, folder_of, generated
from experiments.suites.runs import LEARNED, cell
from experiments.suites.standing import Standing
from experiments.suites.suite import TO_BOUND, Contest, Published, Suite

SETS: Final = re.compile("j(30|60|90|120)")
SOLVED: Final = "j30"
"""The set whose optima are all known, to which the field compares."""
COMPLEXITIES: Final = (1.5, 1.8, 2.1)
FACTORS: Final = (0.25, 0.5, 0.75, 1.0)
STRENGTHS: Final = {30: (0.2, 0.5, 0.7, 1.0), 60: (0.2, 0.5, 0.7, 1.0), 120: (0.1, 0.2, 0.3, 0.4, 0.5)}
"""By activities. The design of PSPLIB's sets (Kolisch and Sprecher 1997): instances of every combination, ten there."""
EACH: Final = 2
"""Generated instances of every combination."""
FIRST_SEED: Final = 20_240_901
"""Of them; training draws 63-bit seeds."""
REFERENCE: Final = "lft"
"""The rule to whose makespans all are set in proportion."""
NEGOTIATOR: Final = "fcfs"
"""Asked where agents contest something: never."""


def benchmark(config: DictConfig) -> Outcome:
    """Run the suite; errors as in ``frame.benchmark``."""
    return frame.benchmark(SUITE, config)


def family(stem: str) -> str:
    """PSPLIB's set where the name begins with one; else the letters that it begins with."""
    found = SETS.match(stem) or re.match("[a-zA-Z]*", stem)
    return (found[0] if found else "") or stem


class Design:
    """Projects of one size, one of every combination in turn."""

    def __init__(self, activities: int) -> None:
        combinations = product(COMPLEXITIES, FACTORS, STRENGTHS[activities])
        self.cells: list[RandomProject] = [
            RandomProject(activities, activities, complexities=(c,), factors=(f,), strengths=(s,))
            for c, f, s in combinations
        ]

    def instance(self, seed: int) -> Instance:
        """Draw one; so many seeds in a row as there are combinations have one of each."""
        return self.cells[seed % len(self.cells)].instance(seed)


def _contests(config: DictConfig) -> list[Contest]:
    folder, scenario = folder_of(config, "rcpsp/patterson"), cli.standard_scenario("project")
    reference = _reference(config, scenario)
    made = contests(
        folder,
        SUFFIXES,
        ProjectWorkload,
        scenario,
        family,
        reference,
        counts=lambda name: family(name) == SOLVED,
        size=lambda i: str(i.num_tasks),
    )
    published = [replace(contest, to_bound=None) for contest in made]  # by protocol: they count with the others
    return (
        published
        if config.path is not None
        else published + [_generated(scenario, activities, reference) for activities in STRENGTHS]
    )


def _reference(config: DictConfig, scenario: Scenario) -> Reference:
    """The optimum where ``config.bounds`` has it; else the critical path, to which the field compares although there are sharper bounds."""
    known = reference_of(config, scenario.objective)

    def reference(i: Instance) -> tuple[float, bool]:
        cost, is_bound = known(i)
        return (critical_path(i), True) if is_bound else (cost, False)

    return reference


def _generated(scenario: Scenario, activities: int, reference: Reference) -> Contest:
    design = Design(activities)
    return generated(
        scenario,
        design,
        str(activities),
        [FIRST_SEED + number for number in range(EACH * len(design.cells))],
        reference,
    )


def _ratios(contests: Sequence[Contest], standings: Sequence[Standing]) -> list[Sheet]:
    """By how much makespans differ from the rule's: a proportion that means the same on easy and on hard instances."""
    labels = np.array([label for contest in contests for label in contest.classes[FAMILY]])
    rule = next(one for one in standings if one.name == REFERENCE).column("makespan")
    rows = []
    for label in dict.fromkeys(labels.tolist()):
        ratios = [(one.column("makespan") / rule)[:, labels == label] for one in standings]
        cluster = standings[0].cluster()[labels == label]
        rows.append(
            [label, *(cell(relative_difference(ratio, np.ones(len(cluster)), cluster=cluster)) for ratio in ratios)]
        )
    return [
        Sheet(
            f"Against {REFERENCE} on the same instances: mean % of its makespan",
            ["", *(one.name for one in standings)],
            rows,
        )
    ]


def _published(method: str, source: str, *values: float, rule: str = "") -> list[Published]:
    rows = SOLVED, f"j60, {TO_BOUND}", f"j120, {TO_BOUND}"
    return [Published(method, source, row, value, rule) for row, value in zip(rows, values, strict=True)]


SUITE: Final = Suite(
    name="project",
    title="Projects",
    contests=_contests,
    views=(FAMILY, SIZE),
    rules=(("lft", NEGOTIATOR), ("lst", NEGOTIATOR), ("mts", NEGOTIATOR)),
    learned=((LEARNED, NEGOTIATOR),),
    metrics=("makespan",),
    searches=(Search(samples=1000, temperature=1.5, justify=True, drawn=0.3),),
    tables=_ratios,
    unit="mean % above the optimum (j30) or the critical path (others)",
    published=(
        *_published("best known", "PSPLIB", 0.0, 10.4, 29.0),
        *_published("LFT, parallel, one pass", "measured on all instances", 4.4, 17.5, 43.9, rule="lft"),
        *_published("LST, serial, one pass", "measured on all instances", 4.9, 17.5, 46.7),
        *_published("scatter search, 1,000 schedules", "published", 0.27, 11.7, 35.2),
        *_published("scatter search, 50,000 schedules", "published", 0.01, 10.7, 31.6),
    ),
    notes=(
        "The published values are means over whole sets (480 + 480 + 600), of which the public data hold a part where resources are "
        "scarcer: gaps on it are larger. path=FOLDER scores others.",
        f"Rows 'generated' are drawn as PSPLIB's sets are, {EACH} instances of every combination of their parameters, j30's above the "
        "critical path as well; no policy was trained on them. LFT's gaps there tell how alike the sets are.",
        f"'{TO_BOUND}': above the critical path, a lower bound that no schedule reaches where resources are scarce.",
        "The field's 'schedules' are passes of a schedule generation scheme: a plan that is drawn or crossed counts for one, its "
        "justification for two more. What is found is played as actions, and costs what the world says.",
        "Rules start whatever can (the parallel scheme); who learns may reserve an activity, and so wait for the next event; only what "
        "ends before that activity could start may go first.",
    ),
)
