"""What a mask looks like: networks and learners count on it."""

from __future__ import annotations

import numpy as np

from envs import Phase, World
from envs.world import Outputs
from tests.reference.scenarios import random_actions, random_case


def starts_with_all(what: np.ndarray) -> bool:
    """Whether rows [..., K] have nothing behind a gap."""
    return bool((what == (np.arange(what.shape[-1]) < what.sum(axis=-1, keepdims=True))).all())


def check(out: Outputs) -> None:
    """Candidates that are shown come first, and each of them is legal where its agent is asked."""
    shown = out.task >= 0
    assert starts_with_all(shown)
    assert starts_with_all(out.mask[..., :-1])
    asked = out.acting & (out.phase == Phase.PRIORITISE)[:, None]
    assert (out.mask[asked][:, :-1] == shown[asked]).all()


def test_a_place_is_an_action() -> None:
    """Protects policies that choose among places: the k-th candidate is action k, in any world, at its end and where it was cut off."""
    most = asked = 0
    for case in range(60):
        scenario, _ = random_case(case)
        world, random = World(scenario, 2, seed=case, auto_reset=False), np.random.default_rng(case)
        out = world.reset()
        for _ in range(60):
            check(out)
            most, asked = max(most, int(out.mask[..., :-1].sum(axis=-1).max())), asked + int(out.acting.sum())
            if (out.phase == Phase.OVER).all():
                break
            picks, bids = zip(*(random_actions(random, mask) for mask in out.mask), strict=True)
            out = world.step(np.stack(picks), np.stack(bids))
    assert most > 3
    assert asked > 1000
