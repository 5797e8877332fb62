"""Evolution: that it learns, in pairs that differ in the disturbance alone, and that a run goes on as if it had never stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stable_baselines3.common.logger import Logger

from agents.learning import checkpoint
from agents.learning.config import Evolution, Learner, LearnerError
from agents.learning.loop import Training
from agents.policies import load_negotiator, load_prioritizer, roles_in
from agents.rules.conditional import Conditional, spreads, text
from envs.scenario import Scenario
from tests.agents.learning.conftest import both_roles


@pytest.fixture
def evolving(learner: Learner) -> Learner:
    """A small learner of an index."""
    learner = replace(both_roles(learner), update=replace(learner.update, method="evolution"), decisions=60_000)
    return replace(
        learner, episodes=replace(learner.episodes, number=64), evolution=Evolution(pairs=64, step=0.1, step_end=0.02)
    )


def weights(run: Training) -> np.ndarray:
    """Of the index as it is."""
    policy = run.method.policies().prioritizer
    assert isinstance(policy, Conditional)
    return policy.flat


def test_learns_shortest_first(one_machine: Scenario, evolving: Learner, tmp_path: Path) -> None:
    """Protects learning itself: from weights of 0 it comes close to the known optimum of total flow time on one machine."""
    run = Training(one_machine, evolving, tmp_path, seed=0)
    assert not weights(run).any()
    before = run.evaluation(run.method.policies())
    run.learn()
    after = run.evaluation(run.method.policies())
    optimum = (
        sum(np.cumsum(np.sort(instance.option_nominal)).sum() for instance in run.evaluation.episodes.instances) / 32
    )
    assert before["cost"] > 1.2 * optimum
    assert after["cost"] < 1.03 * optimum


def test_what_is_written_is_what_plays(contested: Scenario, evolving: Learner, tmp_path: Path) -> None:
    """Protects the artefact: one file for both roles, found by the folder of the run, with what is known of its training."""
    run = Training(contested, replace(evolving, decisions=5_000), tmp_path, seed=0)
    run.learn()
    prioritizer, negotiator = run.method.policies()
    assert prioritizer is negotiator
    for load in (load_prioritizer, load_negotiator):
        found = load(str(tmp_path))
        assert isinstance(found, Conditional)
        assert np.array_equal(found.flat, weights(run))
    assert roles_in(tmp_path / "policy") == ["prioritizer", "negotiator"]
    assert '"seed": 0' in (tmp_path / "policy" / "index.json").read_text(encoding="utf-8")


def test_pairs_differ_in_the_disturbance_alone(contested: Scenario, evolving: Learner, tmp_path: Path) -> None:
    """Protects common random numbers: all but undisturbed, both of a pair cost the same, bit for bit; different pairs do not."""
    start = Conditional(1 / spreads())
    (tmp_path / "index.json").write_text(text(start, {}), encoding="utf-8")
    evolution = Evolution(start=str(tmp_path), pairs=16, spread=1e-8)
    run = Training(contested, replace(evolving, evolution=evolution), tmp_path, seed=0)
    found = weights(run)
    np.testing.assert_allclose(found / found[0], start.flat / start.flat[0])
    assert np.linalg.norm(found * spreads()) == pytest.approx(4.0)
    finished = run.method.collect(0)
    seeds, costs = (np.array([getattr(one, name) for one in finished]).reshape(2, 16) for name in ("seed", "cost"))
    assert np.array_equal(seeds[0], seeds[1])
    assert len(set(seeds[0])) == 16
    assert np.array_equal(costs[0], costs[1])
    assert np.ptp(costs[0]) > 0
    assert run.method.held() > 0


def test_both_gaps_are_told(contested: Scenario, evolving: Learner, tmp_path: Path) -> None:
    """Protects the curves: what the population costs stands beside what the index in its middle costs, which is less."""
    told = replace(evolving, decisions=40_000, evaluation=replace(evolving.evaluation, every=1))
    (*_, last) = Training(contested, told, tmp_path, seed=0).rounds()
    assert {"rollout/gap_percent", "evaluate/gap_percent", "train/step"} <= set(last)
    assert last["evaluate/gap_percent"] < last["rollout/gap_percent"] + 5.0


def arrays_of(run: Training) -> dict[str, np.ndarray]:
    """All of a checkpoint."""
    run.save()
    return checkpoint.load(run.folder / checkpoint.NAME)[0]


def test_resume_is_exact(contested: Scenario, evolving: Learner, tmp_path: Path) -> None:
    """Protects resuming, and threads: stopped and continued, on two threads, a run ends with the bits of one that never stopped."""
    told = replace(evolving, decisions=30_000)
    whole = Training(contested, told, tmp_path / "whole", seed=0)
    whole.learn()
    first = Training(contested, told, tmp_path / "parts", seed=0)
    for _ in range(2):
        first.iterate(Logger(None, []))
    first.save()
    second = Training(contested, told, tmp_path / "parts", seed=0, threads=2)
    second.load()
    assert 0 < second.iteration < whole.iteration
    second.learn()
    expected, found = arrays_of(whole), arrays_of(second)
    assert expected.keys() == found.keys()
    assert all(np.array_equal(expected[name], found[name]) for name in expected)
    assert sum(array.nbytes for array in expected.values()) < 2**16


def test_other_states_are_refused(contested: Scenario, evolving: Learner, tmp_path: Path) -> None:
    """Protects resuming: a checkpoint of other weights is told, not gone on from."""
    run = Training(contested, evolving, tmp_path, seed=0)
    run.iterate(Logger(None, []))
    state = run.method.state()
    for wrong in (
        {**state, "weights": np.zeros(3)},
        {**state, "square": -1 - state["square"]},
        {"weights": state["weights"]},
    ):
        with pytest.raises(ValueError, match=r"weights|square|slope"):
            run.method.load(wrong, 1)


def test_callbacks_and_breaking_off(contested: Scenario, evolving: Learner, tmp_path: Path) -> None:
    """Protects callers that iterate: a callback ends learning, breaking off leaves a checkpoint, and another call goes on."""
    told = replace(evolving, checkpoint_every=1000)
    run = Training(contested, told, tmp_path, seed=0)
    for scalars in run.rounds():
        assert scalars["time/iteration"] == 1
        break
    assert checkpoint.load_facts(tmp_path / checkpoint.NAME)["iteration"] == 1
    seen = []

    def third(run: Training) -> bool:
        seen.append(run.iteration)
        return run.iteration < 3

    assert len(list(run.rounds(third))) == 2
    assert seen == [2, 3]
    assert checkpoint.load_facts(tmp_path / checkpoint.NAME)["iteration"] == 3


def test_what_alone_is_learned(contested: Scenario, evolving: Learner, tmp_path: Path) -> None:
    """Protects the control of the columns: nothing but the weights that are named moves, and other names are told."""
    only = replace(evolving, evolution=replace(evolving.evolution, only=["wsrpt", "wait"]))
    run = Training(contested, only, tmp_path, seed=0)
    run.iterate(Logger(None, []))
    assert np.array_equal(
        np.flatnonzero(weights(run)), np.flatnonzero(Conditional.of({"weights": {"wsrpt": 1, "wait": 1}}).flat)
    )
    with pytest.raises(LearnerError, match=r"learner\.evolution\.only is \['colour'\], must be among wsrpt, "):
        replace(evolving.evolution, only=["colour"])


def test_settings_that_cannot_be(evolving: Learner) -> None:
    """Protects users: what evolution needs is said."""
    with pytest.raises(
        LearnerError, match=r"roles is .*, must be both, prioritizer and negotiator, where update.method is evolution"
    ):
        replace(evolving, roles=["prioritizer"])
    for name, value in (("pairs", 0), ("pairs", 40_000), ("spread", 0.0), ("step", 11.0), ("step_end", -1.0)):
        with pytest.raises(LearnerError, match=f"learner.evolution.{name} is "):
            replace(evolving.evolution, **{name: value})  # type: ignore[arg-type]
