"""Intervals: known answers, pairing, and that they hold what they promise: by instance, by training run, with heavy tails."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from agents.evaluation.statistics import difference_of_medians, relative_difference, t_quantile

RATIO = 0.9
"""What policies truly cost of the baseline, in every simulation."""
LEAST = 0.93
"""Coverage that 95 % intervals are to have, whatever is simulated."""


@dataclass(frozen=True)
class Case:
    """How costs vary; spreads are standard deviations of logarithms."""

    runs: int
    episodes: int
    size: int = 1
    """Episodes of one instance."""
    tail: float = 1.0
    """Of what instances cost: 0.3 is light; at 1.0 the dearest tenth makes up four tenths of the sum, at 1.5 six tenths."""
    by_run: float = 0.05
    by_instance: float = 0.1
    """Of how much better a policy is than the baseline."""

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A policy's costs [runs, E], the baseline's [E], and the instance of each episode."""

        def noise(deviation: float, *shape: int) -> np.ndarray:
            return np.exp(deviation * rng.standard_normal(shape) - deviation**2 / 2)

        instance = np.repeat(np.arange(self.episodes // self.size), self.size)
        baseline = noise(self.tail, self.episodes // self.size)[instance] * noise(0.3, len(instance))
        run = noise(self.by_run, self.runs, 1) if self.runs > 1 else 1.0  # a single one stands for itself
        gain = (
            run * noise(self.by_instance, self.episodes // self.size)[instance] * noise(0.2, self.runs, len(instance))
        )
        return RATIO * baseline * gain, baseline, instance


def coverage(case: Case, trials: int, seed: int) -> float:
    """The share of intervals that hold the truth."""
    rng, inside = np.random.default_rng(seed), 0
    for _ in range(trials):
        policy, baseline, instance = case.draw(rng)
        _, low, high = relative_difference(policy, baseline, cluster=instance)
        inside += low <= RATIO - 1 <= high
    return inside / trials


@pytest.mark.parametrize("tail", [0.3, 1.0, 1.5])
@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("runs", [1, 3, 5, 10])
def test_coverage(runs: int, size: int, tail: float) -> None:
    """Protects every claim: 1 to 10 runs, 20 to 200 episodes, alone or four to an instance; tolerance: two deviations of the share."""
    trials = 130
    shares = [coverage(Case(runs, episodes, size, tail), trials, seed) for seed, episodes in enumerate((20, 60, 200))]
    tolerance = 2 * math.sqrt(LEAST * (1 - LEAST) / trials)
    assert min(shares) >= LEAST - tolerance
    assert np.mean(shares) >= LEAST - tolerance / math.sqrt(3)


def test_runs_decide() -> None:
    """Protects claims about recipes: where three runs differ and episodes hardly do, intervals are t intervals with two degrees."""
    assert 0.93 <= coverage(Case(3, 60, tail=0.1, by_run=0.2, by_instance=0.0), 400, 7) <= 0.97


def test_where_it_fails() -> None:
    """Protects the warning on the page: the mean of few skewed numbers against a constant is not covered, being no paired difference."""
    rng, inside = np.random.default_rng(8), 0
    for _ in range(400):
        _, low, high = relative_difference(rng.lognormal(-1.125, 1.5, 20), np.ones(20))
        inside += low <= 0.0 <= high
    assert 0.7 < inside / 400 < 0.88


def test_ignoring_instances_is_overconfident() -> None:
    """Protects the reason for clusters: four episodes of one instance, taken for four instances, halve an interval."""
    policy, baseline, instance = Case(1, 200, 4, 0.3, by_instance=0.5).draw(np.random.default_rng(9))
    alone, right = relative_difference(policy, baseline), relative_difference(policy, baseline, cluster=instance)
    assert alone.value == right.value
    assert 0.4 < (alone.high - alone.low) / (right.high - right.low) < 0.75


def test_labels_do_not_matter() -> None:
    """Protects clusters: names or numbers, in any order, are the same clusters; a single one is none."""
    policy, baseline, instance = Case(1, 20, 4).draw(np.random.default_rng(10))
    named = np.array([f"site {9 - number}" for number in instance])
    shuffled = np.random.default_rng(0).permutation(20)
    expected = relative_difference(policy, baseline, cluster=instance)
    assert relative_difference(policy[:, shuffled], baseline[shuffled], cluster=named[shuffled]) == pytest.approx(
        expected
    )
    assert relative_difference(policy, baseline, cluster=np.zeros(20)) == relative_difference(policy, baseline)


@pytest.mark.parametrize(
    ("degrees", "quantile"),
    [(1, 12.7062), (2, 4.3027), (3, 3.1824), (4, 2.7764), (9, 2.2622), (30, 2.0423), (1000, 1.9623)],
)
def test_quantiles_of_t(degrees: int, quantile: float) -> None:
    """Protects few degrees of freedom: the printed tables of Student's t, two-sided 95 %."""
    assert t_quantile(0.95, degrees) == pytest.approx(quantile, abs=1e-4)


def test_constant_ratio() -> None:
    """Protects the pairing: where every episode is 10 % better, there is no doubt, however much episodes differ."""
    baseline = np.random.default_rng(0).lognormal(0.0, 1.0, 50)
    for differ in (relative_difference, difference_of_medians):
        assert differ(0.9 * baseline, baseline) == pytest.approx((-0.1, -0.1, -0.1))


def test_two_episodes_by_hand() -> None:
    """Protects the arithmetic: 1 and 3 against 2 and 2; without one the ratio is 1.5, without the other 0.5, t is that of one degree."""
    value, low, high = relative_difference([2.0, 4.0], [3.0, 3.0])
    effective = 6.0**2 / (2.0**2 + 4.0**2)  # of the policy's costs; fewer than two leave one degree
    assert effective < 2
    assert (value, low, high) == pytest.approx(
        (0.0, -12.7062 / 3, 12.7062 / 3), abs=1e-4
    )  # deviation of the mean: 1, over 3


def test_three_runs_by_hand() -> None:
    """Protects claims about learned policies: runs of 0.8, 0.9 and 1.0 where episodes agree are 0.9 +- 4.3027 x 0.1 / sqrt(3)."""
    baseline = np.random.default_rng(2).lognormal(0.0, 0.1, 200)
    runs = baseline * np.array([[0.8], [0.9], [1.0]])
    half = 4.3027 * 0.1 / math.sqrt(3)
    assert relative_difference(runs, baseline) == pytest.approx((-0.1, -0.1 - half, -0.1 + half), abs=1e-4)
    assert relative_difference(runs.mean(axis=0), baseline) == pytest.approx((-0.1, -0.1, -0.1))
    both = relative_difference(
        baseline * np.array([[1.0], [2.0], [3.0]]), baseline * np.array([[2.0], [4.0], [6.0]]), same_runs=True
    )
    assert both == pytest.approx((-0.5, -0.5, -0.5))  # run by run there is no doubt


def test_rows_that_share_runs() -> None:
    """Protects cross-play: six pairs of three runs are three observations, whose interval is wider than that of six."""
    baseline = np.ones(50)
    rows = np.arange(6)[:, None] * 0.1 + baseline
    six, three = relative_difference(rows, baseline), relative_difference(rows, baseline, independent=3)
    expected = t_quantile(0.95, 2) / t_quantile(0.95, 5) * math.sqrt(6 / 3)
    assert (three.high - three.low) / (six.high - six.low) == pytest.approx(expected)


def test_medians() -> None:
    """Protects the second column: medians of paired costs, with intervals that hold them, equal for equal arguments."""
    rng, inside = np.random.default_rng(11), 0
    for _ in range(30):
        policy, baseline, instance = Case(1, 40, 2, by_instance=0.0).draw(rng)
        found = difference_of_medians(policy[0], baseline, cluster=instance)
        inside += found.low <= RATIO * math.exp(-(0.2**2) / 2) - 1 <= found.high
    assert inside / 30 >= LEAST - 2 * math.sqrt(LEAST * (1 - LEAST) / 30)
    assert found == difference_of_medians(policy[0], baseline, cluster=instance)
    assert difference_of_medians([1.0, 5.0, 3.0], [4.0, 6.0, 2.0]).value == -0.25


def test_baseline_of_zero() -> None:
    """Protects tables from infinities: relative to nothing, there is no difference."""
    assert all(math.isnan(part) for part in relative_difference([1.0, 2.0], [0.0, 0.0]))


def test_one_episode() -> None:
    """Protects from false certainty: one episode gives a difference, and no interval."""
    for differ in (relative_difference, difference_of_medians):
        value, low, high = differ([3.0], [4.0])
        assert value == -0.25
        assert math.isnan(low)
        assert math.isnan(high)


def test_unpaired() -> None:
    """Protects from comparing what was not played alike, or labelling other episodes."""
    with pytest.raises(ValueError, match="policy has 3 episodes and the baseline 2"):
        relative_difference([1.0, 2.0, 3.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="cluster has 1 labels and there are 2 episodes"):
        relative_difference([1.0, 2.0], [1.0, 2.0], cluster=["a"])
