"""Rules and indices as searches see them: what they pick is likeliest, and nothing that they would never do is drawn."""

from __future__ import annotations

import numpy as np
import pytest

from agents.planning.completions import likeliest
from agents.protocols import Prioritizer, Scorer
from agents.rules import PRIORITIZERS, Index, prioritizer
from agents.rules.dispatching import STEEPNESS, likelihoods
from envs.columns import NUM_CANDIDATE, NUM_CONTEXT, Candidate
from tests.conftest import ROOT

NAMES = [name + ending for name in PRIORITIZERS for ending in ("", "+r", "+p")]


def seen(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random sights of so many seats, some of which may pass, or can only; with ties."""
    rng = np.random.default_rng(number)
    candidates = rng.integers(0, 4, (number, 6, NUM_CANDIDATE)).astype(np.float32)
    for flag in (Candidate.STARTABLE, Candidate.FORECAST_NEXT):
        candidates[..., flag] = rng.random((number, 6)) < 0.4
    mask = rng.random((number, 7)) < 0.6
    mask[np.arange(number), rng.integers(7, size=number)] = True
    return candidates, np.ones((number, NUM_CONTEXT), np.float32), mask


def policies() -> dict[str, Prioritizer]:
    """Every rule in every way, and an index."""
    return {name: prioritizer(name) for name in NAMES} | {
        "index": Index({"wsrpt": 1.0, "startable": 0.5, "wait": -1.0})
    }


@pytest.mark.parametrize("name", [*NAMES, "index"])
def test_the_pick_is_likeliest(name: str) -> None:
    """Protects searches of rules: without exploration a search plays the rule, so that no plan of its is worse than the rule's."""
    policy = policies()[name]
    assert isinstance(policy, Scorer)
    scores = policy.scores(*seen(200))
    assert scores.dtype == np.float32
    assert scores.argmax(axis=1).tolist() == policy.pick(*seen(200)).tolist()
    np.testing.assert_allclose(np.exp(scores).sum(axis=1), 1.0, rtol=1e-5)
    assert np.isneginf(scores[:, :-1][~seen(200)[2][:, :-1]]).all()  # what is illegal is never drawn


def test_by_hand() -> None:
    """Protects the ranking: by score among what may be picked, of equals the first; steps alike; to pass only where nothing is left."""
    scores = np.array([[1.0, 5.0, 5.0, 9.0], [1.0, 2.0, 3.0, 4.0]])
    eligible = np.array([[True, True, True, False], [False] * 4])
    found = likelihoods(scores, eligible)
    assert likeliest(found, 5).tolist() == [[1, 2, 0, -1, -1], [4, -1, -1, -1, -1]]
    assert found[0, 1] - found[0, 2] == pytest.approx(STEEPNESS)
    assert found[0, 2] - found[0, 0] == pytest.approx(STEEPNESS)
    assert found[1, 4] == 0.0


def test_rules_do_not_reserve_in_searches() -> None:
    """Protects what a name says: a rule without +r is searched among what can start, one with it among all that is legal."""
    candidates, context, mask = seen(100)
    startable = candidates[..., Candidate.STARTABLE] > 0
    plain, reserving = (
        np.isfinite(prioritizer(name).scores(candidates, context, mask)[:, :-1]) for name in ("spt", "spt+r")
    )
    can = (mask[:, :-1] & startable).any(axis=1)
    assert (plain[can] == (mask[:, :-1] & startable)[can]).all()
    assert (reserving == mask[:, :-1]).all()


def test_the_likelihoods_are_told() -> None:
    """Protects the page: it names the step of the ranking."""
    assert f"exp(-{STEEPNESS:g}) times as likely" in (ROOT / "docs" / "suites.md").read_text(encoding="utf-8")
