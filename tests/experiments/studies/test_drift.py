"""Adaptation under drift: what counts as near, and the whole study, small."""

from __future__ import annotations

import math

import numpy as np

from experiments.studies.drift import AGENTS, NOTHING, SLOWNESS, TRAINED, Days, adaptation, study


def test_days_until_near() -> None:
    """Protects the number that the study is about: the first of three days whose mean is within 5 %, and never is infinity."""
    trained = np.full((8, 2), 10.0)
    costs = np.array([20.0, 16.0, 12.0, 10.6, 10.5, 10.2, 10.0, 30.0])[:, None] * [0.9, 1.1]
    assert adaptation(costs, trained) == 3.0
    assert adaptation(trained, trained) == 0.0
    assert math.isinf(adaptation(trained * 1.06, trained))


def test_the_change() -> None:
    """Protects the comparison: a day before and after differs in who is slow and in the mix alone; who is told has the same work to do."""
    old, new, told = Days(0).instance(5), Days(1).instance(5), Days(1, is_told=True).instance(5)
    assert np.array_equal(old.job_release, new.job_release)
    assert np.array_equal(old.option_nominal, new.option_nominal)
    assert [int(np.argmin(old.speed[a])) for a in range(AGENTS)] == [0, 1, 2, 3]
    assert [int(np.argmin(new.speed[a])) for a in range(AGENTS)] == [2, 3, 0, 1]
    assert (new.task_kind == 3).mean() > 0.5 > (old.task_kind == 3).mean()
    task = np.repeat(np.arange(new.num_tasks), np.diff(new.option_first))
    true = new.option_nominal / new.speed[new.option_agent, new.task_kind[task]]
    np.testing.assert_allclose(told.option_nominal / told.speed[told.option_agent, told.task_kind[task]], true)
    assert true.max() > SLOWNESS


def test_what_was_seen_before_helps() -> None:
    """Protects the knowledge base: on the days before the change, who remembers is nearer to who is trained than who does not."""
    outcome = study(replicates=2, before=3, after=3, training=2)
    daily = {name: np.array(costs) for name, costs in outcome.numbers["daily"].items()}
    assert all(len(costs) == 6 for costs in daily.values())
    assert daily["never forgets"][0] == daily[NOTHING][0]
    assert daily[TRAINED][1:3].mean() < 1.1 * daily["never forgets"][1:3].mean() < daily[NOTHING][1:3].mean()
    assert [row[0] for row in outcome.sheets[0].rows] == [name for name in daily if name != TRAINED]
