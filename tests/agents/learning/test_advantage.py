"""Tests of the advantage estimate on streams computed by hand."""

from __future__ import annotations

import math

import numpy as np

from agents.learning.advantage import OPEN, TERMINATED, TRUNCATED, advantages, rewards_to_go

# Two streams, mixed: decisions 0, 2, 3 (then terminated) and 1, 4 (then truncated), and decision 5, which is open after 4's episode.
FOLLOWING = np.array([2, 4, 3, TERMINATED, TRUNCATED, OPEN])
REWARD = np.array([-1.0, 2.0, 0.0, 3.0, -2.0, 0.0])
ELAPSED = np.array([10.0, 5.0, 0.0, 20.0, 10.0, 0.0])  # 2 and 3 are rounds of one epoch
VALUE = np.array([0.5, 1.0, -0.5, 0.25, 2.0, 4.0])
NEXT_VALUE = np.array([-0.5, 2.0, 0.25, 0.0, 1.5, 0.0])


def test_equals_hand_computed_example() -> None:
    """Protects the estimate: elapsed times in both discounts, no bootstrap at an end, the final value at a cut."""
    g5, g10 = math.exp(-5 / 100), math.exp(-10 / 100)
    l5, l10 = math.exp(-5 / 50), math.exp(-10 / 50)
    third = 3.0 - 0.25
    second = 0.0 + 0.25 + 0.5 + third  # no time passes: neither discount bites
    first = -1.0 + g10 * -0.5 - 0.5 + g10 * l10 * second
    fourth = -2.0 + g10 * 1.5 - 2.0
    other = 2.0 + g5 * 2.0 - 1.0 + g5 * l5 * fourth
    found = advantages(REWARD, ELAPSED, VALUE, NEXT_VALUE, FOLLOWING, 100.0, 50.0)
    np.testing.assert_allclose(found, [first, other, second, third, fourth, 0.0], rtol=1e-12)


def test_open_decision_bootstraps_the_one_before() -> None:
    """Protects what is carried over: an open decision has no advantage, but its value closes the decision before it."""
    found = advantages(
        np.array([1.0, 9.0]), np.zeros(2), np.array([2.0, 5.0]), np.array([5.0, 0.0]), np.array([1, OPEN]), None, None
    )
    np.testing.assert_allclose(found, [1.0 + 5.0 - 2.0, 0.0])


def test_without_discounts_is_return_less_value() -> None:
    """Protects problems scored at their end: without time constants an advantage is the sum of rewards less the value."""
    following = np.array([1, 2, TERMINATED])
    reward, value = np.array([1.0, 2.0, 4.0]), np.array([0.1, 0.2, 0.3])
    found = advantages(reward, np.ones(3), value, np.array([0.2, 0.3, 0.0]), following, None, None)
    np.testing.assert_allclose(found, np.array([7.0, 6.0, 4.0]) - value)
    np.testing.assert_allclose(rewards_to_go(reward, np.ones(3), following, None), [7.0, 6.0, 4.0])
