"""Tests of the loop: it learns what it must, and goes on exactly where it stopped."""

from __future__ import annotations

import itertools
import math
import os
import re
import signal
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from stable_baselines3.common.logger import Logger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2

from agents.learning import checkpoint
from agents.learning.baseline import HINDSIGHT, Bank, rules
from agents.learning.checkpoint import CheckpointError
from agents.learning.config import Evaluation, Imitation, Learner, LearnerError
from agents.learning.logging import GAPS
from agents.learning.loop import Training
from agents.learning.methods.groups import best, compare
from agents.learning.methods.method import Policies
from agents.learning.pictures import SHARE, Pictures
from agents.networks import artifact
from agents.networks.artifact import TrainedPrioritizer, load
from agents.rules import RuleError, index, negotiator, prioritizer
from envs.scenario import Objective, Scenario
from tests.agents.learning.conftest import both_roles


@pytest.mark.parametrize("method", ["ppo", "group", "self_label"])
def test_learns_shortest_first(one_machine: Scenario, learner: Learner, tmp_path: Path, method: str) -> None:
    """Protects learning itself: in seconds every method comes close to the known optimum of total flow time on one machine."""
    learner = replace(
        learner,
        update=replace(learner.update, method=method),
        decisions=learner.decisions if method == "ppo" else 60_000,
    )
    run = Training(one_machine, learner, tmp_path, seed=0)
    before = run.evaluation(run.method.policies())
    run.learn()
    after = run.evaluation(run.method.policies())
    optimum = (
        sum(np.cumsum(np.sort(instance.option_nominal)).sum() for instance in run.evaluation.episodes.instances) / 32
    )
    assert before["cost"] > 1.2 * optimum
    assert after["cost"] < 1.02 * optimum
    policy = load(tmp_path / "policy", "prioritizer")
    assert isinstance(policy, TrainedPrioritizer)


def test_an_index_teaches(learner: Learner, tmp_path: Path) -> None:
    """Protects teachers that are tuned: the folder of an index stands for both roles; another folder is refused by its name."""
    (tmp_path / index.FILE).write_text('{"format": 1, "weights": {"wsrpt": 1.0, "duration": -0.5}}', encoding="utf-8")
    taught = replace(learner, episodes=replace(learner.episodes, prioritizer=str(tmp_path), negotiator=str(tmp_path)))
    for teacher in rules(taught):
        assert isinstance(teacher, index.Index)
        assert teacher.weights == {"wsrpt": 1.0, "duration": -0.5}
    (tmp_path / index.FILE).unlink()
    with pytest.raises(RuleError, match=f"unknown prioritizer rule '{tmp_path}'"):
        rules(taught)


@pytest.mark.parametrize("method", ["ppo", "group", "self_label"])
def test_the_gap_in_training_tells_sharp_from_soft(
    contested: Scenario, learner: Learner, tmp_path: Path, method: str
) -> None:
    """Protects the training-mode gap and the sharp start: with a high gain what plays in training is the index itself, with a low one
    it costs more, though what is evaluated is the same.
    """
    (tmp_path / index.FILE).write_text('{"format": 1, "weights": {"wsrpt": 1.0}}', encoding="utf-8")
    learner = replace(
        learner, update=replace(learner.update, method=method, learning_rate=1e-9, learning_rate_end=1e-9)
    )
    learner = replace(
        learner, episodes=replace(learner.episodes, prioritizer=str(tmp_path)), evaluation=Evaluation(1, 32)
    )
    found = {}
    for gain in (1e-3, 1e5):
        run = Training(
            contested,
            replace(learner, network=replace(learner.network, guide=str(tmp_path), gain=gain)),
            tmp_path,
            seed=0,
        )
        found[gain] = run.iterate(Logger(None, []))
        assert abs(found[gain]["evaluate/gap_percent"]) < 0.01
    assert abs(found[1e5]["rollout/gap_percent"]) < 0.5  # equal durations are a toss-up
    assert found[1e-3]["rollout/gap_percent"] > 5.0


