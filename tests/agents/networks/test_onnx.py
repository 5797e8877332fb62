"""ONNX files of trained policies say what the policies say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import agents
from agents.networks.onnx import OPSET, PaddedNegotiator, PaddedPrioritizer, export
from envs import Phase, Scenario, World
from envs.workloads.generators.synthetic import SyntheticWorkload

POLICIES = ("job_shop", "shared_cluster", "workflow", "batch_queue")
ROLES = [("job_shop", "prioritizer"), ("shared_cluster", "prioritizer"), ("shared_cluster", "negotiator")]


def seen(role: str) -> list[Any]:
    """What asked seats of a role see in a world of random play."""
    world = World(Scenario(SyntheticWorkload(jobs=40), candidates=7, allow_pass=True), 4, seed=1)
    out, random, parts = world.reset(), np.random.default_rng(0), []
    for _ in range(60):
        asked = out.acting & (out.phase == (Phase.PRIORITISE if role == "prioritizer" else Phase.NEGOTIATE))[:, None]
        shown = (out.candidates, out.context, out.mask) if role == "prioritizer" else (out.negotiation,)
        parts.append([part[asked] for part in shown])
        draws = random.random(out.mask.shape) * out.mask
        out = world.step(
            draws.argmax(axis=2).astype(np.int32), random.integers(16, size=out.acting.shape).astype(float)
        )
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def said(policy: Any, role: str, given: list[Any]) -> Any:
    """What a policy answers."""
    return policy.scores(*given) if role == "prioritizer" else policy.bid(*given)


@pytest.mark.parametrize("name", POLICIES)
def test_padded_networks_are_the_same(name: str) -> None:
    """Protects what is exported: without the compiled kernels, over padded candidates, the network says the same."""
    given = seen("prioritizer")
    policy = agents.load(f"policies/{name}", "prioritizer")
    with torch.no_grad():
        found = PaddedPrioritizer(policy.brain)(*map(torch.from_numpy, given)).numpy()
    assert np.allclose(found[given[2]], policy.scores(*given)[given[2]], atol=1e-5)
    assert found[~given[2]].max() < -1e7
    assert len(found) > 50


def test_padded_negotiator_is_the_same() -> None:
    """Protects the other role in the same way."""
    (given,) = seen("negotiator")
    policy = agents.load("policies/shared_cluster", "negotiator")
    with torch.no_grad():
        found = PaddedNegotiator(policy.brain)(torch.from_numpy(given)).numpy()
    assert len(found) > 20
    assert np.allclose(found, policy.bid(given), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "role"), [("job_shop", "prioritizer"), ("shared_cluster", "prioritizer"), ("shared_cluster", "negotiator")]
)
def test_files(name: str, role: str, tmp_path: Path) -> None:
    """Protects programs without torch: ONNX Runtime says what the policy says within 1e-5, for any number of seats and candidates."""
    onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    pytest.importorskip("onnxscript", reason="the extra onnx is not installed")
    policy = agents.load(f"policies/{name}", role)
    export(policy, tmp_path / "policy.onnx")
    assert [each.version for each in onnx.load(tmp_path / "policy.onnx").opset_import if not each.domain] == [OPSET]
    session = runtime.InferenceSession(tmp_path / "policy.onnx")
    for count in (1, 40):
        given = [part[:count] for part in seen(role)]
        (found,) = session.run(None, dict(zip([each.name for each in session.get_inputs()], given, strict=True)))
        expected = said(policy, role, given)
        legal = np.isfinite(expected)
        assert np.allclose(found[legal], expected[legal], rtol=1e-5, atol=1e-5)
