"""What is refused because it would never end, or never fit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envs import World, default_scenario
from envs.scenario import Limits, Scenario, ScenarioError, Uncertainty
from envs.workloads.generators.synthetic import SyntheticWorkload


def shaky(up: float, kept: float = 0.0, max_time: float = float("inf")) -> Scenario:
    """The default scenario with breakdowns."""
    uncertainty = Uncertainty(mean_time_between_failures=up, kept_progress=kept)
    return replace(default_scenario(), uncertainty=uncertainty, limits=Limits(max_time=max_time))


@pytest.mark.parametrize("scenario", [shaky(1.0), shaky(1e-6, kept=1.0), shaky(1e-3, max_time=1e12)])
def test_endless(scenario: Scenario) -> None:
    """Protects from an episode whose longest task breaks off again and again: it is refused, with the least up-time."""
    with pytest.raises(ScenarioError, match=r"mean_time_between_failures is .*, must be >= "):
        World(scenario)


@pytest.mark.parametrize("scenario", [shaky(600.0), shaky(1.0, kept=1.0), shaky(1.0, kept=0.999), shaky(1.0, max_time=1e5)])
def test_shaky_but_finite(scenario: Scenario) -> None:
    """Protects scenarios that end, by their work or their time."""
    World(scenario)


def test_too_large() -> None:
    """Protects memory: worlds that cannot fit are refused before anything is allocated."""
    instance = SyntheticWorkload(agents=1000, jobs=5000).instance(0)
    with pytest.raises(ScenarioError, match="do not fit into memory"):
        World(default_scenario(), 65_536, instances=[instance])
