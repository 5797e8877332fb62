"""Fit the efficiency analyzer to simulated windows of 24 hours, and write it as package data: ``python -m scripts.efficiency``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from agents.evaluation.play import record
from agents.policies import load_negotiator, load_prioritizer
from agents.progress import Progress
from envs.files import write_text
from envs.scenario import Scenario, Uncertainty
from envs.workloads.generators.synthetic import SyntheticWorkload
from experiments.plumbing.processes import ROOT
from experiments.reports.windows.analyzer import FILE, EfficiencyAnalyzer, features_of
from experiments.reports.windows.figures import EFFICIENT
from experiments.reports.windows.measures import Column, observe

POLICY: Final = "policies/shared_cluster_index"
EPISODES: Final = 700
SEED: Final = 24
DAY: Final = 86_400.0
DAYS: Final = 3.0
WORK: Final = 0.5
"""Seconds of the first shared resource that a job fills, over the mean duration of a task: by this, episodes last about DAYS."""
FEWEST: Final = 5
"""Jobs that are done in a window that is learned from."""


def scenario(number: int) -> Scenario:
    """Draw a site: its load, its mix and what goes wrong there."""
    rng = np.random.default_rng([SEED, number])
    agents, duration, load = (
        int(rng.choice([2, 3, 4, 6, 8])),
        float(np.exp(rng.uniform(*np.log([400, 3000])))),
        rng.uniform(0.3, 1.6),
    )
    workload = SyntheticWorkload(
        agents=agents,
        jobs=int(np.clip(DAYS * DAY * load / (WORK * duration), 8 * agents, 3000)),
        duration_mean=duration,
        tasks_max=int(rng.integers(1, 9)),
        duration_sigma=float(rng.uniform(0.3, 1.0)),
        small_max=float(rng.uniform(0.1, 0.4)),
        big_fraction=float(rng.choice([0.0, rng.uniform(0.0, 0.3)])),
        load_min=float(load),
        load_max=float(load),
        arrivals=str(rng.choice(["poisson", "diurnal"])),
        eligible=str(rng.choice(["owner", "all"])),
        speed_sigma=float(rng.uniform(0.0, 0.4)),
    )
    unsure = Uncertainty(
        duration_sigma=float(rng.uniform(0.0, 0.6)),
        failure_probability=float(rng.choice([0.0, rng.uniform(0.0, 0.15)])),
        max_failures=20,
    )
    return Scenario(workload, uncertainty=unsure, candidates=16)


def main() -> None:
    """Play, fit, and write."""
    prioritizer, negotiator = load_prioritizer(POLICY), load_negotiator(POLICY)
    features, efficiency, episode = [], [], []
    for number in Progress(range(EPISODES), desc="windows", unit="episode"):
        drawn = scenario(number)
        instance = drawn.workload.instance(number)
        log = record(drawn, instance, number, prioritizer, negotiator)
        seen = observe(instance, log, DAY)
        found = features_of(instance, log, seen)
        for window in range(len(seen.backlog)):
            sums = seen.sums[seen.window == window].sum(axis=0)
            if sums[Column.SECONDS] > DAY / 2 and sums[Column.JOBS] >= FEWEST:
                features.append(found[window])
                efficiency.append(EFFICIENT(sums))
                episode.append(number)
    made = EfficiencyAnalyzer.fit(np.array(features), np.array(efficiency), np.array(episode), POLICY)
    write_text(Path(ROOT, "experiments", "reports", "windows", FILE), made.text())
    print(
        f"{made.windows} windows of {made.episodes} episodes: error {made.error:.2f} percentage points, {made.explained:.1%} explained"
    )


if __name__ == "__main__":
    main()
