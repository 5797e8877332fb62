"""Tests of the running moments."""

from __future__ import annotations

import numpy as np

from agents.learning.normalise import Moments


def test_batches_make_no_difference() -> None:
    """Protects the merge of batches: moments equal those of everything at once, whatever the batches were."""
    data = np.random.default_rng(0).normal(5.0, 3.0, (1000, 4)).astype(np.float32)
    moments = Moments(4)
    for part in np.split(data, [1, 10, 400]):
        moments.add(part)
    moments.add(data[:0])
    np.testing.assert_allclose(moments.mean, data.mean(axis=0, dtype=np.float64), rtol=1e-12)
    np.testing.assert_allclose(moments.std, data.astype(np.float64).std(axis=0), rtol=1e-12)


def test_state_continues() -> None:
    """Protects resuming: a copy of the state goes on like the original."""
    data = np.random.default_rng(1).normal(size=(50, 2))
    one, other = Moments(2), Moments(2)
    one.add(data[:20])
    other.load(one.state())
    for moments in (one, other):
        moments.add(data[20:])
    assert np.array_equal(one.std, other.std)
    assert np.array_equal(one.mean, other.mean)
