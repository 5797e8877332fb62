"""Tests of trained policies on disk."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from agents.networks.architecture import NEGOTIATOR, PRIORITIZER, Brain, Spec
from agents.networks.artifact import (
    DESCRIPTION,
    DIGEST,
    WEIGHTS,
    ArtifactError,
    TrainedNegotiator,
    TrainedPrioritizer,
    load,
    save,
)
from agents.protocols import Negotiator, Prioritizer
from envs.columns import NUM_CANDIDATE, NUM_CONTEXT, NUM_NEGOTIATION
from tests.agents.networks.test_networks import awake


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a policy of each role."""
    save(tmp_path / "policy" / PRIORITIZER, awake(Brain(Spec.default(PRIORITIZER, 8))), {"seed": 3})
    save(tmp_path / "policy" / NEGOTIATOR, awake(Brain(Spec.default(NEGOTIATOR, 8, levels=16))), {})
    return tmp_path / "policy"


def test_guide_is_kept(tmp_path: Path) -> None:
    """Protects policies that start from a tuned index: they take its weights along, and decide by them."""
    guide = {"wsrpt": 1.0, "duration": -0.5}
    saved = Brain(Spec.default(NEGOTIATOR, 8, 16, guide=guide))
    save(tmp_path / "policy", saved, {})
    policy = load(tmp_path / "policy", NEGOTIATOR)
    assert policy.brain.spec.guide == guide
    assert isinstance(policy, TrainedNegotiator)
    observation = np.random.default_rng(0).random((9, NUM_NEGOTIATION)).astype(np.float32)
    assert policy.bid(observation).tolist() == TrainedNegotiator(saved).bid(observation).tolist()
    assert len(set(policy.bid(observation))) == 9


