"""The scenario that is played where none is named; ``conf/scenario/default.yaml`` says the same, and a test compares them."""

from __future__ import annotations

from envs.scenario import Objective, Scenario, Uncertainty
from envs.workloads.generators.synthetic import SyntheticWorkload


def default_scenario() -> Scenario:
    """Agents with streams of jobs of their own contest shared resources: weighted flow time under uncertain durations."""
    return Scenario(
        SyntheticWorkload(), objective=Objective(flow=1.0), uncertainty=Uncertainty(duration_sigma=0.4), candidates=16
    )
