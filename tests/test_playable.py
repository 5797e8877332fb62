"""What is refused because it would never end, or never fit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from envs import World, default_scenario
from envs.engine.allocate import state_arrays
from envs.scenario import Limits, Scenario, ScenarioError, Uncertainty
from envs.workloads.generators.lublin import LublinWorkload
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


@pytest.mark.parametrize(
    "scenario", [shaky(600.0), shaky(1.0, kept=1.0), shaky(1.0, kept=0.999), shaky(1.0, max_time=1e5)]
)
def test_shaky_but_finite(scenario: Scenario) -> None:
    """Protects scenarios that end, by their work or their time."""
    World(scenario)


def test_too_large() -> None:
    """Protects memory: worlds that cannot fit are refused before anything is allocated."""
    instance = SyntheticWorkload(agents=1000, jobs=5000).instance(0)
    with pytest.raises(ScenarioError, match="do not fit into memory"):
        World(default_scenario(), 65_536, instances=[instance])


def test_too_many_beliefs() -> None:
    """Protects memory from what is small in itself: what each of many agents believes of each of many kinds is counted, and named."""
    instance = LublinWorkload(jobs=10, owners=3000, users=3000).instance(0)
    with pytest.raises(ScenarioError) as caught:
        World(replace(default_scenario(), candidates=1), 64, instances=[instance])
    message = str(caught.value)
    assert message.startswith(
        "64 worlds of 3000 agents with 1 candidates, 3000 kinds and 10 tasks do not fit into memory: they take "
    )
    assert "GiB" in message
    assert "of it for beliefs, must be at most 8; choose fewer" in message


def test_what_is_counted_is_what_is_taken() -> None:
    """Protects the count: it is the bytes of the arrays that a World makes, with and without a log of events."""
    scenario = replace(default_scenario(), allow_pass=True, uncertainty=Uncertainty(failure_probability=0.1))
    for record in (False, True):
        world = World(scenario, 3, record=record)
        arrays = state_arrays(scenario, world.instances, 3, record)
        taken = {name: array.nbytes for name, array in world._state._asdict().items()}  # noqa: SLF001
        assert taken == {name: math.prod(shape) * np.dtype(dtype).itemsize for name, (shape, dtype) in arrays.items()}
