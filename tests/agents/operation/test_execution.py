"""Executions in simulated time: they go as episodes of a World do, and end in a clear state whatever goes wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.evaluation.play import record
from agents.operation.decision import DecisionEngine
from agents.operation.execution import Execution, ExecutionManager
from agents.operation.messages import Publisher, StatusUpdate
from agents.operation.moments import situation_of
from agents.operation.simulated import SimulatedExecutor
from agents.operation.situation import Situation
from agents.operation.subscribers import Memory
from envs import Uncertainty
from envs.events import EventKind
from envs.workloads.generators.random_flexible_job_shop import RandomFlexibleJobShop
from envs.workloads.generators.synthetic import SyntheticWorkload
from envs.workloads.instance import Workload

LUCK = Uncertainty(0.3, 0.15, 0.0, 1000, 900.0, 120.0)
"""Noise, failures, breakdowns; no progress is kept, and nothing is given up."""


def simulated(
    situation: Situation, policy: str = "wsrpt,urgency", luck: Uncertainty | None = None, **how: int
) -> tuple[Execution, Memory]:
    """Run it; what came of it, and what was said."""
    memory, publisher = Memory(), Publisher()
    publisher.subscribe(memory)
    executor = SimulatedExecutor(situation, luck, seed=3)
    manager = ExecutionManager(DecisionEngine.load(policy), executor, publisher=publisher, **how)  # type: ignore[arg-type]
    return manager.run(situation), memory


@pytest.mark.parametrize(
    ("policy", "workload"),
    [
        ("wsrpt,urgency", SyntheticWorkload(jobs=12, eligible="all")),
        ("policies/shared_cluster", SyntheticWorkload(jobs=12)),
        ("policies/flexible_job_shop", RandomFlexibleJobShop(jobs_min=5, jobs_max=5, machines_min=4, machines_max=4)),
    ],
)
def test_an_execution_goes_as_an_episode_does(policy: str, workload: Workload) -> None:
    """Protects comparisons in simulation: same starts, by whom and when, as in a World with the same luck."""
    engine = DecisionEngine.load(policy)
    scenario = replace(engine.deciders.rules.scenario, workload=workload, uncertainty=LUCK)
    instance = workload.instance(5)
    instance = replace(instance, task_ratio=np.ones(instance.num_tasks))
    log = record(scenario, instance, 3, engine.deciders.prioritizer, engine.deciders.negotiator)
    begun = log.kind == EventKind.TASK_START
    expected = list(zip(log.time[begun].tolist(), log.agent[begun].tolist(), log.task[begun].tolist(), strict=True))
    engine.deciders.rules = replace(
        engine.deciders.rules, scenario=replace(scenario, workload=engine.deciders.rules.scenario.workload)
    )
    situation = situation_of(instance, scenario)
    memory, publisher = Memory(), Publisher()
    publisher.subscribe(memory, {"status_update"})
    slower = {
        (f"agent-{a}", f"kind-{kind}"): 1 / speed
        for a, row in enumerate(instance.speed.tolist())
        for kind, speed in enumerate(row)
    }
    executor = SimulatedExecutor(situation, LUCK, seed=3, factors=slower)
    done = ExecutionManager(engine, executor, publisher=publisher, retries=1000).run(situation)
    assert done.ok
    places = {agent.name: a for a, agent in enumerate(situation.agents)}
    numbers = {(each.job, each.task): t for t, each in enumerate(done.tasks)}
    found = [
        (m.time, places[m.agent], numbers[m.job, m.task])
        for m in memory.messages
        if isinstance(m, StatusUpdate) and m.state == "started" and m.agent and m.job and m.task
    ]
    assert [row[1:] for row in found] == [row[1:] for row in expected]
    assert [row[0] for row in found] == pytest.approx([row[0] for row in expected], rel=1e-12)
    assert (log.kind == EventKind.TASK_FAILED).any()
    assert (log.kind == EventKind.AGENT_DOWN).any()
