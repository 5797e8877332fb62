"""Learned prioritizers on classical job shops that they never saw, beside rules that start whatever can start."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig
from tqdm import tqdm

from experiments import cli, public_data
from experiments.outcome import Outcome, Sheet
from experiments.runs import LEARNED, Players, policies

RULES: Final = ("spt", "mwkr", "fdd_mwkr")
STANDARD: Final = "fdd_mwkr"
"""The strongest of them."""
NEGOTIATOR: Final = "fcfs"
"""Asked where machines contest something: never."""
GOAL: Final = 2 / 3
"""Of the gap that the standard leaves; this much is to remain at most."""

Gaps = dict[str, NDArray[np.float64]]


def measure(config: DictConfig) -> Outcome:
    """Let rules and the prioritizers of ``config.runs`` play the job shops in ``config.data`` and check every schedule.

    Raises:
        UsageError, ArtifactError, WorkloadError: where a run or a file is absent or damaged.
        InvalidEpisode: where a schedule breaks the rules of the scenario.
    """
    groups, folders = public_data.job_shops(public_data.find(config.data)), policies(config)
    players = Players.of(folders, negotiators=False)
    most = max(workload.instance(0).num_jobs for group in groups for workload in group.workloads)
    scenario = replace(cli.standard_scenario("job_shop"), candidates=most)
    families: dict[str, Gaps] = {}
    for group in tqdm(groups, desc="job_shop", disable=None):
        at_home, episodes = replace(scenario, workload=group.workloads[0]), group.episodes()
        spans = {name: players.play(at_home, episodes, name, NEGOTIATOR).column("makespan") for name in (*RULES, LEARNED)}
        assert group.best is not None
        families[group.name] = {name: 100.0 * (span / group.best - 1.0) for name, span in spans.items()}
    families["all"] = {name: np.concatenate([gaps[name] for gaps in families.values()], axis=1) for name in (*RULES, LEARNED)}
    checked = sum(gaps.size for gaps in families["all"].values())
    ratio = _ratio(families["all"])
    notes = [
        f"{checked} schedules, every one checked against the rules of the scenario: no violation.",
        f"Means over instances. {LEARNED}: the likeliest action, one schedule per instance; mean [least, largest] of {len(folders)} runs. "
        "Rules start whatever can start; who learns may also reserve.",
        f"{LEARNED} / {STANDARD}, over all: {ratio:.2f}; the goal, at most {GOAL:.2f}, is {'met' if ratio <= GOAL else 'NOT met'}.",
    ]
    sheet = Sheet(
        "Job shops: mean % above best known",
        ["", "instances", *RULES, LEARNED, f"{LEARNED} / {STANDARD}"],
        [_row(name, gaps) for name, gaps in families.items()],
    )
    numbers = {"runs": len(folders), "families": {name: _numbers(gaps) for name, gaps in families.items()}, "goal": GOAL}
    return Outcome("Learned prioritizers on classical job shops", [sheet], notes, numbers | {"schedules_checked": checked})


def _ratio(gaps: Gaps) -> float:
    return float(gaps[LEARNED].mean() / gaps[STANDARD].mean())


def _row(name: str, gaps: Gaps) -> list[str]:
    runs = gaps[LEARNED].mean(axis=1)
    learned = f"{runs.mean():.1f} [{runs.min():.1f}, {runs.max():.1f}]"
    return [name, str(gaps[LEARNED].shape[1]), *(f"{gaps[rule].mean():.1f}" for rule in RULES), learned, f"{_ratio(gaps):.2f}"]


def _numbers(gaps: Gaps) -> dict[str, Any]:
    means = {name: gap.mean(axis=1).tolist() for name, gap in gaps.items()}
    return {"instances": gaps[LEARNED].shape[1], "mean_gaps_by_run": means, "ratio": _ratio(gaps)}
