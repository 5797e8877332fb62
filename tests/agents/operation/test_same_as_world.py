"""A decision outside the simulator is the simulator's: episode by episode, given nothing but the JSON of each moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from agents.evaluation.play import record
from agents.operation.deciding.decision import DecisionEngine
from agents.operation.site.moments import situation_at
from agents.operation.site.situation import Situation
from envs.events import EventKind, EventLog
from envs.scenario import Uncertainty
from envs.workloads.generators.lublin import LublinWorkload
from envs.workloads.generators.random_flexible_job_shop import RandomFlexibleJobShop
from envs.workloads.generators.random_job_shop import RandomJobShop
from envs.workloads.generators.random_project import RandomProject
from envs.workloads.generators.random_stochastic_job_shop import RandomStochasticJobShop
from envs.workloads.generators.random_workflow import RandomWorkflow
from envs.workloads.generators.synthetic import SyntheticWorkload
from envs.workloads.instance import Workload

DECIDED = (EventKind.TASK_START, EventKind.RESERVATION, EventKind.RESOURCE_REQUEST)
IN_AN_INSTANT = (*DECIDED, EventKind.ALLOCATION_UPDATE)
"""What happens by decision; everything else belongs to the clock."""

CLUSTER = SyntheticWorkload(jobs=25)
FAMILIES: dict[str, tuple[str, Workload, int]] = {
    "cluster": ("policies/shared_cluster", CLUSTER, 3),
    "cluster by an index": ("policies/shared_cluster_index", CLUSTER, 2),
    "cluster by rules that reserve": ("wsrpt+r,drf", replace(CLUSTER, eligible="all"), 2),
    "job shop": ("policies/job_shop", RandomJobShop(jobs_min=6, jobs_max=8, machines_min=5, machines_max=5), 2),
    "stochastic job shop": (
        "policies/stochastic_job_shop",
        RandomStochasticJobShop(jobs_min=6, jobs_max=6, machines_min=6, machines_max=6),
        2,
    ),
    "project": ("policies/project", RandomProject(activities_min=20, activities_max=30), 3),
    "flexible job shop": (
        "policies/flexible_job_shop",
        RandomFlexibleJobShop(jobs_min=6, jobs_max=6, machines_min=5, machines_max=5),
        2,
    ),
    "workflow": ("policies/workflow", RandomWorkflow(width_max=16, stages_max=8), 4),
    "batch queue": ("policies/batch_queue", LublinWorkload(jobs=60), 2),
    "cluster that fails, by a rule that never reserves": ("wsrpt,urgency", CLUSTER, 2),
}
FAILS = Uncertainty(
    duration_sigma=0.4,
    failure_probability=0.15,
    retry_delay=500.0,
    max_failures=50,
    mean_time_between_failures=4000.0,
    mean_time_to_repair=600.0,
    kept_progress=0.7,
)


def instants(log: EventLog) -> Iterator[tuple[int, int]]:
    """First and last, exclusive, of the events that each instant's decisions are."""
    inside = np.isin(log.kind, IN_AN_INSTANT).astype(np.int8)
    edges = np.flatnonzero(np.diff(inside, prepend=0, append=0))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_decision_is_that_of_the_world(family: str) -> None:
    """Protects the claim that what decides outside is what was scored inside: starts, reservations and bids, in their order."""
    name, workload, episodes = FAMILIES[family]
    engine = DecisionEngine.load(name)
    if "fails" in family:
        rules = engine.deciders.rules
        engine.deciders.rules = replace(rules, scenario=replace(rules.scenario, uncertainty=FAILS))
    scenario = replace(engine.deciders.rules.scenario, workload=workload)
    compared, seen = 0, {"delayed": 0, "kept": 0}
    for seed in range(episodes):
        instance = workload.instance(seed)
        if scenario.objective.slowdown:  # its rate is of what jobs really take, which no user knows
            instance = replace(instance, task_ratio=np.ones(instance.num_tasks))
        log = record(scenario, instance, seed, engine.deciders.prioritizer, engine.deciders.negotiator)
        for first, last in instants(log):
            told = situation_at(instance, scenario, log, first, float(log.time[first]))
            situation = Situation.read(told.write())
            assert situation == told
            site = engine.take_in(situation)
            outcome, _, reason = engine.choose(site)
            assert reason is None, reason
            rows = zip(
                log.kind[first:last].tolist(),
                log.agent[first:last].tolist(),
                log.task[first:last].tolist(),
                strict=True,
            )
            expected = [row for row in rows if row[0] in DECIDED]
            assert outcome.sequence == expected, f"episode {seed}, event {first}"
            compared += 1
            tasks = [task for job in situation.jobs for task in job.tasks]
            seen["delayed"] += any((task.earliest or 0.0) > situation.time for task in tasks)
            seen["kept"] += any(task.progress > 0 and task.state != "done" for task in tasks)
    assert compared > 20
    assert "fails" not in family or min(seen.values()) > 5