def test_both_gaps_are_in_one_panel(contested: Scenario, learner: Learner, tmp_path: Path) -> None:
    """Protects the picture: TensorBoard is told to draw the gap in training and the greedy one side by side."""
    run = Training(contested, replace(learner, decisions=1), tmp_path, seed=0)
    run.learn()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert set(GAPS) <= set(events.Tags()["scalars"])
    layout = layout_pb2.Layout.FromString(events.Tensors("custom_scalars__config__")[0].tensor_proto.string_val[0])
    panels = {chart.title: list(chart.multiline.tag) for category in layout.category for chart in category.chart}
    assert [f"^{name}$" for name in GAPS] in panels.values()
    drawn = [
        tag
        for pattern in itertools.chain(*panels.values())
        for tag in events.Tags()["scalars"]
        if re.search(pattern, tag)
    ]
    assert {*GAPS, "train_prioritizer/entropy_loss"} == set(drawn)  # the other role does not learn here


def test_pictures_at_the_best_and_never_for_long(contested: Scenario, learner: Learner, tmp_path: Path) -> None:
    """Protects learning from being drawn instead: pictures of the best policies, as long as they take a hundredth of its time."""
    for share, expected in ((math.inf, ["evaluate/bids", "evaluate/schedule"]), (SHARE, [])):
        run = Training(contested, replace(learner, decisions=1), tmp_path / str(share), seed=0)
        run.pictures = Pictures(share)
        run.learn()
        events = EventAccumulator(str(tmp_path / str(share)))
        events.Reload()
        assert sorted(events.Tags()["images"]) == expected
    picture = EventAccumulator(str(tmp_path / "inf"))
    picture.Reload()
    (shown,) = picture.Images("evaluate/bids")
    assert (shown.width, shown.height, shown.step) == (1600, 900, run.decisions)


