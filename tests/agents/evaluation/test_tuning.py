"""Tuning an index: populations play what their members would play alone, and the search finds what is known to be better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.evaluation.play import draw_episodes, play
from agents.evaluation.tuning import CrossEntropy, TuningError, play_population, tune
from agents.rules import Index
from agents.rules.index import COLUMNS
from envs import Objective, default_scenario
from envs.workloads.generators.synthetic import SyntheticWorkload
from envs.workloads.instance import Instance

SMALL = replace(
    default_scenario(),
    workload=SyntheticWorkload(
        agents=3, jobs=9, shared_capacity=(8,), shared_use=(1.0,), big_min=(0.5,), big_max=(1.0,)
    ),
)


def test_members_play_for_themselves() -> None:
    """Protects the search from its batches: every member pays what it would pay alone, in both roles, on the same episodes."""
    weights = np.random.default_rng(0).standard_normal((4, len(COLUMNS)))
    episodes = draw_episodes(SMALL, 3, 0)
    alone = [Index(dict(zip(COLUMNS, row.tolist(), strict=True))) for row in weights]
    expected = np.stack([play(SMALL, episodes, index, index).objective for index in alone])
    assert len(np.unique(expected[:, 0])) > 1
    np.testing.assert_allclose(play_population(SMALL, episodes, weights), expected, rtol=1e-12)


def test_it_finds_what_is_better() -> None:
    """Protects the search: where tasks differ in length alone, it learns that short ones come first, and twice the same."""
    workload = SyntheticWorkload(
        agents=1,
        jobs=24,
        shape="single",
        slots=1,
        shared_capacity=(),
        shared_use=(),
        big_min=(),
        big_max=(),
        weights=(1.0,),
        weight_chances=(1.0,),
        load_min=3.0,
        load_max=3.0,
    )
    scenario = replace(SMALL, workload=workload)
    search = CrossEntropy(population=16, elite=4, generations=6, episodes=4, spread=2.0, noise=0.5)
    found = [list(tune(scenario, search, 1, ["-log_duration", "tail", "age_release"])) for _ in range(2)]
    assert found[0] == found[1]
    assert len(found[0]) == search.generations
    assert all(generation.mean["log_duration"] == -1.0 for generation in found[0])
    tuned, lazy = Index(found[0][-1].mean), Index({"duration": 1.0})
    episodes = draw_episodes(scenario, 16, 5)
    shortest = play(scenario, episodes, Index({"wsrpt": 1.0}), tuned).objective.mean()
    assert (
        play(scenario, episodes, tuned, tuned).objective.mean()
        < 1.05 * shortest
        < play(scenario, episodes, lazy, lazy).objective.mean()
    )


@pytest.mark.parametrize(
    ("name", "value", "bound"), [("elite", 5, "2..4"), ("population", 1, "2..4096"), ("spread", -1.0, r"\[0, 100\]")]
)
def test_settings_out_of_bounds(name: str, value: float, bound: str) -> None:
    """Protects users: the setting, its value and its bound are named."""
    with pytest.raises(TuningError, match=rf"search.{name} is {value}, must be in {bound}"):
        replace(CrossEntropy(4, 2, 1, 1, 1.0, 0.0), **{name: value})


def test_an_episode_in_which_nobody_waits_says_nothing() -> None:
    """Protects the search from quiet episodes, whose cost is 0: they made all indices equally good, whatever the others cost."""
    busy = SyntheticWorkload(agents=1, jobs=12, shape="single", slots=1, load_min=3.0, load_max=3.0)

    class Mixed:
        """One episode in two is of one job, which never waits."""

        def instance(self, seed: int) -> Instance:
            return replace(busy, jobs=1 if seed % 2 else 12).instance(seed)

    scenario = replace(SMALL, workload=Mixed(), objective=Objective(slowdown=1.0))
    found = list(
        tune(scenario, CrossEntropy(population=8, elite=2, generations=3, episodes=6), 1, ["-log_duration", "tail"])
    )
    assert all(0.0 < generation.gain <= 1.0 for generation in found)
    alone = replace(scenario, workload=replace(busy, jobs=1))
    assert all(each.gain == 1.0 for each in tune(alone, CrossEntropy(4, 2, 2, 2), 1, ["-log_duration", "tail"]))
