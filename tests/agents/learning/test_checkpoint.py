"""Tests of checkpoints: none that is damaged, or was made up, is gone on from, and there is an earlier one to go on from instead."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from safetensors.torch import save_file as save_tensors
from stable_baselines3.common.logger import Logger

from agents.learning import checkpoint
from agents.learning.checkpoint import NAME, CheckpointError
from agents.learning.config import Learner
from agents.learning.loop import Training
from envs.columns import CANDIDATE_NAMES
from envs.scenario import Scenario
from tests.agents.learning.conftest import both_roles

FACTS = {
    "iteration": 3,
    "decisions": 7,
    "seconds": 0.5,
    "best": None,
    "seed": 0,
    "threads": 1,
    "device": "cpu",
    "torch": "2",
}


def small(learner: Learner) -> Learner:
    """A learner whose iterations take a moment, of both roles."""
    learner = replace(
        both_roles(learner), worlds=8, rollout=256, decisions=1600, update=replace(learner.update, batch=128)
    )
    return replace(
        learner, episodes=replace(learner.episodes, number=16), evaluation=replace(learner.evaluation, episodes=4)
    )


@pytest.fixture
def run(contested: Scenario, learner: Learner, tmp_path: Path) -> Training:
    """A run with a checkpoint in the middle of episodes."""
    run = Training(contested, small(learner), tmp_path, seed=0)
    run.iterate(Logger(None, []))
    run.save()
    return run


def refusal(run: Training, arrays: dict[str, np.ndarray], facts: dict[str, Any], what: str) -> str:
    """What is said where a run is to go on from arrays that somebody made up, digest and all."""
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(checkpoint, "load_latest", lambda path: (path, arrays, facts))
            run.load()
    except CheckpointError as error:
        return str(error)
    pytest.fail(f"{what} was gone on from")


def flipped(data: bytes, bit: int) -> bytes:
    """The data with one bit changed."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_every_bit_counts(tmp_path: Path) -> None:
    """Protects from bits that flip: of a small checkpoint every third one, header and digest included."""
    path = tmp_path / NAME
    checkpoint.save(path, {"a": np.arange(3.0), "b.c": np.array([True, False])}, FACTS)
    whole = path.read_bytes()
    assert checkpoint.load(path)[1] == FACTS | {"format": checkpoint.FORMAT}
    for bit in range(0, 8 * len(whole), 3):
        path.write_bytes(flipped(whole, bit))
        with pytest.raises(CheckpointError, match=NAME):
            checkpoint.load(path)


def test_a_bit_of_a_run_counts(run: Training) -> None:
    """Protects runs: 120 random bits of a real checkpoint, one at a time, and files that end too early."""
    path = run.folder / NAME
    whole, random = path.read_bytes(), np.random.default_rng(0)
    for bit in random.integers(8 * len(whole), size=120).tolist():
        path.write_bytes(flipped(whole, bit))
        with pytest.raises(CheckpointError, match="damaged"):
            run.load()
    for size in (0, 7, 8, 200, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match="damaged"):
            run.load()
    path.write_bytes(whole)
    run.load()


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"format": 1}, "is a checkpoint of format 1, must be 2: another version"),
        ({"format": None}, "is a checkpoint of format None"),
        ({"iteration": -1}, "iteration is -1, must be a finite int"),
        ({"iteration": 10**30}, "iteration is 1000"),
        ({"iteration": True}, "iteration is True"),
        ({"decisions": "7"}, "decisions is '7'"),
        ({"decisions": 7.0}, "decisions is 7.0"),
        ({"seconds": -0.5}, "seconds is -0.5"),
        ({"seconds": [1.0]}, r"seconds is \[1.0\]"),
        ({"best": "low"}, "best is 'low', must be a finite float or null"),
        ({"torch": None}, "torch is None, must be a finite str"),
    ],
)
def test_facts_are_checked(tmp_path: Path, facts: dict[str, Any], words: str) -> None:
    """Protects counters: each has its type and its bounds, and another format is told from damage."""
    checkpoint.save(tmp_path / NAME, {}, FACTS | facts)
    with pytest.raises(CheckpointError, match=words):
        checkpoint.load(tmp_path / NAME)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            [*CANDIDATE_NAMES, "moon", "mars"],
            "its prioritizer reads other columns, with mars, moon, release, units and without active, ",
        ),
        (None, "its prioritizer reads other columns, with no others and without active, "),
        ([["active"]], r"with \['active'\] and without active, "),
    ],
)
def test_other_columns_are_named(run: Training, columns: Any, words: str) -> None:
    """Protects who resumes after an update: columns are named, not the shape of a tensor; an older checkpoint tells none, and goes on."""
    _, arrays, facts = checkpoint.load_latest(run.folder / NAME)
    assert re.search(words, refusal(run, arrays, facts | {"columns": {"prioritizer": columns}}, "another column"))
    with pytest.MonkeyPatch.context() as patch:
        older = {name: fact for name, fact in facts.items() if name != "columns"}
        patch.setattr(checkpoint, "load_latest", lambda path: (path, arrays, older))
        run.load()


