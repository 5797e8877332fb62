"""The random streams that policies are trained on by default."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from envs.workloads.drawing import CyclicClock
from envs.workloads.generators.shapes import Shape, connect, critical_path
from envs.workloads.generators.synthetic import SyntheticWorkload
from envs.workloads.instance import FloatArray, Instance, Workload, WorkloadError
from tests.conftest import ROOT


def _digest(instance: Instance) -> str:
    arrays = (getattr(instance, f.name) for f in fields(instance))
    return hashlib.sha256(b"".join(a.tobytes() for a in arrays if isinstance(a, np.ndarray))).hexdigest()


def _areas(instance: Instance) -> FloatArray:
    """[T, R] seconds x share of capacity, where each task has one option."""
    pool = np.where(instance.shared, instance.shared_capacity, instance.local_capacity.sum(axis=0))
    return np.asarray(instance.option_nominal[:, None] * instance.task_demand / pool)


def _predecessors(instance: Instance, task: int) -> list[int]:
    source = np.repeat(np.arange(instance.num_tasks), np.diff(instance.successor_first))
    return [int(s) for s in source[instance.successor == task]]


def _one_job(shape: Shape, tasks: int, draws: NDArray[Any]) -> list[tuple[int, int]]:
    first, successor = connect(np.array([0, tasks], np.int32), np.array([shape], np.int32), draws)
    return list(zip(np.repeat(np.arange(tasks), np.diff(first)).tolist(), successor.tolist(), strict=True))


def test_equal_seeds_give_equal_instances() -> None:
    """Training, evaluation and a resumed run must meet the same jobs for the same seed, and others for another."""
    workload = SyntheticWorkload()
    assert isinstance(workload, Workload)
    assert _digest(workload.instance(7)) == _digest(SyntheticWorkload().instance(7))
    assert _digest(workload.instance(7)) != _digest(workload.instance(8))


def test_another_process_draws_the_same_instance() -> None:
    """Nothing may depend on the process: its hash seed, or what it drew before."""
    code = "from tests.workloads.generators.test_synthetic import *; from tests.workloads.generators.test_synthetic import _digest; "
    code += "print(_digest(SyntheticWorkload().instance(7)))"
    environment = {**os.environ, "PYTHONHASHSEED": "4711"}
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == _digest(SyntheticWorkload().instance(7))


@pytest.mark.parametrize("arrivals", ["poisson", "diurnal"])
@pytest.mark.parametrize("load", [0.7, 1.3])
def test_the_offered_load_is_exact(arrivals: str, load: float) -> None:
    """Load is what results are reported by: it must be what was asked for in each instance, not on average."""
    workload = SyntheticWorkload(load_min=load, load_max=load, arrivals=arrivals, diurnal_period=700.0)
    for seed in range(20):
        instance = workload.instance(seed)
        offered = _areas(instance)[:, instance.shared].sum(axis=0).max() / instance.job_release[-1]
        assert offered == pytest.approx(load, rel=1e-9)


def test_loads_spread_over_their_range() -> None:
    """The default scenario trains under loads from 1.0 to 1.6, not under one of them."""
    instances = [SyntheticWorkload().instance(seed) for seed in range(100)]
    offered = np.array([_areas(i)[:, i.shared].sum(axis=0).max() / i.job_release[-1] for i in instances])
    assert 1.0 <= offered.min() < 1.05
    assert 1.55 < offered.max() <= 1.6


def test_without_shared_resources_the_slots_carry_the_load() -> None:
    """Parallel machines are the special case without shared resources, and keep an exact load."""
    workload = SyntheticWorkload(
        shared_capacity=(), shared_use=(), big_min=(), big_max=(), eligible="all", load_min=0.9, load_max=0.9
    )
    instance = workload.instance(1)
    slots = workload.agents * workload.slots
    assert instance.option_nominal[:: workload.agents].sum() / slots / instance.job_release[-1] == pytest.approx(0.9)
    assert instance.num_options == workload.agents * instance.num_tasks


def test_streams_differ_in_scale_and_offer_equal_work() -> None:
    """Small frequent jobs must meet large rare ones, and no agent may be favoured with less work."""
    instance = SyntheticWorkload(jobs=40_000, shape="single", scale_spread=4.0).instance(0)
    jobs = np.bincount(instance.job_owner)
    work = np.bincount(instance.job_owner, weights=_areas(instance)[:, 0])
    duration = np.bincount(instance.job_owner, weights=instance.option_nominal) / jobs
    assert jobs[0] / jobs[3] == pytest.approx(4.0, rel=0.01)
    assert duration[3] / duration[0] == pytest.approx(4.0, rel=0.1)
    assert work == pytest.approx(np.full(4, work.mean()), rel=0.1)
    assert instance.option_nominal.mean() == pytest.approx(60.0, rel=0.03)


def test_durations_are_heavy_tailed_and_capped() -> None:
    """The long tail makes order matter; the cap keeps one task from being an episode."""
    workload = SyntheticWorkload(jobs=20_000, shape="single", scale_spread=1.0, duration_sigma=1.5, duration_cap=10.0)
    nominal = workload.instance(0).option_nominal
    assert nominal.max() == pytest.approx(10 * workload.duration_mean)
    assert nominal.mean() > 2 * np.median(nominal)


def test_big_tasks_need_most_of_one_resource() -> None:
    """Tasks that need most of a resource are where waiting for units is worth learning (LEARNING: 24 of 32, 8 of 8)."""
    instance = SyntheticWorkload(jobs=20_000, shape="single").instance(0)
    first, second = instance.task_demand[:, 0], instance.task_demand[:, 1]
    assert (first.max(), second.max()) == (24, 8)
    assert first.min() == 1
    assert second.min() == 0
    assert np.mean(first >= 16) == pytest.approx(0.075, abs=0.01)
    assert np.mean(second >= 4) == pytest.approx(0.075, abs=0.01)
    assert not np.any((first >= 16) & (second >= 4))
    assert np.mean(second == 0) == pytest.approx(0.5 * 0.925, abs=0.02)


def test_some_instances_have_big_tasks_and_others_none() -> None:
    """A workload for policies that must do with and without big tasks draws once per instance, not per task."""
    workload = SyntheticWorkload(big_instances=0.5)
    largest = [workload.instance(seed).task_demand[:, 0].max() for seed in range(64)]
    ordinary = int(workload.small_max * workload.shared_capacity[0])
    assert 16 <= sum(units <= ordinary for units in largest) <= 48
    assert SyntheticWorkload(big_instances=0.0).instance(0).task_demand[:, 0].max() <= ordinary


def test_due_dates_follow_release_slack_and_critical_path() -> None:
    """A due date must be reachable: never before release + slack_min x critical path."""
    instance = SyntheticWorkload(slack_min=2.0, slack_max=6.0).instance(3)
    path = critical_path(instance.job_first, instance.successor_first, instance.successor, instance.option_nominal)
    slack = (instance.job_due - instance.job_release) / path
    assert slack.min() >= 2.0 - 1e-9
    assert slack.max() <= 6.0 + 1e-9
    assert slack.std() > 0.5
    fixed = SyntheticWorkload(slack_min=3.0, slack_max=3.0, shape="single").instance(3)
    assert fixed.job_due == pytest.approx(fixed.job_release + 3.0 * fixed.option_nominal)
    assert np.isinf(SyntheticWorkload(slack_min=0.0, slack_max=0.0).instance(3).job_due).all()


def test_critical_path_of_a_diamond() -> None:
    """Known answer: 0 -> {1, 2} -> 3 with durations 1, 5, 2, 4, beside a job of one task of 7."""
    job_first = np.array([0, 4, 5], np.int32)
    first, successor = np.array([0, 2, 3, 4, 4, 4], np.int32), np.array([1, 2, 3, 3], np.int32)
    assert critical_path(job_first, first, successor, np.array([1.0, 5.0, 2.0, 4.0, 7.0])).tolist() == [10.0, 7.0]


def test_shapes_by_hand() -> None:
    """Each shape has the edges that its name promises."""
    half = np.full(6, 0.5)
    assert _one_job(Shape.CHAIN, 4, half) == [(0, 1), (1, 2), (2, 3)]
    assert _one_job(Shape.FORK_JOIN, 5, half) == [(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4)]
    assert _one_job(Shape.FORK_JOIN, 2, half) == [(0, 1)]
    assert _one_job(Shape.TREE, 4, half) == [(0, 1), (1, 2), (1, 3)]
    assert _one_job(Shape.LAYERED, 6, np.full(6, 0.1)) == [(0, 3), (0, 4), (0, 5), (1, 3), (1, 4), (1, 5)]
    assert _one_job(Shape.LAYERED, 6, np.full(6, 0.9)) == [(2, 3), (2, 4), (2, 5)]
    for shape in Shape:
        assert _one_job(shape, 1, half) == []


@pytest.mark.parametrize("shape", ["chain", "fork_join", "layered", "tree", "single", "mixed"])
def test_jobs_have_the_sizes_asked_for(shape: str) -> None:
    """The number of tasks of a job is the knob of the curriculum; Instance itself checks that graphs are acyclic."""
    instance = SyntheticWorkload(shape=shape, tasks_min=2, tasks_max=5).instance(0)
    sizes = set(np.diff(instance.job_first).tolist())
    assert sizes == ({1} if shape == "single" else {2, 3, 4, 5})


def test_layered_tasks_wait_for_the_layer_before() -> None:
    """A layered graph without edges would be a bag of tasks: all but the first layer wait for one or two tasks."""
    instance = SyntheticWorkload(shape="layered", tasks_min=9, tasks_max=9).instance(0)
    counts = {len(_predecessors(instance, task)) for task in range(3, 9)}
    assert counts <= {1, 2}
    assert all(not _predecessors(instance, task) for task in range(3))
    assert all(s // 3 == task // 3 - 1 for task in range(3, 9) for s in _predecessors(instance, task))


def test_diurnal_arrivals_follow_the_sine_and_poisson_ones_do_not() -> None:
    """The daily cycle must be a cycle of the stated period and amplitude in seconds of the instance."""

    def swing(arrivals: str) -> float:
        workload = SyntheticWorkload(
            jobs=50_000, shape="single", arrivals=arrivals, diurnal_period=5_000.0, diurnal_amplitude=0.8
        )
        release = workload.instance(0).job_release
        return float(
            2 * np.sin(2 * np.pi * release / workload.diurnal_period).mean()
        )  # the amplitude, over many periods

    assert swing("diurnal") == pytest.approx(0.8, abs=0.06)
    assert abs(swing("poisson")) < 0.06


def test_cyclic_clock_by_hand() -> None:
    """Known answer: rates 3 and 1 over a period of 8 s; progress and time are inverse to each other."""
    clock = CyclicClock(np.array([3.0, 1.0]), 8.0)
    assert clock.progress(np.array([0.0, 2.0, 4.0, 6.0, 8.0, 10.0])).tolist() == [0.0, 3.0, 6.0, 7.0, 8.0, 11.0]
    assert clock.time(np.array([0.0, 3.0, 6.0, 7.0, 8.0, 11.0])).tolist() == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]


def test_a_long_stream_is_stationary_and_small() -> None:
    """A million-job benchmark needs a rate that does not drift with length, and less than 200 bytes a task."""
    instance = SyntheticWorkload(jobs=200_000, shape="single", load_min=0.7, load_max=0.7).instance(0)
    windows = np.histogram(instance.job_release, bins=10, range=(0, instance.job_release[-1]))[0]
    assert windows == pytest.approx(np.full(10, 20_000), rel=0.03)
    area = _areas(instance)[:, 0]
    busy = np.histogram(instance.job_release, bins=10, range=(0, instance.job_release[-1]), weights=area)[0]
    assert busy == pytest.approx(np.full(10, area.sum() / 10), rel=0.06)
    size = sum(
        getattr(instance, f.name).nbytes for f in fields(instance) if isinstance(getattr(instance, f.name), np.ndarray)
    )
    assert size / instance.num_tasks < 200


def test_hidden_speeds_leave_estimates_right_on_average() -> None:
    """Agents must have something to learn about speed, while nominal durations stay unbiased over the site."""
    speed = SyntheticWorkload().instance(0).speed
    assert speed.shape == (4, 4)
    assert speed.std() > 0.1
    assert (1.0 / speed).mean() == pytest.approx(1.0)


def test_weights_occur_as_often_as_asked() -> None:
    """Weighted objectives need the stated mix of weights."""
    instance = SyntheticWorkload(jobs=20_000, shape="single", weights=(1, 5), weight_chances=(3, 1)).instance(0)
    assert set(instance.job_weight.tolist()) == {1.0, 5.0}
    assert np.mean(instance.job_weight == 5) == pytest.approx(0.25, abs=0.02)


def test_lists_become_tuples() -> None:
    """Configuration files give lists; a frozen workload must stay hashable and comparable."""
    lists: Any = [16, 4]
    assert SyntheticWorkload(shared_capacity=lists) == SyntheticWorkload(shared_capacity=(16, 4))
    assert SyntheticWorkload(shared_capacity=lists).instance(0).task_demand.max() <= 16


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"agents": 0}, "SyntheticWorkload.agents is 0, must be an integer in 1..10000"),
        ({"agents": 2.5}, "agents is 2.5, must be an integer"),
        ({"jobs": 3}, "jobs is 3, must be enough for a job of each of 4 agents"),
        ({"scale_spread": 0.5}, "scale_spread is 0.5, must be >= 1"),
        ({"shape": "ring"}, "shape is 'ring', must be one of mixed, single, chain"),
        ({"tasks_max": 0}, "tasks_max is 0, must be an integer >= tasks_min, 1"),
        ({"duration_mean": 0}, "duration_mean is 0, must be > 0 seconds"),
        ({"duration_mean": "60"}, "duration_mean is '60', must be > 0 seconds"),
        ({"load_max": 0.5}, "load_max is 0.5, must be >= load_min, 1.0"),
        ({"load_min": float("nan")}, "load_min is nan, must be > 0"),
        ({"arrivals": "weekly"}, "arrivals is 'weekly', must be 'poisson' or 'diurnal'"),
        ({"diurnal_amplitude": 1.0}, "diurnal_amplitude is 1.0, must be in"),
        ({"shared_capacity": (32,)}, "shared_use is .*, must be 1 numbers in .*, one per shared resource"),
        ({"shared_capacity": (32, 0)}, "shared_capacity is .*, must be a list of integers in 1.."),
        ({"shared_use": (0.0, 0.0)}, "shared_use is .*, must be > 0 for a resource"),
        (
            {"big_min": (0.8, 0.5)},
            "big_max is .*, must be large enough for a whole unit of shared resource 0 above big_min, 0.8",
        ),
        ({"weights": (1.0, 0.0, 2.0)}, "weights is .*, must be a list of numbers > 0"),
        ({"weight_chances": (1.0,)}, "weight_chances is .*, must be 3 numbers >= 0, not all 0"),
        ({"slack_max": 1.0}, "slack_max is 1.0, must be >= slack_min, 2.0"),
        ({"eligible": "some"}, "eligible is 'some', must be 'owner' or 'all'"),
    ],
)
def test_broken_parameters_are_named(broken: dict[str, Any], message: str) -> None:
    """A typo in a configuration must be answered with the parameter, its value and its bound."""
    with pytest.raises(WorkloadError, match=message):
        SyntheticWorkload(**broken)


def test_negative_seeds_are_refused() -> None:
    """A seed outside the generator's range is the user's mistake, told as such."""
    with pytest.raises(WorkloadError, match="seed of an instance is -1, must be >= 0"):
        SyntheticWorkload().instance(-1)


def test_teams_of_several_sizes() -> None:
    """Protects mixed training: each number of agents comes as often as it stands there, with as many jobs per agent and its own load."""
    workload = SyntheticWorkload(agents=4, jobs=20, teams=(2, 2, 6), load_min=1.2, load_max=1.2)
    drawn = [workload.instance(seed) for seed in range(200)]
    sizes = [len(instance.local_capacity) for instance in drawn]
    assert set(sizes) == {2, 6}
    assert 0.55 < sizes.count(2) / len(sizes) < 0.78
    assert all(len(instance.job_release) == 5 * size for instance, size in zip(drawn, sizes, strict=True))
    six = next(seed for seed, size in enumerate(sizes) if size == 6)
    same = SyntheticWorkload(agents=6, jobs=30, load_min=1.2, load_max=1.2).instance(six)
    assert np.array_equal(drawn[six].job_release, same.job_release)


@pytest.mark.parametrize("teams", [(0,), (2.5,), (4, 20_000)])
def test_teams_that_cannot_be(teams: tuple[Any, ...]) -> None:
    """Protects users: a team that has no jobs, or is none, is told at once."""
    with pytest.raises(ValueError, match=r"SyntheticWorkload\.(teams|agents|jobs)"):
        SyntheticWorkload(teams=teams)
