"""The Lublin-Feitelson model against its published constants and a trace that its authors' program wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from envs.workloads.generators.lublin import POPULATIONS, LublinWorkload
from envs.workloads.instance import FloatArray, Instance, Workload, WorkloadError


def _sizes(instance: Instance) -> FloatArray:
    return instance.task_demand[:, 0].astype(np.float64)


def _power_of_two(size: FloatArray) -> float:
    return float(np.mean(np.log2(size) == np.rint(np.log2(size))))


@pytest.fixture(scope="module")
def batch() -> Instance:
    """A large sample of batch jobs on the 128 processors of the published constants."""
    return LublinWorkload(jobs=200_000, processors=128).instance(0)


def test_equal_seeds_give_equal_instances() -> None:
    """The same queue must come back for the same seed, and another for another."""
    workload = LublinWorkload(jobs=50)
    assert isinstance(workload, Workload)
    first, again, other = workload.instance(1), workload.instance(1), workload.instance(2)
    assert np.array_equal(first.job_release, again.job_release)
    assert np.array_equal(first.option_nominal, again.option_nominal)
    assert not np.array_equal(first.job_release, other.job_release)


def test_users_request_too_much(batch: Instance) -> None:
    """Users change what is requested and nothing else; each has a habit of their own, and no job takes longer than requested."""
    alike = LublinWorkload(jobs=20_000, processors=128, users=40, habit=1.0, whim=0.5).instance(0)
    plain = LublinWorkload(jobs=20_000, processors=128).instance(0)
    assert np.array_equal(alike.task_demand, plain.task_demand)
    assert np.array_equal(alike.job_release, plain.job_release)
    np.testing.assert_allclose(alike.option_nominal * alike.task_ratio, plain.option_nominal)
    assert alike.task_ratio.max() <= 1.0
    counts = np.bincount(alike.task_kind, minlength=40)
    assert counts[0] == pytest.approx(2 * counts[1], rel=0.1)
    habits = [np.log(alike.task_ratio[alike.task_kind == user]).mean() for user in range(40)]
    spread = [np.log(alike.task_ratio[alike.task_kind == user]).std() for user in range(40)]
    assert np.std(habits) > 2 * np.std(spread)
    assert batch.num_kinds == 1


def test_sizes_have_the_published_shares(batch: Instance) -> None:
    """29.27 % of batch jobs are serial, a further 66.86 % are rounded to powers of two; the rest rarely hits one."""
    size = _sizes(batch)
    assert np.mean(size == 1) == pytest.approx(0.2927, abs=0.004)
    assert 0.2927 + 0.6686 <= _power_of_two(size) <= 0.2927 + 0.6686 + 0.012
    assert size.max() == 128


def test_parallel_sizes_are_two_stage_uniform(batch: Instance) -> None:
    """Seven parallel jobs in eight draw log2 of their size from [1.2, 5], the others from [5, 7]: the mean is 3.46."""
    size = _sizes(batch)
    expected = 0.875 * (1.2 + 5) / 2 + 0.125 * (5 + 7) / 2
    assert np.log2(size[size > 1]).mean() == pytest.approx(expected, abs=0.02)
    assert np.mean(size[size > 1] >= 48) == pytest.approx(0.125 * (7 - 5.5) / 2, abs=0.01)


def test_run_times_are_hyper_gamma(batch: Instance) -> None:
    """The mean log run time is the mixture of gamma means at p = 0.6986 - 0.003 x processors, but for the cut at 12."""
    size, log_time = _sizes(batch), np.log(batch.option_nominal)
    short = 0.6986 - 0.003 * size
    expected = short * 6.57 * 0.823 + (1 - short) * 639.1 * 0.0156
    assert log_time.mean() == pytest.approx(expected.mean(), abs=0.06)
    assert log_time.max() <= 12.0
    assert np.all(batch.option_nominal == np.floor(batch.option_nominal))
    assert batch.option_nominal.min() >= 1


def test_larger_jobs_run_longer(batch: Instance) -> None:
    """The model's correlation of size and run time must survive: its reason for a chance that depends on size."""
    size, log_time = _sizes(batch), np.log(batch.option_nominal)
    expected = 0.003 * (64 - 1) * (639.1 * 0.0156 - 6.57 * 0.823)
    assert log_time[size == 64].mean() - log_time[size == 1].mean() == pytest.approx(expected, abs=0.2)