@pytest.mark.parametrize(
    "told", ["[]", "3", "null", "{", '{"format": 2, "best": NaN}', '{"format": 2, "seconds": Infinity}', "[" * 100_000]
)
def test_facts_that_nobody_wrote(tmp_path: Path, told: str) -> None:
    """Protects from facts that are no object, or hold what JSON does not know."""
    save_file({}, tmp_path / NAME, {"facts": told, "sha256": ""})
    with pytest.raises(CheckpointError):
        checkpoint.load(tmp_path / NAME)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float8_e4m3fn])
def test_types_that_numpy_does_not_know(tmp_path: Path, dtype: torch.dtype) -> None:
    """Protects from arrays that safetensors can hold and no checkpoint does."""
    save_tensors({"a": torch.zeros(4, dtype=dtype)}, tmp_path / NAME, {"facts": json.dumps(FACTS), "sha256": ""})
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoint.load(tmp_path / NAME)


def crafted(array: np.ndarray) -> Iterator[tuple[str, np.ndarray | None]]:
    """What can be made of an array and is never right: nothing, other dtypes and shapes."""
    yield "missing", None
    yield "of another dtype", array.astype(np.bool_ if array.dtype != np.bool_ else np.int8)
    yield "with one more axis", array[None]
    yield "of no entries", np.zeros((*array.shape, 0), array.dtype)
    if array.ndim:
        yield (
            "longer",
            np.concatenate([array, array[:1] if len(array) else np.zeros((1, *array.shape[1:]), array.dtype)]),
        )


VALUES = {"f": (np.nan, np.inf, -np.inf), "i": (-(2**62), -4, 10**6, 2**62)}
"""By kind of array: what no state of a run has."""


def test_crafted_arrays_are_refused(run: Training) -> None:
    """Protects from checkpoints that somebody made up, digest and all: whatever is changed in whichever array, it is told in one line."""
    arrays, facts = checkpoint.load(run.folder / NAME)
    assert len(arrays["experience.prioritizer.made.seat"]) > 1
    assert any(name.startswith("model.negotiator.optimizer.") for name in arrays)
    for name, array in arrays.items():
        others = {key: each for key, each in arrays.items() if key != name}
        for how, changed in crafted(array):
            told = refusal(run, others if changed is None else others | {name: changed}, facts, f"{name} {how}")
            assert "\n" not in told
        if not array.size or name.startswith("method.world."):  # the World's own values are the World's to check
            continue
        for value in VALUES.get(array.dtype.kind, ()):
            changed = array.copy()
            changed.reshape(-1)[0] = value
            refusal(run, others | {name: changed}, facts, f"{name} with {value}")
    assert "more is not known here" in refusal(run, arrays | {"more": np.zeros(3)}, facts, "more")
    run.load()


