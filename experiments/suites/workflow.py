"""Recorded workflows on agents of different speed, with known and uncertain durations: beside HEFT, which plans beforehand."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np
from omegaconf import DictConfig

from agents.evaluation.play import Episodes
from agents.planning.heft import assignment, play_heft
from agents.planning.settings import Search
from envs.scenario import Objective
from envs.workloads.instance import Instance
from envs.workloads.readers.wfformat import WfFormatWorkload
from envs.workloads.source import files_in, stem
from experiments.plumbing import cli
from experiments.plumbing.cli import UsageError
from experiments.reports.outcome import Outcome, Sheet
from experiments.reports.report import Cell
from experiments.suites import frame
from experiments.suites.bounds import realised_bounds
from experiments.suites.instances import FAMILY, folder_of
from experiments.suites.runs import LEARNED
from experiments.suites.standing import Standing, duels
from experiments.suites.suite import Contest, Suite

SIGMAS: Final = {"certain": 0.0, "sigma 0.2": 0.2, "sigma 0.5": 0.5}
"""Standard deviations of the logarithm of realised over estimated durations."""
AGENTS: Final = (4, 8)
SITES: Final = 2
"""Draws of speeds per workflow and number of agents."""
SPREAD: Final = 1.0
"""Of speeds, between agents and again between kinds of task: from a half to twice."""
DURATIONS: Final = "durations"
SIZE: Final = "agents"
NEGOTIATOR: Final = "fcfs"
"""Asked where agents contest something: never, they have cores of their own."""
HEFT: Final = "HEFT"
SCORE: Final = "makespan"


def benchmark(config: DictConfig) -> Outcome:
    """Run the suite; errors as in ``frame.benchmark``."""
    return frame.benchmark(SUITE, config)


def _contests(config: DictConfig) -> list[Contest]:
    """One for each uncertainty, all of the same workflows on the same sites."""
    folder = folder_of(config, "wfformat/instances")
    files = files_in(folder, ".json", below=True)
    if not files:
        raise UsageError(f"{folder} has no file *.json")
    sites = [(file, agents, site) for file, agents, site in product(files, AGENTS, range(SITES))]
    instances = [_instance(*site) for site in sites]
    index = np.arange(len(sites))
    episodes = Episodes(instances, index.astype(np.int32), index.astype(np.uint64))
    planned = np.array([assignment(instance).end.max() for instance in instances])
    families = [(re.match("[a-zA-Z0-9]*", stem(file)) or [stem(file)])[0] for file, _, _ in sites]
    scenario = replace(cli.standard_scenario("workflow"), candidates=max(instance.num_tasks for instance in instances))
    return [
        Contest(
            replace(scenario, uncertainty=replace(scenario.uncertainty, duration_sigma=sigma)),
            episodes,
            {DURATIONS: [label] * len(sites), SIZE: [f"{agents} agents" for _, agents, _ in sites], FAMILY: families},
            planned,
            cluster=[stem(file) for file, _, _ in sites],
        )
        for label, sigma in SIGMAS.items()
    ]


def _instance(file: Path, agents: int, site: int) -> Instance:
    return WfFormatWorkload(
        str(file), agents=agents, speed_spread=SPREAD, kind_spread=SPREAD, speed_seed=site
    ).instance(0)


def _tables(contests: list[Contest], standings: list[Standing]) -> list[Sheet]:
    """Everybody against HEFT, and against a lower bound, by uncertainty."""
    heft = next(one for one in standings if one.name == HEFT)
    groups = {contest.classes[DURATIONS][0]: [place] for place, contest in enumerate(contests)}
    groups = {
        "uncertain": [place for place, contest in enumerate(contests) if contest.scenario.uncertainty.duration_sigma]
    } | groups
    others = [one for one in standings if one is not heft]
    bounds = [realised_bounds(contest.scenario, contest.episodes, Objective(makespan=1.0)) for contest in contests]
    gaps: list[list[Cell]] = [
        [
            one.name,
            *(frame.in_cell(side.column(SCORE) / bound, True) for side, bound in zip(one.sides, bounds, strict=True)),
        ]
        for one in standings
    ]
    return [
        duels(
            "Against HEFT on the same episodes: % of its makespan", groups, dict.fromkeys(groups, heft), others, SCORE
        ),
        Sheet("Gap to the lower bound: mean % above it", ["", *SIGMAS], gaps),
    ]


SUITE: Final = Suite(
    name="workflow",
    title="Workflows on heterogeneous agents",
    contests=_contests,
    views=(DURATIONS, SIZE, FAMILY),
    rules=(
        ("critical_path+p", NEGOTIATOR),
        ("lpt+p", NEGOTIATOR),
        ("critical_path", NEGOTIATOR),
        ("mts", NEGOTIATOR),
        ("spt", NEGOTIATOR),
        ("lpt", NEGOTIATOR),
        ("fifo", NEGOTIATOR),
    ),
    others={HEFT: play_heft},
    searches=(Search(choices=3, seconds=60, futures=0),),
    learned=((LEARNED, NEGOTIATOR),),
    metrics=(SCORE,),
    unit="mean % above the makespan that HEFT plans",
    tables=_tables,
    notes=(
        "HEFT (Topcuoglu, Hariri, Wu 2002) plans by the estimated durations before anything starts; where durations are uncertain its "
        "agents and orders are kept, and tasks start when what they wait for is done. What it plans is 0 %, whatever becomes of it.",
        f"Every workflow is played on {AGENTS[0]} and {AGENTS[1]} agents of {SITES} sites; speeds differ by agent and by kind of task, and "
        "are known. There is no data transfer in the world.",
        "The lower bound is the longest path, or all work on all agents, by the realised durations at the highest speeds: no schedule need "
        "reach it.",
        "Rules start whatever can; those with +p keep to a forecast, made anew at every event, that leaves tasks to better agents. Who "
        "learns sees that forecast, and may leave tasks or reserve them as it likes. Searches play where durations are known; elsewhere "
        "their row is the policy's own.",
    ),
)
