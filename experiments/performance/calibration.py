"""Whether plans are calibrated: how many of the realised ends of simulated episodes lie between p10 and p90 of plans made on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
import torch
from omegaconf import DictConfig
from tqdm import tqdm

from agents.evaluation.play import draw_episodes, record
from agents.operation.planning.planning import TaskPlanner
from agents.operation.site.moments import situation_at
from envs.events import EventKind, EventLog
from envs.workloads.generators.random_stochastic_job_shop import RandomStochasticJobShop
from envs.workloads.generators.random_workflow import RandomWorkflow
from envs.workloads.generators.synthetic import SyntheticWorkload
from envs.workloads.instance import Workload
from experiments.plumbing import cli
from experiments.reports.outcome import Outcome, Sheet

FAMILIES: Final[dict[str, tuple[str, Workload]]] = {
    "shared cluster": ("policies/shared_cluster", SyntheticWorkload(jobs=40)),
    "stochastic job shop": (
        "policies/stochastic_job_shop",
        RandomStochasticJobShop(jobs_min=8, jobs_max=8, machines_min=6, machines_max=6),
    ),
    "workflow": ("policies/workflow", RandomWorkflow()),
}
MOMENTS: Final = (0.2, 0.5, 0.8)
"""Of an episode's starts, after which plans are made."""
FUTURES: Final = 48
MOST_EPISODES: Final = 1000
SEED: Final = 7


def benchmark(config: DictConfig) -> Outcome:
    """Plan on the way through ``config.episodes`` episodes of every family.

    Raises:
        UsageError: for settings out of bounds.
    """
    episodes = cli.integer(config, "episodes", 1, MOST_EPISODES)
    torch.set_num_threads(1)
    rows, found = [], []
    with tqdm(total=len(FAMILIES) * episodes, unit="episode", disable=None) as bar:
        for name, (policy, workload) in FAMILIES.items():
            places = np.concatenate([_places(policy, workload, k, bar) for k in range(episodes)])
            inside, below = float((places == 0).mean()), float((places < 0).mean())
            rows.append(
                [name, f"{len(places):,}", f"{inside:.1%}", f"{below:.1%}", f"{float((places > 0).mean()):.1%}"]
            )
            found.append({"family": name, "ends": len(places), "inside": inside, "before_p10": below})
    header = ["", "ends", "in p10 to p90", "before p10", "after p90"]
    notes = [
        f"{episodes} episodes of each family, with plans of {FUTURES} futures after {', '.join(f'{share:.0%}' for share in MOMENTS)} "
        "of their starts; jobs that come later are announced. Of well calibrated plans, 80% of the ends lie inside.",
    ]
    return Outcome(
        "Calibration of plans", [Sheet("Ends of tasks", header, rows)], notes, {"families": found, "notes": notes}
    )


def _places(policy: str, workload: Workload, number: int, bar: Any) -> np.ndarray[Any, np.dtype[np.int8]]:
    """Of every end that was still to come: -1 before p10, 0 inside, 1 after p90."""
    planner = TaskPlanner(policy, ())
    by = planner.deciders[policy]
    scenario = replace(by.rules.scenario, workload=workload)
    episode = draw_episodes(scenario, number + 1, SEED)
    instance, seed = episode.instances[episode.instance[number]], int(episode.seeds[number])
    log = record(scenario, instance, seed, by.prioritizer, by.negotiator)
    ends = dict(zip(*_ends(log), strict=True))
    starts = np.flatnonzero(log.kind == EventKind.TASK_START)
    places = []
    for share in MOMENTS:
        now = float(log.time[starts[int(share * len(starts))]])
        told = int(np.searchsorted(log.time, now, side="right"))
        plan = planner.plan_task_execution(
            situation_at(instance, scenario, log, told, now), futures=FUTURES, seconds=60.0, seed=number
        )
        for each in plan.tasks:
            end = ends[int(each.task.split("-")[1])]
            places.append(-1 if end < each.end.p10 else int(end > each.end.p90))
    bar.update()
    return np.array(places, np.int8)


def _ends(log: EventLog) -> tuple[list[int], list[float]]:
    done = log.kind == EventKind.TASK_END
    return log.task[done].tolist(), log.time[done].tolist()
