"""An episode in which agents contend for shared units, reserve and are late, with names that mean harm."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from agents.evaluation.play import record
from agents.policies import load_negotiator, load_prioritizer
from envs.events import EventLog
from envs.scenario import Scenario, Uncertainty
from envs.workloads.generators.synthetic import SyntheticWorkload
from envs.workloads.instance import Instance

HOSTILE = (
    "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">'\"&" + "long" * 200
)


@lru_cache
def contended() -> tuple[Instance, EventLog]:
    """Return the episode: every task has the same hostile name, and so has a shared resource."""
    workload = SyntheticWorkload(jobs=30)
    drawn = workload.instance(3)
    shared = [
        str(name) if not is_shared else f"{name}{HOSTILE}"
        for name, is_shared in zip(drawn.resources, drawn.shared, strict=True)
    ]
    names = [f"{HOSTILE}{task}" for task in range(drawn.num_tasks)]
    instance = replace(drawn, resources=tuple(shared), task_names=names, job_names=[HOSTILE] * drawn.num_jobs)
    scenario = Scenario(workload, uncertainty=Uncertainty(duration_sigma=0.5, failure_probability=0.1))
    return instance, record(scenario, instance, 7, load_prioritizer("wsrpt+r"), load_negotiator("urgency"))