def test_wrong_indices_are_refused(run: Training) -> None:
    """Protects from indices that are small enough for their type, and still of something else."""
    arrays, facts = checkpoint.load(run.folder / NAME)
    seats, actions = (arrays[f"experience.prioritizer.made.{name}"] for name in ("seat", "action"))
    legal = arrays["experience.prioritizer.made.count"] + arrays["experience.prioritizer.made.may_pass"]
    world = arrays["method.world.world"].view(run.method.state()["world.world"].dtype)  # type: ignore[call-overload]
    world = world.copy()
    world["seed"] = 12345
    negative = -np.ones_like(arrays["experience.prioritizer.returns.squares"])
    for changes, words in (
        ({"experience.prioritizer.made.seat": np.roll(seats, 1) * 0 + seats[0]}, "made.seat has a seat twice"),
        (
            {"experience.prioritizer.made.action": np.where(np.arange(len(actions)) == 0, legal, actions)},
            "made.action has a value",
        ),
        ({"experience.prioritizer.made.following": np.zeros_like(seats)}, "made.following has a value"),
        ({"experience.prioritizer.returns.squares": negative}, "squares has a value"),
        (
            {"method.world.seeds": arrays["method.world.seeds"] + np.uint64(1)},
            "world.seeds are not those of the episodes",
        ),
        ({"method.world.world": world.view(np.uint8)}, "another scenario"),
        ({"random.cpu": np.zeros_like(arrays["random.cpu"])}, "another scenario"),
    ):
        assert words in refusal(run, arrays | changes, facts, words)


def test_the_last_three_are_kept(run: Training) -> None:
    """Protects disks, and runs whose newest checkpoint is bad: three are kept, newest first, all whole."""
    for number in range(5):
        run.iteration = number
        run.save()
    kept = sorted(path.name for path in run.folder.iterdir())
    assert kept == ["checkpoint-1.safetensors", "checkpoint-2.safetensors", NAME]
    assert [checkpoint.load(run.folder / name)[1]["iteration"] for name in (NAME, *kept[:2])] == [4, 3, 2]


def test_goes_on_from_the_one_before(
    contested: Scenario, learner: Learner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects runs from a bad newest checkpoint: it is told in one line, and the run ends with the bits of one that never stopped."""
    settings = replace(small(learner), checkpoint_every=1)
    whole = Training(contested, settings, tmp_path / "whole", seed=0)
    whole.learn()
    broken = Training(contested, settings, tmp_path / "broken", seed=0)
    for _ in range(3):
        broken.iterate(Logger(None, []))
        broken.save()
    path = tmp_path / "broken" / NAME
    expected = checkpoint.load(tmp_path / "whole" / NAME)[0]
    shutil.copytree(tmp_path / "broken", tmp_path / "lost")
    (tmp_path / "lost" / NAME).unlink()
    path.write_bytes(flipped(path.read_bytes(), 99_999))
    for folder, told in (("broken", "damaged"), ("lost", "no such checkpoint")):
        capsys.readouterr()
        second = Training(contested, settings, tmp_path / folder, seed=0)
        second.load()
        assert second.iteration == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"{tmp_path / folder / NAME}: {told}")
        assert line.endswith("; going on from checkpoint-1.safetensors, of iteration 2")
        second.learn()
        found = checkpoint.load(tmp_path / folder / NAME)[0]
        for name in expected.keys() - {"method.world.world"}:  # that one holds addresses in memory
            assert np.array_equal(expected[name], found[name], equal_nan=expected[name].dtype.kind == "f"), name


def test_none_is_whole(run: Training) -> None:
    """Protects the message: where all are damaged, it is that of the newest."""
    run.save()
    for path in run.folder.iterdir():
        path.write_bytes(b"")
    with pytest.raises(CheckpointError, match=f"{NAME}: damaged"):
        run.load()


def test_a_failure_touches_no_other_checkpoint(run: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the last checkpoints from a disk that is full: they stay as they are, and nothing is left beside them."""
    run.save()
    before = {path.name: path.read_bytes() for path in run.folder.iterdir()}

    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "packed", full)
    with pytest.raises(OSError, match="No space") as caught:
        run.save()
    assert caught.value.filename == str(run.folder / NAME)
    assert {path.name: path.read_bytes() for path in run.folder.iterdir()} == before
    monkeypatch.undo()
    monkeypatch.setattr(os, "fsync", full)  # a disk that tells late: by then the others have been set aside
    with pytest.raises(OSError, match="No space"):
        run.save()
    run.load()


def test_header_is_plain_safetensors(run: Training) -> None:
    """Protects other tools: a checkpoint stays a file that any reader of safetensors opens, facts in its metadata."""
    with safe_open(run.folder / NAME, "numpy") as file:
        assert json.loads(file.metadata()["facts"])["iteration"] == 1
    assert load_file(run.folder / NAME).keys() == checkpoint.load(run.folder / NAME)[0].keys()
