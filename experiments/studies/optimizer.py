"""What the optimizer of ``parley run`` is worth under failures: each of its means alone, and all, beside none, in simulated time.

Everybody runs the same jobs with the same luck: what an attempt takes, whether it fails and when agents break down are draws that depend on
nothing that was decided (``agents/operation/execution/simulated.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig

from agents.evaluation.statistics import INTERVALS, Interval, relative_difference
from agents.operation.deciding.decision import DecisionEngine
from agents.operation.execution.execution import ExecutionManager
from agents.operation.execution.monitor import Monitor
from agents.operation.execution.optimizer import Optimizer
from agents.operation.execution.results import Execution
from agents.operation.execution.simulated import SimulatedExecutor
from agents.operation.execution.thresholds import Means, Thresholds
from agents.operation.site.moments import situation_of
from agents.operation.site.situation import Situation
from agents.progress import Progress
from envs.scenario import Scenario, Uncertainty
from envs.workloads.generators.synthetic import SyntheticWorkload
from experiments.plumbing import cli
from experiments.reports.outcome import Outcome, Sheet
from experiments.reports.report import Cell, Figure

AGENTS: Final = 4
WORKLOAD: Final = SyntheticWorkload(
    agents=AGENTS,
    jobs=24,
    scale_spread=1.0,
    tasks_max=4,
    speed_sigma=0.0,
    slots=1,
    shared_capacity=(),
    shared_use=(),
    big_min=(),
    big_max=(),
    load_min=0.7,
    load_max=0.7,
    eligible="all",
)
POLICY: Final = "wsrpt,urgency"
EVERY: Final = 5.0
"""Simulated seconds between two looks; a task takes 60 in the mean."""
RETRIES: Final = 20
"""Of a failed attempt."""
MOST_EPISODES: Final = 10_000
SWITCHES: Final = {
    "none": Means(move=False, speculate=False, reprioritise=False),
    "move": Means(move=True, speculate=False, reprioritise=False),
    "speculate": Means(move=False, speculate=True, reprioritise=False),
    "reprioritise": Means(move=False, speculate=False, reprioritise=True),
    "all three": Means(move=True, speculate=True, reprioritise=True),
}
NONE: Final = "none"
COMPARED: Final = {"flow": "Weighted flow time", "tardiness": "Weighted tardiness"}
LOST: Final = "lost"
METRICS: Final = (*COMPARED, LOST)


@dataclass(frozen=True)
class Trouble:
    """What goes wrong."""

    luck: Uncertainty = field(default_factory=lambda: Uncertainty(duration_sigma=0.3))
    slower: float = 1.0
    """By which the first agent is slower than anybody thinks."""
    broken: bool = False
    """Every attempt at the first agent fails, though it is up."""


TROUBLES: Final = {
    "nothing but noise": Trouble(),
    "stragglers": Trouble(Uncertainty(duration_sigma=1.2)),
    "an agent 5 times slower": Trouble(slower=5.0),
    "attempts that fail": Trouble(Uncertainty(duration_sigma=0.3, failure_probability=0.2)),
    "breakdowns": Trouble(Uncertainty(0.3, mean_time_between_failures=600.0, mean_time_to_repair=120.0)),
    "an agent where all fails": Trouble(broken=True),
    "all of it": Trouble(
        Uncertainty(1.2, failure_probability=0.1, mean_time_between_failures=600.0, mean_time_to_repair=120.0),
        slower=5.0,
    ),
}


def run(
    situation: Situation, trouble: Trouble, means: Means, engine: DecisionEngine, seed: int
) -> tuple[Execution, Optimizer]:
    """Run a situation in simulated time under a monitor and an optimizer."""
    first = situation.agents[0].name
    kinds = {task.kind for job in situation.jobs for task in job.tasks}
    executor = SimulatedExecutor(
        situation,
        trouble.luck,
        seed,
        factors={(first, kind): trouble.slower for kind in kinds},
        broken=[first] if trouble.broken else [],
    )
    monitor = Monitor(Thresholds(every=EVERY, metrics_every=1e9))
    optimizer = Optimizer(monitor, means)
    manager = ExecutionManager(engine, executor, overseers=[monitor, optimizer], retries=RETRIES)
    return manager.run(situation), optimizer


def costs(situation: Situation, execution: Execution) -> dict[str, float]:
    """Return the sums over jobs of weight x time since the release, and of weight x time since the due date, and how many were given up.

    Those count as if they had been done when the run ended.
    """
    ends: dict[str, float] = {}
    for each in execution.tasks:
        until = execution.ended if each.until is None else each.until
        ends[each.job] = max(ends.get(each.job, 0.0), until)
    lost = {each.job for each in execution.tasks if each.state != "done"}
    return {
        "lost": float(len(lost)),
        "flow": sum(job.weight * (ends[job.name] - job.release) for job in situation.jobs),
        "tardiness": sum(
            job.weight * max(0.0, ends[job.name] - job.due) for job in situation.jobs if job.due is not None
        ),
    }


def benchmark(config: DictConfig) -> Outcome:
    """Run everything; raises UsageError for ``episodes`` out of bounds."""
    return study(cli.integer(config, "episodes", 2, MOST_EPISODES))


def study(episodes: int, troubles: Mapping[str, Trouble] = TROUBLES, workload: SyntheticWorkload = WORKLOAD) -> Outcome:
    """Compare the switches under every trouble in so many sets of jobs."""
    engine = DecisionEngine.load(POLICY)
    found: dict[str, dict[str, dict[str, NDArray[np.float64]]]] = {}
    acted: dict[str, dict[str, float]] = {}
    with Progress(total=len(troubles) * len(SWITCHES) * episodes, desc="running", unit="run") as bar:
        for trouble, how in troubles.items():
            found[trouble] = {name: {each: np.zeros(episodes) for each in METRICS} for name in SWITCHES}
            acted[trouble] = dict.fromkeys(("avoid", "copy", "weigh"), 0.0)
            for seed in range(episodes):
                situation = situation_of(workload.instance(seed), Scenario(workload))
                for name, means in SWITCHES.items():
                    execution, optimizer = run(situation, how, means, engine, seed)
                    for each, cost in costs(situation, execution).items():
                        found[trouble][name][each][seed] = cost
                    if name == "all three":
                        for what in acted[trouble]:
                            acted[trouble][what] += optimizer.done[what] / episodes
                    bar.update()
    return _outcome(found, acted, episodes)


def _outcome(
    found: dict[str, dict[str, dict[str, NDArray[np.float64]]]], acted: dict[str, dict[str, float]], episodes: int
) -> Outcome:
    sheets, numbers = [], dict[str, Any]()
    means = [name for name in SWITCHES if name != NONE]
    for metric, title in COMPARED.items():
        rows: list[list[Cell]] = []
        for trouble, by in found.items():
            compared = {name: relative_difference(by[name][metric], by[NONE][metric]) for name in means}
            rows.append([trouble, *(Figure.relative(each, episodes=episodes) for each in compared.values())])
            numbers.setdefault(trouble, {})[metric] = {
                "mean without": float(by[NONE][metric].mean()),
                **{name: _numbers(each) for name, each in compared.items()},
            }
        sheets.append(Sheet(f"{title}, % of that without an optimizer", ["", *(f"{name}, %" for name in means)], rows))
    for trouble, counts in acted.items():
        numbers[trouble]["actions"] = counts
    rows = [[trouble, *(Figure.of(by[name][LOST].mean(), 3) for name in SWITCHES)] for trouble, by in found.items()]
    sheets.append(Sheet("Jobs that were given up, a run", ["", *SWITCHES], rows))
    rows = [[trouble, *(Figure.of(count, 3) for count in counts.values())] for trouble, counts in acted.items()]
    sheets.append(Sheet("What all three did, times a run", ["", "agents left alone", "copies", "jobs weighed"], rows))
    notes = [
        f"{episodes} sets of {WORKLOAD.jobs} jobs of 1 to {WORKLOAD.tasks_max} tasks of 60 s in the mean, for {AGENTS} agents at a load "
        f"of {WORKLOAD.load_min:g}, decided by {POLICY}; the monitor looks every {EVERY:g} s. Less is better: below 0 a switch helps. "
        f"{INTERVALS}",
        "Durations are lognormal around their estimates, sigma 0.3; of stragglers 1.2, anew at every attempt, so that a copy has luck of "
        "its own. Attempts fail with a chance of 0.2; breakdowns come every 600 s of an agent and last 120 s. The slow agent is as slow at "
        "all kinds of tasks. All of it: stragglers, the slow agent, breakdowns, and a chance of 0.1 to fail. Failed attempts are tried "
        f"again {RETRIES} times; a job that is given up counts as if it had been done when the run ended.",
    ]
    return Outcome("The optimizer under failures", sheets, notes, {"troubles": numbers})


def _numbers(interval: Interval) -> dict[str, float | None]:
    return {name: None if np.isnan(value) else float(value) for name, value in interval._asdict().items()}
