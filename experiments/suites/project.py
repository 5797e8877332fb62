"""PSPLIB's projects (RCPSP): the makespan above the optimum where there are 30 activities, above the critical path where there are more."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from omegaconf import DictConfig

from envs.workloads.instance import Instance
from envs.workloads.psplib import SUFFIXES, ProjectWorkload
from experiments import cli
from experiments.bounds.analytic import critical_path
from experiments.outcome import Outcome
from experiments.runs import LEARNED
from experiments.suites import frame
from experiments.suites.instances import FAMILY, SIZE, best_known, contests, folder_of
from experiments.suites.suite import TO_BOUND, Contest, Published, Suite

SETS: Final = re.compile("j(30|60|90|120)")
SOLVED: Final = "j30"
"""The set whose optima are all known, to which the field compares."""
NEGOTIATOR: Final = "fcfs"
"""Asked where agents contest something: never."""


def measure(config: DictConfig) -> Outcome:
    """Run the suite; errors as in ``frame.measure``."""
    return frame.measure(SUITE, config)


def family(stem: str) -> str:
    """PSPLIB's set where the name begins with one; else the letters that it begins with."""
    found = SETS.match(stem) or re.match("[a-zA-Z]*", stem)
    return (found[0] if found else "") or stem


def _protocol(instance: Instance) -> tuple[float, bool]:
    """The critical path, which the field's gaps refer to, although sharper bounds are known."""
    return critical_path(instance), True


def _contests(config: DictConfig) -> list[Contest]:
    folder, scenario = folder_of(config, "rcpsp/patterson"), cli.standard_scenario("project")
    optima = {name: value for name, value in best_known(folder).items() if family(name) == SOLVED}
    made = contests(folder, SUFFIXES, ProjectWorkload, scenario, family, _protocol, known=optima, size=lambda i: str(i.num_tasks))
    return [replace(contest, to_bound=None) for contest in made]  # by protocol: they count with the others


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
    measures=("makespan",),
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
        f"'{TO_BOUND}': above the critical path, a lower bound that no schedule reaches where resources are scarce.",
        "The field's 'schedules' are plans drawn: search=[{samples:1000}]. Rules start whatever can (the parallel scheme); who learns may "
        "reserve an activity, and so wait for the next event, filling in only what ends before that activity could start.",
    ),
)
