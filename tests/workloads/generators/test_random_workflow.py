"""Random workflows: their graphs, what differs and what is alike, and parameters that cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from envs.workloads.generators.random_workflow import RandomWorkflow, draw_speeds
from envs.workloads.instance import Workload, WorkloadError


def test_equal_seeds_give_equal_instances() -> None:
    """Groups of rollouts re-simulate instances from their seeds."""
    workload = RandomWorkflow()
    assert isinstance(workload, Workload)
    first, again, other = workload.instance(1), workload.instance(1), workload.instance(2)
    assert np.array_equal(first.successor, again.successor)
    assert np.array_equal(first.option_nominal, again.option_nominal)
    assert not np.array_equal(first.option_nominal, other.option_nominal)


def test_stages() -> None:
    """Protects the graphs: every task but those of the first stage waits for one of the stage before, and sizes are mixed."""
    sizes, agents = set(), set()
    for seed in range(60):
        i = RandomWorkflow(3, 6, 10, 2, 4).instance(seed)
        sizes.add(i.num_tasks)
        agents.add(i.num_agents)
        source = np.repeat(np.arange(i.num_tasks), np.diff(i.successor_first))
        assert (i.task_kind[source] < i.task_kind[i.successor]).all()
        assert 3 <= i.num_kinds <= 6
        for kind in range(1, i.num_kinds):
            direct = i.task_kind[source] == kind - 1
            waiting = i.successor[direct & (i.task_kind[i.successor] == kind)]
            assert set(waiting) == set(np.flatnonzero(i.task_kind == kind))
            assert set(source[direct]) == set(np.flatnonzero(i.task_kind == kind - 1))
    assert len(sizes) > 15
    assert agents == {2, 3, 4}


def test_durations_and_speeds() -> None:
    """Protects heterogeneity: tasks of a kind are alike, and the ratio of two agents' durations is that of their speeds at the kind."""
    i = RandomWorkflow(task_sigma=0.0, agents_min=3, agents_max=3, stages_min=8).instance(3)
    nominal = i.option_nominal.reshape(-1, 3)
    assert (i.speed == 1).all()
    ratios = {tuple(np.round(nominal[t] / nominal[t, 0], 9)) for t in range(i.num_tasks)}
    assert len({(int(i.task_kind[t]), *nominal[t]) for t in range(i.num_tasks)}) == i.num_kinds == len(ratios)
    speeds = draw_speeds(np.random.default_rng(0), 200, 5, 1.0)
    assert speeds.shape == (200, 5)
    assert 0.5 <= speeds.min() < 0.55
    assert 1.9 < speeds.max() <= 2.0
    assert np.log(speeds).mean() == pytest.approx(0, abs=0.05)
    same = RandomWorkflow(task_sigma=0.0, speed_spread=0.0, kind_spread=0.0).instance(3)
    assert (np.ptp(same.option_nominal.reshape(-1, same.num_agents), axis=1) < 1e-9).all()


def test_realised_durations() -> None:
    """Protects uncertainty: none by default, another for each workflow on request, and all else stays as it is."""
    plain, unsure = ([RandomWorkflow(ratio_sigma=sigma).instance(seed) for seed in range(200)] for sigma in (0.0, 0.6))
    assert all((i.task_ratio == 1).all() for i in plain)
    assert all(
        np.array_equal(a.option_nominal, b.option_nominal) and np.array_equal(a.successor, b.successor)
        for a, b in zip(plain, unsure, strict=True)
    )
    spread = np.array([np.log(i.task_ratio).std() for i in unsure if i.num_tasks > 20])
    assert 0.0 < spread.min() < 0.1
    assert 0.5 < spread.max() < 0.8
    assert spread.mean() == pytest.approx(0.3, abs=0.05)
    assert np.concatenate([i.task_ratio for i in unsure]).mean() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stages_min": 0}, "RandomWorkflow.stages_min is 0, must be an integer >= 1"),
        ({"stages_max": 2}, "RandomWorkflow.stages_max is 2, must be an integer >= stages_min, 3"),
        ({"agents_min": 1}, "RandomWorkflow.agents_min is 1, must be an integer >= 2"),
        ({"agents_max": 10**6}, "RandomWorkflow.agents_max is 1000000, must be at most"),
        ({"width_max": 1}, "RandomWorkflow.width_max is 1, must be an integer >= 2"),
        ({"width_max": 10**5}, "RandomWorkflow.width_max is 100000, must be smaller"),
        ({"duration_mean": 0.0}, "RandomWorkflow.duration_mean is 0.0, must be in"),
        ({"task_sigma": 4.0}, "RandomWorkflow.task_sigma is 4.0, must be in"),
        ({"kind_spread": -1.0}, "RandomWorkflow.kind_spread is -1.0, must be in"),
        ({"ratio_sigma": 4.0}, "RandomWorkflow.ratio_sigma is 4.0, must be in"),
    ],
)
def test_wrong_parameters(changes: dict[str, Any], message: str) -> None:
    """Protects users: the parameter, its value and its bound are named."""
    with pytest.raises(WorkloadError) as error:
        RandomWorkflow(**changes)
    assert message in str(error.value)
