"""CleanRL's pattern of proximal policy optimisation plays by masks, and learns."""

from __future__ import annotations

import pytest

from tests.clients import ppo_pattern
from tests.promises.long import IS_LONG


def test_plays_by_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects who copies the file: it plays episodes to their ends, and no action is illegal."""
    made = []
    vector = ppo_pattern.vector
    monkeypatch.setattr(ppo_pattern, "vector", lambda seed: made.append(vector(seed)) or made[0])
    costs = ppo_pattern.learn(2 * ppo_pattern.ENVS * ppo_pattern.STEPS)
    assert len(costs) > 50
    assert 400.0 < min(costs) < max(costs) < 1500.0
    assert [env.get_wrapper_attr("_offences") for env in made[0].envs] == [0] * ppo_pattern.ENVS


@pytest.mark.skipif(not IS_LONG, reason="two minutes: PARLEY_LONG=1")
def test_learns() -> None:
    """Protects the learning signal of docs/clients.md: makespans fall by a twentieth at least."""
    first, last = ppo_pattern.tenths(ppo_pattern.learn(60_000))
    assert last < 0.95 * first
