"""Episodes by the engine, through JSON at every instant, cost what the world's cost: to the last digit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.evaluation.play import Episodes, play
from agents.operation.deciding.decision import DecisionEngine
from agents.operation.deciding.episodes import drive
from envs.workloads.generators.lublin import LublinWorkload
from envs.workloads.generators.random_workflow import RandomWorkflow
from envs.workloads.generators.synthetic import SyntheticWorkload
from envs.workloads.instance import Workload


@pytest.mark.parametrize(
    ("name", "workload"),
    [
        ("policies/shared_cluster", SyntheticWorkload(jobs=20)),
        ("policies/batch_queue", LublinWorkload(jobs=60)),
        ("policies/workflow", RandomWorkflow(width_max=16, stages_max=8)),
        ("wsrpt,urgency", SyntheticWorkload(jobs=20)),
    ],
)
def test_engines_cost_what_the_world_costs(name: str, workload: Workload) -> None:
    """Protects every score of the simulator as a promise about what the engine does outside."""
    engine = DecisionEngine.load(name)
    scenario = replace(engine.deciders.rules.scenario, workload=workload)
    instance = workload.instance(0)
    episodes = Episodes([instance], np.zeros(1, np.int32), np.array([7], np.uint64))
    expected = play(scenario, episodes, engine.deciders.prioritizer, engine.deciders.negotiator).objective[0]
    driven = drive(engine, scenario, instance, 7)
    assert driven.cost == expected
    assert driven.fallbacks == 0
    assert driven.instants > 3
