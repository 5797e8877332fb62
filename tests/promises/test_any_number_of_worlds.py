"""World i of many is the world that plays alone, whatever the others do and however many threads there are."""

from __future__ import annotations

import numpy as np
import pytest

from envs import World
from tests.reference.scenarios import random_actions, random_case

MANY = 64
ROUNDS = 40


@pytest.mark.parametrize("threads", [1, 2])
def test_world_of_many(threads: int) -> None:
    """Protects who compares runs of different sizes: neither neighbours nor threads change a bit of any output."""
    for case in range(5):
        scenario, _ = random_case(case)
        instances = [random_case(case + i)[1] for i in range(4)]
        seeds, played = np.arange(MANY, dtype=np.uint64) + 5, np.arange(MANY, dtype=np.int32) % 4
        many = World(scenario, MANY, instances=instances, auto_reset=False, threads=threads)
        many.reset(seeds=seeds, instance=played)
        chosen = (0, 17, MANY - 1)
        alone = {i: World(scenario, instances=instances, auto_reset=False) for i in chosen}
        for i, world in alone.items():
            world.reset(seeds=seeds[i : i + 1], instance=played[i : i + 1])
        random = np.random.default_rng(case)
        for _ in range(ROUNDS):
            for i, world in alone.items():
                for name, value in world.out._asdict().items():
                    here = getattr(many.out, name)[i]
                    if name != "entry":  # its place in the schedule, which differs by what else is in it
                        assert np.array_equal(value[0], here, equal_nan=here.dtype.kind == "f"), (case, i, name)
            actions = [random_actions(random, mask) for mask in many.out.mask]
            picks, bids = np.stack([picks for picks, _ in actions]), np.stack([bids for _, bids in actions])
            for i, world in alone.items():
                world.step(picks[i : i + 1], bids[i : i + 1])
            many.step(picks, bids)
