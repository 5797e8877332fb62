"""Random projects in the manner of ProGen: networks, needs and capacities as their parameters say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from envs.workloads.generators.random_project import Network, RandomProject
from envs.workloads.graph import topological_order
from envs.workloads.instance import Instance, Workload, WorkloadError
from envs.workloads.readers.psplib import ProjectWorkload


def project(seed: int = 0, **parameters: Any) -> Instance:
    """One project of 30 activities, or as told."""
    return RandomProject(**({"activities_min": 30, "activities_max": 30} | parameters)).instance(seed)


def direct(i: Instance) -> np.ndarray:
    """[T, T] who directly precedes whom."""
    edges = np.zeros((i.num_tasks, i.num_tasks), bool)
    edges[np.repeat(np.arange(i.num_tasks), np.diff(i.successor_first)), i.successor] = True
    return edges


def complexity(i: Instance) -> float:
    """Edges over activities, with those of the two dummies."""
    edges = direct(i)
    return float(edges.sum() + (~edges.any(axis=0)).sum() + (~edges.any(axis=1)).sum()) / (i.num_tasks + 2)


def test_equal_seeds_give_equal_instances() -> None:
    """Groups of rollouts re-simulate instances from their seeds."""
    assert isinstance(RandomProject(), Workload)
    first, again, other = project(1), project(1), project(2)
    for field in ("successor", "option_nominal", "task_demand", "local_capacity"):
        assert np.array_equal(getattr(first, field), getattr(again, field))
    assert not np.array_equal(first.task_demand, other.task_demand)


def test_it_maps_like_a_file() -> None:
    """Policies trained here are scored on published files: both must be the same world, in sizes from their range."""
    instances = [RandomProject(2, 5).instance(seed) for seed in range(60)]
    assert {i.num_tasks for i in instances} == {2, 3, 4, 5}
    i = instances[0]
    assert (i.num_agents, i.num_jobs, i.resources, i.shared.any()) == (1, 1, ("R1", "R2", "R3", "R4"), False)
    assert i.task_names is not None
    assert i.task_names[0] == "1"
    assert np.isinf(i.job_due).all()


@pytest.mark.parametrize("wanted", [1.5, 1.8])
def test_network_complexity(wanted: float, data_dir: Path) -> None:
    """Protects the likeness to PSPLIB: as many edges per activity as asked for, none that follows from others, at most three each way."""
    for seed in range(5):
        i = project(seed, complexities=(wanted,))
        assert complexity(i) == pytest.approx(wanted, abs=0.5 / 32 + 1e-9)
        edges = direct(i)
        assert max(edges.sum(axis=0).max(), edges.sum(axis=1).max()) <= 3
        behind = np.linalg.inv(np.eye(30) - edges) > 0.5  # ways from one to another, of any length
        assert not (edges & ((edges.astype(int) @ (behind & ~np.eye(30, dtype=bool))) > 0)).any()
        assert (~edges.any(axis=0)).sum() == 3
    real = [
        complexity(ProjectWorkload(str(path)).instance(0))
        for path in (data_dir / "rcpsp" / "patterson" / "j30").glob("*.rcp")
    ]
    assert sorted({round(value, 1) for value in real}) == [1.5, 1.8, 2.1]


def test_network_by_hand() -> None:
    """Protects precedence: an edge is refused that follows from others, that makes another follow, or that is one too many."""
    network = Network(7)
    network.add(0, 2)
    network.add(2, 4)
    assert not network.takes(0, 4)  # follows by 2
    assert not network.takes(0, 2)
    network.add(1, 4)
    assert not network.takes(1, 2)  # 1 before 4 would follow
    assert network.takes(1, 3)
    network.add(0, 3)
    network.add(0, 5)
    assert not network.takes(0, 6)  # a fourth successor


@pytest.mark.parametrize(("factor", "each"), [(0.25, 1.0), (0.5, 2.0), (0.0, 1.0), (1.0, 4.0)])
def test_resource_factor(factor: float, each: float) -> None:
    """Protects demand: so many of the four resources per activity in the mean, never none, in amounts up to the largest."""
    demand = project(factors=(factor,)).task_demand
    assert (demand > 0).sum(axis=1).mean() == each
    assert (demand > 0).any(axis=1).all()
    assert demand.max() == 10


def use(i: Instance) -> np.ndarray:
    """[seconds, R] units in use if everything starts as early as precedence lets it."""
    start = np.zeros(i.num_tasks, int)
    for t in topological_order(i.successor_first, i.successor):
        for s in i.successor[i.successor_first[t] : i.successor_first[t + 1]]:
            start[s] = max(start[s], start[t] + int(i.option_nominal[t]))
    second = np.arange((start + i.option_nominal).max())[:, None]
    running = (start <= second) & (second < start + i.option_nominal)
    return running.astype(int) @ i.task_demand


def test_resource_strength() -> None:
    """Protects scarcity: 0 leaves room for the most demanding activity, 1 for all that precedence alone lets run at once."""
    for seed in range(3):
        least, half, most = (project(seed, strengths=(strength,)) for strength in (0.0, 0.5, 1.0))
        assert least.local_capacity[0].tolist() == least.task_demand.max(axis=0).tolist()
        assert most.local_capacity[0].tolist() == use(most).max(axis=0).tolist()
        assert half.local_capacity[0] == pytest.approx((least.local_capacity[0] + most.local_capacity[0]) / 2, abs=0.5)


def test_durations() -> None:
    """Durations are whole seconds, uniform, both bounds included."""
    duration = project(activities_min=300, activities_max=300).option_nominal
    assert np.array_equal(duration, np.rint(duration))
    assert (duration.min(), duration.max()) == (1, 10)
    assert duration.mean() == pytest.approx(5.5, abs=0.5)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"activities_min": 0}, "RandomProject.activities_min is 0, must be an integer in 1..2000"),
        ({"activities_max": 29}, "activities_max is 29, must be an integer in activities_min, 30..2000"),
        ({"resources": 0}, "resources is 0, must be an integer in 1..5000"),
        ({"complexities": ()}, "complexities is (), must be one or more numbers in 0..3"),
        ({"factors": (0.5, 1.5)}, "factors is (0.5, 1.5), must be one or more numbers in 0..1"),
        ({"strengths": (-0.1,)}, "strengths is (-0.1,), must be one or more numbers in 0..1"),
        ({"duration_max": 0}, "duration_max is 0, must be an integer in 1.."),
        ({"demand_max": 0}, "demand_max is 0, must be an integer in 1.."),
    ],
)
def test_broken_parameters_are_named(broken: dict[str, Any], message: str) -> None:
    """A typo in a configuration must be answered with the parameter, its value and its bound."""
    with pytest.raises(WorkloadError) as caught:
        RandomProject(**broken)
    assert message in str(caught.value)