@pytest.mark.parametrize("population", sorted(POPULATIONS))
def test_arrivals_follow_the_daily_cycle(population: str) -> None:
    """Hourly arrivals must be proportional to the gamma density of the cycle: mode at (shape - 1) x scale half hours."""
    instance = LublinWorkload(jobs=200_000, population=population).instance(0)
    hours = np.histogram(instance.job_release % 86_400, bins=24, range=(0, 86_400))[0]
    shape, scale = POPULATIONS[population].cycle
    half_hours = np.arange(48) + 1.0 + np.where(np.arange(48) < 10, 48, 0)
    density = half_hours ** (shape - 1) * np.exp(-half_hours / scale)
    expected = density.reshape(24, 2).sum(axis=1)
    assert hours / hours.sum() == pytest.approx(expected / expected.sum(), abs=0.008)


def test_load_scale_thins_the_gaps_but_keeps_the_day() -> None:
    """Twice the load is twice the arrivals per second, not days of twelve hours."""
    calm, busy = (LublinWorkload(jobs=20_000, load_scale=s).instance(0) for s in (1.0, 4.0))
    assert calm.job_release[-1] / busy.job_release[-1] == pytest.approx(4.0, rel=0.02)
    night = [float(np.mean((i.job_release % 86_400) < 6 * 3_600)) for i in (calm, busy)]
    assert night[0] == pytest.approx(night[1], abs=0.03)
    assert max(night) < 0.16


def test_owners_submit_in_turn_and_see_estimates() -> None:
    """Each owner is an agent over one pool; what it sees is the run time times the estimate factor."""
    instance = LublinWorkload(jobs=10, owners=3, estimate_factor=2.0).instance(0)
    exact = LublinWorkload(jobs=10, owners=3).instance(0)
    assert instance.job_owner.tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0] == instance.option_agent.tolist()
    assert instance.option_nominal == pytest.approx(2 * exact.option_nominal)
    assert instance.option_nominal * instance.task_ratio == pytest.approx(exact.option_nominal)
    assert instance.resources == ("processors",)
    assert instance.shared_capacity.tolist() == [256]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"jobs": 0}, "LublinWorkload.jobs is 0, must be an integer in 1..10000000"),
        ({"processors": 8}, "processors is 8, must be an integer in 16.."),
        ({"owners": 0}, "owners is 0, must be an integer in 1..10000"),
        ({"load_scale": 0}, "load_scale is 0, must be > 0"),
        ({"population": "grid"}, "population is 'grid', must be one of batch, interactive, all"),
        ({"estimate_factor": -1}, "estimate_factor is -1, must be > 0"),
    ],
)
def test_broken_parameters_are_named(broken: dict[str, Any], message: str) -> None:
    """A typo in a configuration must be answered with the parameter, its value and its bound."""
    with pytest.raises(WorkloadError, match=message):
        LublinWorkload(**broken)


def test_distributions_match_a_trace_of_the_authors_program(data_dir: Path) -> None:
    """The 'all' column on 256 processors must look like Lublin-1: the constants and the order of draws are theirs."""
    trace = np.loadtxt(data_dir / "swf" / "lublin_256.swf", comments=";")
    release, run_time, size = trace[:, 1], trace[:, 3], trace[:, 4]
    ours = LublinWorkload(jobs=100_000, population="all", processors=256).instance(0)
    for power in range(9):
        assert np.mean(_sizes(ours) == 2**power) == pytest.approx(np.mean(size == 2**power), abs=0.012)
    assert _power_of_two(_sizes(ours)) == pytest.approx(_power_of_two(size), abs=0.012)
    levels = [0.1, 0.25, 0.5, 0.75, 0.9]
    assert np.quantile(np.log(ours.option_nominal), levels) == pytest.approx(
        np.quantile(np.log(run_time), levels), abs=0.15
    )
    gap_ours, gap = np.diff(ours.job_release), np.diff(release)
    assert np.log(np.quantile(gap_ours, levels)) == pytest.approx(np.log(np.quantile(gap, levels)), abs=0.15)
    day_ours, day = (np.mean(np.abs(r % 86_400 / 3_600 - 14) < 6) for r in (ours.job_release, release))
    assert day_ours == pytest.approx(day, abs=0.03)
