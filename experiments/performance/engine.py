"""Whether episodes by the decision engine, which sees nothing but the JSON of each instant, cost what the world's own episodes cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
import torch
from omegaconf import DictConfig
from tqdm import tqdm

from agents.evaluation.play import Episodes, draw_episodes, play
from agents.operation.deciding.decision import DecisionEngine
from agents.operation.deciding.episodes import drive
from envs.scenario import Scenario
from envs.workloads.generators.synthetic import SyntheticWorkload
from envs.workloads.readers.swf import SwfWorkload
from experiments.plumbing import cli
from experiments.reports.outcome import Outcome, Sheet
from experiments.suites import public_data
from experiments.suites.public_data import Group

SEED: Final = 7
DEFAULT: Final = "default scenario"
WINDOWS: Final = "windows of "
WORKFLOWS: Final = "recorded workflows"
MOST_TASKS: Final = 200
"""Of a recorded workflow: every instant tells all of it."""
JOBS: Final = 40
"""Of the default scenario."""
WINDOW_JOBS: Final = 128
"""Of a log."""
MOST_EPISODES: Final = 1000


class Family(NamedTuple):
    """Episodes that one policy plays."""

    name: str
    policy: str
    scenario: Scenario
    episodes: Episodes


def benchmark(config: DictConfig) -> Outcome:
    """Play ``config.episodes`` episodes of every family by the engine, and by its policy in the world.

    Raises:
        UsageError: for settings out of bounds, or without public data.
    """
    most = cli.integer(config, "episodes", 1, MOST_EPISODES)
    torch.set_num_threads(1)
    families = list(_families(config, most))
    rows, found = [], []
    with tqdm(total=sum(len(each.episodes.seeds) for each in families), unit="episode", disable=None) as bar:
        for name, policy, scenario, episodes in families:
            engine = DecisionEngine.load(policy)
            world = play(scenario, episodes, engine.deciders.prioritizer, engine.deciders.negotiator).objective
            driven = []
            for place, seed in zip(episodes.instance.tolist(), episodes.seeds.tolist(), strict=True):
                driven.append(drive(engine, scenario, episodes.instances[place], seed))
                bar.update()
            costs = np.array([each.cost for each in driven])
            equal, instants = int((costs == world).sum()), sum(each.instants for each in driven)
            fell = sum(each.fallbacks for each in driven)
            rows.append(
                [
                    name,
                    policy,
                    str(len(costs)),
                    f"{instants:,}",
                    repr(float(world.sum())),
                    repr(float(costs.sum())),
                    str(equal),
                    str(fell),
                ]
            )
            found.append(
                {
                    "family": name,
                    "policy": policy,
                    "world": world.tolist(),
                    "engine": costs.tolist(),
                    "equal": equal,
                    "instants": instants,
                    "fallbacks": fell,
                }
            )
    header = ["", "policy", "episodes", "decisions", "cost in the world", "by the engine", "equal", "fallbacks"]
    notes = [
        "At every instant the world becomes the JSON of a situation; the engine reads it and decides. Equal: episodes whose costs are the "
        f"same number, to the last bit. The default scenario has {JOBS} jobs here, a window {WINDOW_JOBS}, a workflow at most {MOST_TASKS} "
        "tasks: at every instant all of them are told.",
    ]
    return Outcome("Episodes by the engine", [Sheet("Costs", header, rows)], notes, {"families": found, "notes": notes})


def _families(config: DictConfig, most: int) -> Iterator[Family]:
    """The default scenario, and public logs and workflows."""
    scenario = cli.standard_scenario("default")
    assert isinstance(scenario.workload, SyntheticWorkload)
    scenario = replace(scenario, workload=replace(scenario.workload, jobs=JOBS))
    yield _family(DEFAULT, "policies/shared_cluster", scenario, draw_episodes(scenario, most, SEED))
    yield _family(DEFAULT, "wsrpt,urgency", scenario, draw_episodes(scenario, most, SEED))
    data = public_data.find(config.data)
    instances = [workload.instance(0) for group in public_data.workflows(data) for workload in group.workloads]
    small = [each for each in instances if each.num_tasks <= MOST_TASKS][:most]
    places = np.arange(len(small))
    flows = Episodes(small, places.astype(np.int32), places.astype(np.uint64))
    yield _family(WORKFLOWS, "policies/workflow", scenario, flows)
    for group in public_data.batch_queues(data):
        logs = [each for each in group.workloads if isinstance(each, SwfWorkload)]
        few = Group(group.name, [replace(each, jobs=WINDOW_JOBS) for each in logs[:most]]).episodes()
        yield _family(f"{WINDOWS}{group.name}", "policies/batch_queue", scenario, few)


def _family(name: str, policy: str, scenario: Scenario, episodes: Episodes) -> Family:
    """By the rules of play that the policy knows, where it is asked outside."""
    rules = DecisionEngine.load(policy).deciders.rules.scenario
    return Family(name, policy, replace(rules, workload=scenario.workload), episodes)
