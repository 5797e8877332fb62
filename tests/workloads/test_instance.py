"""What an Instance refuses, whoever makes it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from envs.workloads.instance import MAX_JOB_WEIGHT, WorkloadError
from tests.small import small


@pytest.mark.parametrize("weight", [0.0, -1.0, 3e38, np.inf, np.nan])
def test_weights(weight: float) -> None:
    """Protects sums of costs from overflow: a weight that cannot be is named, with its job and the bound."""
    weights = np.array([1.0, weight, MAX_JOB_WEIGHT])
    with pytest.raises(WorkloadError) as caught:
        replace(small(0), job_weight=weights)
    assert str(caught.value) == f"small-0: weight of job 1 is {weights[1]}, must be > 0 and at most 1e+12"
