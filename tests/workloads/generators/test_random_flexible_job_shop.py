"""Random flexible job shops in the manner of Brandimarte and of Hurink."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from envs.workloads.generators.random_flexible_job_shop import STYLES, RandomFlexibleJobShop
from envs.workloads.instance import Instance, Workload, WorkloadError

FIFTY = (50, 50, 10, 10, 99)


def only(style: str, *bounds: int) -> RandomFlexibleJobShop:
    """The generator of one style."""
    return RandomFlexibleJobShop(*bounds, style_chances=tuple(float(style == other) for other in STYLES))


def options(instance: Instance) -> np.ndarray:
    """[T] on how many machines an operation may run."""
    return np.diff(instance.option_first)


def test_equal_seeds_give_equal_instances() -> None:
    """Groups of rollouts re-simulate instances from their seeds."""
    workload = RandomFlexibleJobShop()
    assert isinstance(workload, Workload)
    first, again, other = workload.instance(1), workload.instance(1), workload.instance(2)
    assert np.array_equal(first.option_agent, again.option_agent)
    assert np.array_equal(first.option_nominal, again.option_nominal)
    assert not np.array_equal(first.option_nominal, other.option_nominal)


def test_styles_and_sizes_are_mixed() -> None:
    """One policy must meet all collections and sizes that it is asked to learn."""
    instances = [RandomFlexibleJobShop(3, 5, 2, 3).instance(seed) for seed in range(100)]
    assert {i.name.split("-")[3] for i in instances} == set(STYLES)
    assert {(i.num_jobs, i.num_agents) for i in instances} == {(j, m) for j in (3, 4, 5) for m in (2, 3)}


@pytest.mark.parametrize(("style", "mean", "most"), [("edata", 1.15, 2), ("rdata", 2.0, 3), ("vdata", 5.0, 9)])
def test_hurinks_alternatives(style: str, mean: float, most: int) -> None:
    """Protects the likeness to Hurink's sets: mean and largest numbers of machines per operation, which are equally fast."""
    instance = only(style, *FIFTY).instance(0)
    assert options(instance).mean() == pytest.approx(mean, rel=0.1)
    assert (options(instance).min(), options(instance).max()) == (1, most)
    assert instance.num_tasks == 500
    by_task = np.split(instance.option_nominal, instance.option_first[1:-1])
    assert all(len(set(durations.tolist())) == 1 for durations in by_task)
    assert (instance.option_nominal.min(), instance.option_nominal.max()) == (1, 99)


def test_brandimartes_alternatives() -> None:
    """Protects the likeness to Brandimarte's set: jobs of several lengths, up to six machines, each with a duration of its own."""
    instances = [only("brandimarte", *FIFTY).instance(seed) for seed in range(30)]
    assert {int(options(i).max()) for i in instances} == {2, 3, 4, 5, 6}
    assert {int(i.option_nominal.max()) for i in instances} == {10, 20, 30}
    lengths = {int(length) for i in instances for length in np.diff(i.job_first)}
    assert lengths == set(range(3, 16))
    by_task = np.split(instances[0].option_nominal, instances[0].option_first[1:-1])
    assert any(len(set(durations.tolist())) > 1 for durations in by_task)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"jobs_min": 0}, "RandomFlexibleJobShop.jobs_min is 0, must be an integer >= 1"),
        ({"machines_min": 1}, "machines_min is 1, must be an integer >= 2"),
        ({"machines_max": 4}, "machines_max is 4, must be an integer >= machines_min, 5"),
        ({"machines_max": 1_000_000}, "machines_max is 1000000, must be at most "),
        ({"jobs_max": 10_000_000}, "jobs_max is 10000000, must be at most 10000000 with machines_max multiplied"),
        ({"duration_max": 0}, "duration_max is 0, must be an integer >= 1"),
        ({"style_chances": (1.0,)}, "must be 4 numbers >= 0 with sum 1"),
        ({"style_chances": (0.5, 0.5, 0.5, -0.5)}, "must be 4 numbers >= 0 with sum 1"),
    ],
)
def test_broken_parameters_are_named(broken: dict[str, Any], message: str) -> None:
    """A typo in a configuration must be answered with the parameter, its value and its bound."""
    with pytest.raises(WorkloadError, match=message):
        RandomFlexibleJobShop(**broken)
