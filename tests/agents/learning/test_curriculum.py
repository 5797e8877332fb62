"""Tests of curricula: what is easy, and that training begins with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agents.evaluation.play import Episodes
from agents.learning.collect import Collector
from agents.learning.config import Learner, LearnerError
from agents.learning.curriculum import easy_first, hardness, opened
from agents.learning.loop import Training
from agents.learning.methods.streams import Streams
from envs.scenario import Objective, Scenario
from envs.workloads.generators.synthetic import SyntheticWorkload
from tests.agents.learning.conftest import OneMachine


def test_the_list_opens_from_its_front() -> None:
    """Protects curricula: the first of the ranking come first, all in the end, at once without one and while the rules warm up."""
    ranked = [1, 3, 2, 0]
    assert [opened(ranked, 4, iteration).tolist() for iteration in range(5)] == [
        [1],
        [1, 3],
        [1, 3, 2],
        [1, 3, 2, 0],
        [0, 1, 2, 3],
    ]
    assert opened(ranked, 100, 0).tolist() == [1]
    assert opened(ranked, 0, 0).tolist() == opened(ranked, 4, -1).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("shared", [(32, 8), ()])
def test_load_is_the_workloads_own(shared: tuple[int, ...]) -> None:
    """Protects the order by load: it is the offered load that the generator sets exactly, with shared resources or slots alone."""
    parts = dict.fromkeys(("shared_use", "big_min", "big_max"), (0.5,) * len(shared))
    for load in (0.7, 1.9):
        i = SyntheticWorkload(jobs=12, shared_capacity=shared, load_min=load, load_max=load, **parts).instance(3)
        assert hardness(i, "load")[0] == pytest.approx(load)


def test_what_is_easy() -> None:
    """Protects both orders: fewest tasks; least load, and by work where all is released at once, behind whatever is not."""
    at_once = [OneMachine(jobs=jobs).instance(0) for jobs in (6, 2, 4)]
    late = replace(at_once[0], job_release=np.arange(6.0))
    episodes = Episodes([*at_once, late], np.array([0, 1, 2, 3, 1], np.int32), np.arange(5, dtype=np.uint64))
    assert easy_first(episodes, "size").tolist() == [1, 4, 2, 0, 3]
    assert easy_first(episodes, "load").tolist() == [3, 1, 4, 2, 0]
    assert hardness(late, "load")[0] == late.option_nominal.sum() / 5


@pytest.mark.parametrize("method", ["ppo", "group"])
def test_training_begins_with_low_loads(
    learner: Learner, tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects what is played: in each iteration nothing but the share of the episodes that is open by then, the least loaded ones."""
    workload = SyntheticWorkload(agents=2, jobs=4, load_min=0.5, load_max=3.0)
    learner = replace(learner, worlds=4, rollout=256, update=replace(learner.update, method=method))
    learner = replace(learner, episodes=replace(learner.episodes, number=32, curriculum=4, order="load"))
    method_of = Training(Scenario(workload, Objective(flow=1.0), candidates=8), learner, tmp_path, seed=0).method
    played: set[int] = set()
    step = Collector.step

    def watched(collector: Collector) -> object:
        played.update(collector.world.out.instance.tolist())
        return step(collector)

    monkeypatch.setattr(Collector, "step", watched)
    easy = easy_first(method_of._episodes, "load").tolist()  # type: ignore[attr-defined]  # noqa: SLF001  # both methods have them
    for iteration in range(5):
        if isinstance(method_of, Streams):
            for experience in method_of.experience.values():
                experience.forget()
        played.clear()
        method_of.collect(iteration)
        assert played <= set(easy[: 8 * (iteration + 1)]), iteration
    assert played - set(easy[:8])


def test_unknown_orders(learner: Learner) -> None:
    """Protects users: what a list can open by is said."""
    with pytest.raises(LearnerError, match="order is 'age', must be one of size, load"):
        replace(learner, episodes=replace(learner.episodes, order="age"))