def padded(candidates: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The same candidates in a window of another size, with their mask."""
    count = candidates.shape[1]
    wide = np.zeros((len(candidates), size, NUM_CANDIDATE), np.float32)
    wide[:, :count] = candidates
    mask = np.zeros((len(candidates), size + 1), bool)
    mask[:, :count] = True
    return wide, mask


def test_decides_the_same_at_another_k(folder: Path) -> None:
    """Protects generality: a policy that was saved decides alike for a window of 8 and of 200, and is a Prioritizer."""
    policy = load(folder, PRIORITIZER)
    assert isinstance(policy, TrainedPrioritizer)
    assert isinstance(policy, Prioritizer)
    assert policy.training == {"seed": 3}
    random = np.random.default_rng(0)
    candidates = random.normal(size=(50, 6, NUM_CANDIDATE)).astype(np.float32)
    context = random.normal(size=(50, NUM_CONTEXT)).astype(np.float32)
    picks = [policy.pick(*(wide := padded(candidates, size))[:1], context, wide[1]) for size in (6, 8, 200)]
    assert len(set(picks[0].tolist())) > 2
    for other in picks[1:]:
        assert np.array_equal(picks[0], other)


def test_negotiator_bids_real_numbers(folder: Path) -> None:
    """Protects the other role: bids are real numbers within the levels, and differ."""
    policy = load(folder / NEGOTIATOR, NEGOTIATOR)
    assert isinstance(policy, TrainedNegotiator)
    assert isinstance(policy, Negotiator)
    bids = policy.bid(np.random.default_rng(0).normal(size=(100, NUM_NEGOTIATION)).astype(np.float32))
    assert bids.dtype == np.float64
    assert bids.min() >= 0
    assert bids.max() <= 15
    assert len(set(bids)) > 50


def test_saving_again_replaces(folder: Path) -> None:
    """Protects the folder: a second save replaces the first as a whole and leaves nothing beside it."""
    brain = Brain(Spec.default(PRIORITIZER, 4))
    save(folder / PRIORITIZER, brain, {})
    loaded = load(folder, PRIORITIZER)
    assert loaded.brain.spec.width == 4
    assert sorted(path.name for path in folder.iterdir()) == [NEGOTIATOR, PRIORITIZER]


def rewrite(path: Path, **changes: object) -> None:
    """Change the description of a policy."""
    description = json.loads((path / DESCRIPTION).read_text())
    (path / DESCRIPTION).write_text(json.dumps({**description, **changes}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 99}, "format is 99, must be format 1: another version"),
        ({"weights_sha256": "0" * 64}, "damaged: its SHA-256 is"),
        ({"weights_sha256": None}, "must be None, as policy.json says"),
        ({"role": "king"}, "role is 'king'"),
        ({"width": 16}, "as policy.json says"),
        ({"width": True}, "whole number"),
        ({"width": 10**9}, "width is 1000000000"),
        ({"levels": -1}, "levels is -1, must be 0: a prioritizer does not bid"),
        ({"context_columns": ["queue", "queue"]}, "different column names"),
        ({"context_columns": ["what"]}, "unknown column 'what'"),
        ({"candidate_columns": ["units"]}, "has a scale"),
        ({"ordinal": 1}, "ordinal is 1, must be true or false"),
        ({"guide": 3}, "guide is 3, must be an object"),
        ({"guide": {"what": 1.0}}, "an index cannot weigh 'what'"),
        ({"guide": {"wait": 1.0}}, "as policy.json says"),
    ],
)
def test_wrong_description(folder: Path, changes: dict[str, object], words: str) -> None:
    """Protects the user: a description that does not fit is told in one line that names the file."""
    rewrite(folder / PRIORITIZER, **changes)
    with pytest.raises(ArtifactError, match=words) as caught:
        load(folder, PRIORITIZER)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_files(folder: Path, tmp_path: Path) -> None:
    """Protects the user: missing, truncated, foreign and poisoned files are told apart, and none is used."""
    description = folder / PRIORITIZER / DESCRIPTION
    description.write_text(
        json.dumps({key: value for key, value in json.loads(description.read_text()).items() if key != DIGEST})
    )
    with pytest.raises(ArtifactError, match="holds a negotiator, not a prioritizer"):
        load(folder / NEGOTIATOR, PRIORITIZER)
    with pytest.raises(ArtifactError, match="no such file"):
        load(tmp_path / "nowhere", PRIORITIZER)
    weights = folder / PRIORITIZER / WEIGHTS
    tensors = load_file(weights)
    name = next(iter(tensors))
    save_file({**tensors, name: torch.full_like(tensors[name], torch.nan)}, weights)
    with pytest.raises(ArtifactError, match="not finite"):
        load(folder, PRIORITIZER)
    save_file({**tensors, "more": torch.zeros(1)}, weights)
    with pytest.raises(ArtifactError, match="more is no weight"):
        load(folder, PRIORITIZER)
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(ArtifactError, match="damaged"):
        load(folder, PRIORITIZER)
    (folder / PRIORITIZER / DESCRIPTION).write_text("{")
    with pytest.raises(ArtifactError, match="not JSON"):
        load(folder, PRIORITIZER)


def test_flipped_weights_are_noticed(folder: Path) -> None:
    """Protects from weights that changed by a bit on their way: none is used; what an earlier version saved has no digest, and is."""
    weights, random = folder / PRIORITIZER / WEIGHTS, np.random.default_rng(0)
    whole = weights.read_bytes()
    for place in random.integers(8 * len(whole), size=60):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        weights.write_bytes(flipped)
        with pytest.raises(ArtifactError, match="damaged: its SHA-256"):
            load(folder, PRIORITIZER)
    weights.write_bytes(whole)
    assert json.loads((folder / PRIORITIZER / DESCRIPTION).read_text())[DIGEST] == hashlib.sha256(whole).hexdigest()
    description = json.loads((folder / PRIORITIZER / DESCRIPTION).read_text())
    del description[DIGEST]
    (folder / PRIORITIZER / DESCRIPTION).write_text(json.dumps(description))
    load(folder, PRIORITIZER)


def test_loads_by_a_name(folder: Path) -> None:
    """Protects notebooks: a path as text will do, and the role need not be said where there is only one."""
    assert isinstance(load(str(folder / NEGOTIATOR)), TrainedNegotiator)
    with pytest.raises(
        ArtifactError, match=r"has a prioritizer and a negotiator; say which one, as in load\(folder, 'prioritizer'\)"
    ):
        load(str(folder))
    shutil.rmtree(folder / NEGOTIATOR)
    assert isinstance(load(str(folder)), TrainedPrioritizer)
    with pytest.raises(ArtifactError, match="has no negotiator, only a prioritizer"):
        load(str(folder), NEGOTIATOR)


def test_readers_find_the_old_or_the_new(folder: Path) -> None:
    """Protects who evaluates while a run learns: description and weights always belong together."""
    brains = [Brain(Spec.default(PRIORITIZER, width)) for width in (4, 8)]
    writer = threading.Thread(target=lambda: [save(folder / PRIORITIZER, brains[n % 2], {"n": n}) for n in range(40)])
    writer.start()
    widths = []
    while writer.is_alive():
        widths.append(load(folder, PRIORITIZER).brain.spec.width)
    writer.join()
    assert set(widths) == {4, 8}
