"""Worlds that are copied and put back go on exactly."""

from __future__ import annotations

import numpy as np

from envs import World
from envs.default_scenario import default_scenario
from envs.world import Outputs


def actions(out: Outputs, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Random legal picks and bids."""
    picks = (random.random(out.mask.shape) * out.mask).argmax(axis=2).astype(np.int32)
    return picks, random.integers(0, 16, picks.shape).astype(np.float64)


def test_a_restored_world_goes_on_exactly() -> None:
    """Protects resuming: from many points of an episode, a World that was put back shows the same bits as one that never stopped."""
    scenario, random = default_scenario(), np.random.default_rng(0)
    world, other = World(scenario, 2, seed=5), World(scenario, 2, seed=5)
    world.reset()
    other.reset()
    for point in range(60):
        for _ in range(7):
            world.step(*actions(world.out, random))
        for _ in range(point % 3):  # the other one has a past of its own
            other.step(*actions(other.out, random))
        other.set_state(world.get_state())
        for _ in range(3):
            chosen = actions(world.out, random)
            for name, one, two in zip(Outputs._fields, world.step(*chosen), other.step(*chosen), strict=True):
                assert np.array_equal(one, two, equal_nan=one.dtype.kind == "f"), (point, name)


def test_a_fork_goes_on_exactly() -> None:
    """Protects search: from many points a fork shows the same bits as its source, which stood still, and others notice nothing."""
    scenario, random = default_scenario(), np.random.default_rng(0)
    world = World(scenario, 4, seed=5)
    world.reset()
    for _ in range(60):
        for _ in range(7):
            world.step(*actions(world.out, random))
        world.fork(np.array([0, 0]), np.array([2, 3]))
        before = [np.array(part) for part in world.out]
        chosen = actions(world.out, random)
        for part in chosen:
            part[2:] = part[0]
        world.step(*chosen, range(2, 4))
        assert all(
            np.array_equal(part[:2], old[:2], equal_nan=part.dtype.kind == "f")
            for part, old in zip(world.out, before, strict=True)
        )
        world.step(*chosen, range(2))
        for name, part in zip(Outputs._fields, world.out, strict=True):
            if name != "entry":
                assert np.array_equal(part[2:], part[[0, 0]], equal_nan=part.dtype.kind == "f"), name
