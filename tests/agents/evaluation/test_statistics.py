"""Bootstrap intervals: known answers, pairing, coverage, and the seeds of training."""

from __future__ import annotations

import math

import numpy as np
import pytest

from agents.evaluation.statistics import relative_difference


def costs(rng: np.random.Generator, episodes: int, ratio: float, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """A baseline whose episodes differ widely, and a policy that is ``ratio`` times as dear, but for a little noise."""
    baseline = rng.lognormal(0.0, 1.0, episodes)
    return baseline * ratio * (1 + noise * rng.standard_normal(episodes)), baseline


def test_constant_ratio() -> None:
    """Protects the pairing: where every episode is 10 % better, there is no doubt, however much episodes differ."""
    policy, baseline = costs(np.random.default_rng(0), 50, 0.9, 0.0)
    for statistic in (np.mean, np.median):
        assert relative_difference(policy, baseline, statistic) == pytest.approx((-0.1, -0.1, -0.1))


def test_value_and_order() -> None:
    """Protects the sign and the two ends: 3 against 4 on average is -25 %, somewhere between the ends."""
    value, low, high = relative_difference([1.0, 5.0, 3.0], [4.0, 6.0, 2.0])
    assert value == -0.25
    assert low < value < high


def test_two_episodes_by_hand() -> None:
    """Protects the resampling: of two episodes, a quarter of the resamples holds the first twice, a quarter the second."""
    value, low, high = relative_difference([1.0, 3.0], [2.0, 2.0], level=0.6)  # ratios 0.5 (1/4), 1.0 (1/2), 1.5 (1/4)
    assert (value, low, high) == (0.0, -0.5, 0.5)
    assert relative_difference([1.0, 3.0], [2.0, 2.0], level=0.4)[1:] == (0.0, 0.0)


def test_coverage() -> None:
    """Protects the 95 %: of 200 samples of 60 episodes, about 190 intervals hold the true difference."""
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(200):
        policy, baseline = costs(rng, 60, 0.95, 0.2)
        _, low, high = relative_difference(policy, baseline, resamples=400)
        inside += low <= -0.05 <= high
    assert 176 <= inside <= 199


def test_training_runs_widen_the_interval() -> None:
    """Protects claims about learned policies: if training runs differ, the interval says so, though episodes agree."""
    baseline = np.random.default_rng(2).lognormal(0.0, 0.1, 200)
    runs = baseline * np.array([[0.8], [0.9], [1.0], [1.1]])
    value, low, high = relative_difference(runs, baseline)
    pooled = relative_difference(runs.mean(axis=0), baseline)
    assert value == pytest.approx(-0.05) == pooled.value
    assert pooled.high - pooled.low < 1e-9
    assert (low, high) == pytest.approx((-0.15, 0.05), abs=0.03)  # 1.96 x 0.112 / 2 runs, but for the few values it can take


def test_repeatable() -> None:
    """Protects published numbers: equal arguments give equal intervals, another seed others."""
    policy, baseline = costs(np.random.default_rng(3), 30, 1.0, 0.5)
    assert relative_difference(policy, baseline) == relative_difference(policy, baseline)
    assert relative_difference(policy, baseline) != relative_difference(policy, baseline, seed=1)


def test_baseline_of_zero() -> None:
    """Protects tables from infinities: relative to nothing, there is no difference."""
    assert all(math.isnan(part) for part in relative_difference([1.0, 2.0], [0.0, 0.0]))


def test_one_episode() -> None:
    """Protects from false certainty: one episode gives a difference, and no interval."""
    value, low, high = relative_difference([3.0], [4.0])
    assert value == -0.25
    assert math.isnan(low)
    assert math.isnan(high)


def test_unpaired() -> None:
    """Protects from comparing what was not played alike."""
    with pytest.raises(ValueError, match="policy has 3 episodes and the baseline 2"):
        relative_difference([1.0, 2.0, 3.0], [1.0, 2.0])
