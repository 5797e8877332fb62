"""States that no world can be in are refused before a kernel follows them; all others are played to an end."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from envs import World
from envs.engine.codes import Phase
from envs.state.arrays import OWN
from envs.world import Outputs
from tests.conftest import ROOT
from tests.reference.scenarios import random_actions, random_case

WRONG_NUMBERS = (-1, -2, -(2**31), 0, 1, 2, 7, 10**6, 2**31 - 1)
WRONG_FLOATS = (np.nan, np.inf, -np.inf, -1.0, 0.0, 1e300)
PATIENCE = 3000
"""Rounds after which an episode of a random case is taken not to end."""


def start(case: int, worlds: int = 1, **kwargs: Any) -> World:
    """A World that plays a random case, in its first round."""
    scenario, instance = random_case(case)
    other = random_case(case + 1)[1]
    world = World(scenario, worlds, seed=case, instances=[instance, other], **kwargs)
    world.reset()
    return world


def play_round(world: World, random: np.random.Generator) -> Outputs:
    """Play random legal actions in every world."""
    chosen = [random_actions(random, mask) for mask in world.out.mask]
    return world.step(np.stack([picks for picks, _ in chosen]).astype(np.int32), np.stack([bids for _, bids in chosen]))


def test_every_state_is_taken_back() -> None:
    """Protects resuming: in random worlds, at every step of whole episodes, the World takes back what it has said."""
    for case in range(60):
        world, random = start(case, 3), np.random.default_rng(case)
        for _ in range(40):
            world.set_state(world.get_state())
            play_round(world, random)


def spoil(state: dict[str, np.ndarray], random: np.random.Generator) -> tuple[str, bool]:
    """Change one number of a state that kernels read; return which, and whether it is an index, a count or a flag."""
    name = str(random.choice([name for name in state if name not in ("seeds", "entries")]))
    array = state[name]
    if array.dtype.names:
        field = str(random.choice([field for field in array.dtype.names if not (name == "world" and field in OWN)]))
        name, array = f"{name}.{field}", array[field]
    if not array.size:
        return name, False
    at = tuple(int(random.integers(min(size, 4))) for size in array.shape)  # the first ones are in use
    if array.dtype == np.bool_:
        array[at] = not array[at]
    elif array.dtype.kind == "f":
        array[at] = min(random.choice(WRONG_FLOATS), np.finfo(array.dtype).max)
    else:
        info = np.iinfo(array.dtype)
        near = int(array[at]) + int(random.integers(-2, 3))
        array[at] = np.clip(
            near if random.random() < 0.3 else int(random.choice(WRONG_NUMBERS)), int(info.min), int(info.max)
        ).astype(array.dtype)
    return f"{name}{at} = {array[at]}", array.dtype.kind != "f"


def play_spoilt(first: int, last: int) -> None:
    """Spoil many states; what is taken nevertheless must go on to an end, through states that are sound. Prints how many were refused."""
    refused = taken = 0
    for case in range(first, last):
        world, random = start(case, 3, auto_reset=False), np.random.default_rng(case)
        for _ in range(int(random.integers(12))):
            play_round(world, random)
        if (world.out.phase == Phase.OVER).all():
            continue
        sound = world.get_state()
        for _ in range(25):
            state = {name: array.copy() for name, array in sound.items()}
            what, follows = spoil(state, random)
            try:
                world.set_state(state)
            except ValueError:
                refused += 1
                continue
            taken += 1
            for steps in range(PATIENCE):
                if (world.out.phase == Phase.OVER).all():
                    break
                play_round(world, random)
                if steps < 3 and follows:  # an odd number may make others odd, but an index no index
                    world.set_state(world.get_state())
            assert (world.out.phase == Phase.OVER).all(), f"case {case}: {what} has no end"
    print(refused, taken)


def test_spoilt_states_cannot_crash() -> None:
    """Protects against crafted checkpoints, in another process: one number is changed anywhere; nothing crashes, hangs or spreads."""
    code = (
        "import faulthandler; faulthandler.enable(); from tests.state.test_check import play_spoilt; play_spoilt(0, 40)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    refused, taken = map(int, done.stdout.split())
    assert refused > 300
    assert taken > 100


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        (("world", "instance"), -1, "world 0: instance is -1, must be in 0..1"),
        (("world", "num_running"), 10**6, "world 0: num_running is 1000000, must be in 0.."),
        (("live", "option"), 2 * 10**9, "world 0: live.option is not the options that are live"),
        (("world", "submitted"), 10**6, "world 0: submitted is 1000000, must be in 0.."),
        (("world", "entry"), -1, "world.entry is not in 0.."),
        (("world", "time"), np.nan, "world.time is not finite"),
        (("units", "free"), 10**6, "world 0: units.free is not what running tasks leave"),
        (("agents", "pick"), 10**6, "world 0: agents.pick is no option"),
        (("agents", "place"), 10**6, "world 0: agents.place is not in 0.."),
        (("masks", None), True, "world 0: masks do not allow"),
    ],
)
def test_what_is_wrong_is_named(where: tuple[str, str | None], value: Any, message: str) -> None:
    """Protects the user: a state is refused by the name of what is wrong, and the world stands where it stood."""
    world = start(3)
    before, state = world.get_state(), world.get_state()
    name, field = where
    if field is None:
        state[name][...] = value
    else:
        state[name][field][...] = value
    with pytest.raises(ValueError, match=f"World.set_state: {message}"):
        world.set_state(state)
    assert all(
        np.array_equal(array.view(np.uint8), before[name].view(np.uint8)) for name, array in world.get_state().items()
    )


@pytest.mark.parametrize(
    "name", ["num_tasks", "num_agents", "max_agents", "room", "log_room", "tasks", "facts", "log_size"]
)
def test_sizes_and_addresses_are_the_worlds_own(name: str) -> None:
    """Protects memory: what a state says of sizes and addresses is not read."""
    world, other = start(3), start(3)
    state = world.get_state()
    state["world"][name] = 10**6
    world.set_state(state)
    random = np.random.default_rng(0), np.random.default_rng(0)
    for _ in range(30):
        for one, two in zip(play_round(world, random[0]), play_round(other, random[1]), strict=True):
            assert np.array_equal(one, two, equal_nan=one.dtype.kind == "f")


@pytest.mark.parametrize("name", ["tasks", "seeds", "entries"])
def test_incomplete_states(name: str) -> None:
    """Protects the user: an array that is missing, or of another World, is named."""
    world = start(3)
    state = world.get_state()
    del state[name]
    with pytest.raises(ValueError, match=f"World.set_state: {name} is missing"):
        world.set_state(state)
