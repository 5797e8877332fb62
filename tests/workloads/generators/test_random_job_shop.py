"""Random job shops in the manner of Taillard."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from envs.workloads.generators.random_job_shop import RandomJobShop
from envs.workloads.instance import Workload, WorkloadError


def test_equal_seeds_give_equal_instances() -> None:
    """Self-labelling re-simulates instances from their seeds."""
    workload = RandomJobShop()
    assert isinstance(workload, Workload)
    first, again, other = workload.instance(1), workload.instance(1), workload.instance(2)
    assert np.array_equal(first.option_agent, again.option_agent)
    assert np.array_equal(first.option_nominal, again.option_nominal)
    assert not (first.num_tasks == other.num_tasks and np.array_equal(first.option_nominal, other.option_nominal))


def test_every_job_visits_every_machine_once_in_its_own_order() -> None:
    """The routes are permutations; drawn per job, or the shop would be a flow shop."""
    instance = RandomJobShop(15, 15, 10, 10).instance(0)
    route = instance.option_agent.reshape(15, 10)
    assert np.array_equal(np.sort(route, axis=1), np.tile(np.arange(10), (15, 1)))
    assert len({tuple(row) for row in route.tolist()}) == 15


def test_it_maps_like_a_job_shop_file() -> None:
    """Policies trained here are scored on published files: both must be the same world."""
    instance = RandomJobShop(3, 3, 2, 2).instance(0)
    assert instance.resources == ("machine",)
    assert not instance.shared.any()
    assert instance.local_capacity.tolist() == [[1], [1]]
    assert instance.task_demand.tolist() == [[1]] * 6
    assert instance.successor_first.tolist() == [0, 1, 1, 2, 2, 3, 3]
    assert instance.successor.tolist() == [1, 3, 5]
    assert instance.job_owner.tolist() == [0, 1, 0]
    assert instance.job_weight.tolist() == [1.0] * 3
    assert instance.job_release.tolist() == [0.0] * 3
    assert np.isinf(instance.job_due).all()


def test_durations_are_uniform_integers() -> None:
    """Taillard (1993) draws U[1, 99]: mean 50, both bounds included."""
    duration = RandomJobShop(100, 100, 100, 100).instance(0).option_nominal
    assert np.array_equal(duration, np.rint(duration))
    assert (duration.min(), duration.max()) == (1, 99)
    assert duration.mean() == pytest.approx(50, abs=1)


def test_sizes_cover_their_range() -> None:
    """One policy must meet all sizes that it is asked to learn."""
    instances = [RandomJobShop(3, 5, 2, 3).instance(seed) for seed in range(60)]
    assert {(i.num_jobs, i.num_agents) for i in instances} == {(j, m) for j in (3, 4, 5) for m in (2, 3)}


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"jobs_min": 0}, "RandomJobShop.jobs_min is 0, must be an integer >= 1"),
        ({"jobs_max": 5}, "jobs_max is 5, must be an integer >= jobs_min, 10"),
        ({"machines_max": 9}, "machines_max is 9, must be an integer >= machines_min, 10"),
        ({"duration_max": 0}, "duration_max is 0, must be an integer in 1.."),
    ],
)
def test_broken_parameters_are_named(broken: dict[str, Any], message: str) -> None:
    """A typo in a configuration must be answered with the parameter, its value and its bound."""
    with pytest.raises(WorkloadError, match=message):
        RandomJobShop(**broken)