def test_hindsight_explains_returns(
    contested: Scenario, learner: Learner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects the critic's knowledge, and its own learning rate: told nothing, it judges policies that stand still far worse."""
    still = replace(
        learner,
        update=replace(learner.update, learning_rate=1e-9, learning_rate_end=1e-9, critic_rate=1e-2),
        decisions=1e9,
    )
    explained = []
    for _ in range(2):
        run, logger = Training(contested, still, tmp_path, seed=0), Logger(None, [])
        for _ in range(8):
            run.iterate(logger)
        explained.append(logger.name_to_value["train_prioritizer/explained_variance"])
        monkeypatch.setattr(Bank, "hindsight", lambda bank, entry, *_: np.zeros((len(entry), HINDSIGHT)))
    assert explained[0] > explained[1] + 0.1


def everything(run: Training) -> dict[str, np.ndarray]:
    """All arrays of a checkpoint."""
    run.save()
    return checkpoint.load(run.folder / checkpoint.NAME)[0]


@pytest.mark.parametrize(
    ("method", "curriculum", "refresh"), [("ppo", 0, 4), ("ppo", 6, 4), ("ppo", 0, 2), ("group", 6, 4)]
)
def test_resume_is_exact(
    contested: Scenario, learner: Learner, tmp_path: Path, method: str, curriculum: int, refresh: int
) -> None:
    """Protects resuming: stopped and continued in the middle of episodes, a run ends with the same bits as one that never stopped."""
    learner = replace(both_roles(learner), decisions=12_000, worlds=8, update=replace(learner.update, method=method))
    learner = replace(learner, episodes=replace(learner.episodes, number=16, refresh=refresh, curriculum=curriculum))
    whole = Training(contested, learner, tmp_path / "whole", seed=0)
    whole.learn()
    first = Training(contested, learner, tmp_path / "parts", seed=0)
    while first.decisions < 6_000:
        first.iterate(Logger(None, []))
    first.save()
    second = Training(contested, learner, tmp_path / "parts", seed=0)
    second.load()
    assert 0 < second.iteration < whole.iteration
    second.learn()
    expected, found = everything(whole), everything(second)
    assert expected.keys() == found.keys()
    for name in expected.keys() - {"method.world.world"}:  # that one holds addresses in memory
        array = expected[name]
        assert np.array_equal(array, found[name], equal_nan=array.dtype.kind == "f"), name


def test_interrupt_saves(contested: Scenario, learner: Learner, tmp_path: Path) -> None:
    """Protects Ctrl-C: the iteration is finished, a checkpoint written, and the caller is told that the budget is not spent."""
    before = signal.getsignal(signal.SIGINT)
    run = Training(contested, learner, tmp_path, seed=0)
    collect = run.method.collect

    def press(iteration: int) -> object:
        os.kill(os.getpid(), signal.SIGINT)
        return collect(iteration)

    run.method.collect = press  # type: ignore[method-assign, assignment]
    assert not run.learn()
    assert run.iteration == 1
    assert (tmp_path / checkpoint.NAME).is_file()
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("method", ["ppo", "self_label"])
def test_divergence_is_told(
    contested: Scenario, learner: Learner, tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects hours: weights that are no numbers end the run with what to change, and the checkpoint from before stays."""
    run = Training(contested, replace(learner, update=replace(learner.update, method=method)), tmp_path, seed=0)
    run.save()
    before = (tmp_path / checkpoint.NAME).read_bytes()

    def spoil(parameters: Iterable[torch.nn.Parameter], bound: float) -> None:
        for weights in parameters:
            if weights.grad is not None:
                weights.grad.fill_(float("nan"))

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", spoil)
    with pytest.raises(
        LearnerError,
        match=r"the prioritizer diverged, its largest weight is nan; .* smaller learning_rate \(was 0.003\)",
    ):
        run.learn()
    assert (tmp_path / checkpoint.NAME).read_bytes() == before


def test_rules_that_cost_nothing(one_machine: Scenario, learner: Learner, tmp_path: Path) -> None:
    """Protects the gap, which is relative to what the rules cost: without due dates nothing is tardy."""
    with pytest.raises(LearnerError, match=r"the rules cost 0\.0 on the evaluation's episodes"):
        Training(replace(one_machine, objective=Objective(tardiness=1.0)), learner, tmp_path, seed=0).play_rules()


def test_others_may_read_what_was_written(contested: Scenario, learner: Learner, tmp_path: Path) -> None:
    """Protects shared folders: checkpoints and weights have the rights of any other new file."""
    run = Training(contested, learner, tmp_path, seed=0)
    run.save()
    artifact.save(tmp_path / "policy", run.models["prioritizer"].policy.brain, {})
    (tmp_path / "plain").touch()
    for name in (checkpoint.NAME, f"policy/{artifact.WEIGHTS}"):
        assert (tmp_path / name).stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_wrong_checkpoints(contested: Scenario, one_machine: Scenario, learner: Learner, tmp_path: Path) -> None:
    """Protects the user: a checkpoint that is missing, damaged or of another scenario is told in one line."""
    run = Training(contested, learner, tmp_path, seed=0)
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        run.load()
    run.save()
    other = Training(one_machine, learner, tmp_path, seed=0)
    with pytest.raises(CheckpointError, match="another scenario"):
        other.load()
    with pytest.raises(CheckpointError, match="seed is 0, must be 1"):
        Training(contested, learner, tmp_path, seed=1).load()
    path = tmp_path / checkpoint.NAME
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(CheckpointError, match="damaged"):
        run.load()


def test_groups_are_compared_within() -> None:
    """Protects the scores: advantages have mean 0 and deviation 1 in each group, and equal rollouts teach nothing."""
    cost = np.array([[1.0, 2.0, 3.0, 6.0], [5.0, 5.0, 5.0, 5.0]])
    score = compare(cost, 0)
    np.testing.assert_allclose(score[0], (3.0 - cost[0]) / cost[0].std())
    assert np.isnan(score[1]).all()
    assert np.isnan(compare(cost, 1)[0]).tolist() == [False, True, True, False]
    assert np.isnan(best(cost)).tolist() == [[False, True, True, True], [True] * 4]


def test_evaluation_of_the_rule_itself(contested: Scenario, learner: Learner, tmp_path: Path) -> None:
    """Protects the comparison: where no role is learned the gap is exactly 0, and other rules have other costs."""
    run = Training(contested, learner, tmp_path, seed=0)
    assert run.evaluation(Policies(None, None))["gap_percent"] == 0.0
    assert run.evaluation.cost(prioritizer("lpt"), negotiator("fcfs")).mean() > run.evaluation.rule_cost.mean()


def test_imitation_starts_near_the_rule(contested: Scenario, learner: Learner, tmp_path: Path) -> None:
    """Protects the warm start: after imitating the rules, and nothing else, both roles cost nearly what the rules do."""
    learner = replace(both_roles(learner), imitation=Imitation(8192, 10))
    learner = replace(learner, episodes=replace(learner.episodes, prioritizer="spt", negotiator="urgency"))
    run = Training(contested, learner, tmp_path, seed=0)
    untrained = Training(contested, replace(learner, imitation=Imitation(0, 1)), tmp_path, seed=0)
    for each in (run, untrained):
        each.begin()
    assert abs(run.evaluation(run.method.policies())["gap_percent"]) < 3.0
    assert untrained.evaluation(untrained.method.policies())["gap_percent"] > 6.0
