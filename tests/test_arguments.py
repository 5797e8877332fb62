"""What callers hand to a World: whatever a kernel would follow is checked, and refused in one line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from envs import Negotiation, Scenario, World
from envs.engine.codes import Phase
from envs.workloads.generators.synthetic import SyntheticWorkload
from envs.world import Outputs
from tests.state.test_check import play_round

SMALL = Scenario(SyntheticWorkload(jobs=6), candidates=4)
B, A = 4, 4
PICKS, BIDS = np.zeros((B, A), np.int32), np.zeros((B, A))


def make(**kwargs: Any) -> World:
    """Four worlds of four agents in their first round."""
    world = World(SMALL, B, seed=1, **kwargs)
    world.reset()
    return world


def snapshot(world: World) -> list[bytes]:
    """All that a World says."""
    return [part.tobytes() for part in world.out]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": 1.5}, r"World: seed is 1.5, must be an integer in 0\.\.2\^64-1"),
        ({"seed": -1}, "World: seed is -1, must be an integer in 0"),
        ({"seed": True}, "World: seed is True, must be an integer in 0"),
        ({"seed": 2**64}, "World: seed is 18446744073709551616"),
        ({"seed": "1"}, "World: seed is '1'"),
        ({"seed": None}, "World: seed is None"),
        ({"num_worlds": True}, "World: num_worlds is True, must be an integer >= 1"),
        ({"num_worlds": 2.0}, "World: num_worlds is 2.0, must be an integer >= 1"),
        ({"num_worlds": 0}, "World: num_worlds is 0"),
        ({"threads": "2"}, "World: threads is '2'"),
        ({"num_instances": 0}, "World: num_instances is 0"),
        ({"num_instances": 1.0}, "World: num_instances is 1.0"),
        ({"auto_reset": 1}, "World: auto_reset is 1, must be True or False"),
        ({"record": None}, "World: record is None, must be True or False"),
        ({"scenario": "job_shop"}, "World: scenario is 'job_shop', must be a Scenario"),
        ({"instances": []}, "World: instances is empty"),
        ({"instances": ["ft06"]}, "World: instances has 'ft06', must be Instances"),
    ],
)
def test_constructor(arguments: dict[str, Any], message: str) -> None:
    """Protects users: an argument of a wrong kind is named, with its value."""
    with pytest.raises(ValueError, match=message):
        World(**{"scenario": SMALL} | arguments)


def test_numbers_of_numpy_are_numbers() -> None:
    """Protects callers who compute their arguments."""
    world = World(
        SMALL, np.int64(2), np.uint64(2**64 - 1), num_instances=np.int32(1), threads=np.int8(1), record=np.True_
    )
    assert snapshot(world) == snapshot(World(SMALL, 2, 2**64 - 1, num_instances=1, record=True))


ODD_PICKS = [
    (np.zeros((B, A - 1), np.int32), r"picks is int32 \[4, 3\], must be int32 \[4, 4\]"),
    (np.zeros((B - 1, A), np.int32), r"picks is int32 \[3, 4\], must be int32 \[4, 4\]"),
    (np.zeros(A, np.int32), r"picks is int32 \[4\], must be int32 \[4, 4\]"),
    (np.zeros((1, B, A), np.int32), r"picks is int32 \[1, 4, 4\]"),
    (np.zeros((B, A)), r"picks is float64 \[4, 4\]"),
    (np.zeros((B, A), np.bool_), r"picks is bool \[4, 4\]"),
    (np.zeros((B, A), object), r"picks is object \[4, 4\]"),
    (
        np.full((B, A), 2**40),
        "picks has numbers between 1099511627776 and 1099511627776, must be such that int32 can hold",
    ),
    (None, r"picks is object \[\]"),
    ([[0] * A] * (B - 1) + [[0]], r"picks is object \[\]"),
]
ODD_BIDS = [
    (np.zeros((B, A + 1)), r"bids is float64 \[4, 5\], must be float64 \[4, 4\]"),
    (np.zeros((B, A), complex), r"bids is complex128 \[4, 4\]"),
    ([[None] * A] * B, r"bids is object \[4, 4\]"),
    ("high", r"bids is <U4 \[\]"),
]


@pytest.mark.parametrize(("picks", "message"), ODD_PICKS)
def test_picks(picks: Any, message: str) -> None:
    """Protects memory: picks of another shape or kind are refused, and nothing has moved."""
    world = make()
    before = snapshot(world)
    with pytest.raises(ValueError, match=f"World.step: {message}"):
        world.step(picks, BIDS)
    assert snapshot(world) == before


@pytest.mark.parametrize(("bids", "message"), ODD_BIDS)
def test_bids(bids: Any, message: str) -> None:
    """Protects memory: the same of bids."""
    world = make()
    before = snapshot(world)
    with pytest.raises(ValueError, match=f"World.step: {message}"):
        world.step(PICKS, bids)
    assert snapshot(world) == before


def test_arrays_that_are_checked_are_checked_again() -> None:
    """Protects against an array that changes its shape once it has been looked at, and against one that was refused before."""
    world = make()
    picks, bids = PICKS.copy(), BIDS.copy()
    world.step(picks, bids)
    with pytest.raises(ValueError, match="cannot resize"):
        picks.resize((1, 1))
    odd = np.zeros((1, 1), np.int32)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"World\.step: picks"):
            world.step(odd, bids)
    world.step(picks, bids)


def test_other_memory_plays_alike() -> None:
    """Protects callers whose arrays come from elsewhere: other integers, other order, read-only, lists, changed in place."""
    shaped: dict[str, Any] = {
        "int64": lambda a: a.astype(np.int64) if a.dtype.kind == "i" else a.astype(np.float32),
        "fortran": np.asfortranarray,
        "strided": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
        "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
        "list": lambda a: a.tolist(),
    }
    for way, change in shaped.items():
        world, other, random = make(), make(), np.random.default_rng(0)
        for _ in range(30):
            picks = (random.random(world.out.mask.shape) * world.out.mask).argmax(axis=2).astype(np.int32)
            bids = random.integers(0, 16, picks.shape).astype(np.float64)
            world.step(change(picks), change(bids))
            other.step(picks, bids)
            assert snapshot(world) == snapshot(other), way
    world, other, random = make(), make(), np.random.default_rng(0)
    picks, bids = PICKS.copy(), BIDS.copy()
    for _ in range(30):
        picks[:] = (random.random(world.out.mask.shape) * world.out.mask).argmax(axis=2)
        bids[:] = random.integers(0, 16, picks.shape)
        frozen = picks.copy()
        frozen.flags.writeable = False
        assert snapshot_of(world.step(picks, bids)) == snapshot_of(other.step(frozen, bids))


def snapshot_of(out: Outputs) -> list[bytes]:
    """All that a step says."""
    return [part.tobytes() for part in out]


@pytest.mark.parametrize(
    "worlds",
    [range(9), range(-1, 2), range(0, 4, 2), range(3, 0, -1), range(3, 1), slice(0, 2), [0, 1], 2, np.arange(2)],
)
def test_ranges_of_worlds(worlds: Any) -> None:
    """Protects against worlds that are not there, and against steps that would be passed over in silence."""
    world = make()
    before = snapshot(world)
    with pytest.raises(ValueError, match=r"World.step: worlds is .*, must be a range of step 1 within range\(0, 4\)"):
        world.step(PICKS, BIDS, worlds)
    assert snapshot(world) == before


def test_no_world_is_no_world() -> None:
    """Protects callers whose range is empty: nobody moves."""
    world = make()
    before = snapshot(world)
    world.step(PICKS, BIDS, range(2, 2))
    assert snapshot(world) == before


@pytest.mark.parametrize("credits", [0.0, 5.0])
@pytest.mark.parametrize("bid", [np.inf, -np.inf, np.nan])
def test_bids_are_finite(bid: float, credits: float) -> None:
    """Protects balances: a bid without bound is refused, in every world that says one, and all the others have moved."""
    world = World(Scenario(SyntheticWorkload(), negotiation=Negotiation(credits=credits)), 6, seed=2)
    random = np.random.default_rng(0)
    world.reset()
    while (world.out.phase == Phase.NEGOTIATE).sum() < 2:
        play_round(world, random)
    asked = np.flatnonzero(world.out.phase == Phase.NEGOTIATE)
    steps = world.out.steps.copy()
    picks = world.out.mask.argmax(axis=2).astype(np.int32)
    bids = np.full(picks.shape, bid)
    with pytest.raises(
        ValueError,
        match=rf"world {asked[0]}: action {bid} of agent \d is illegal in phase NEGOTIATE, must be a finite number",
    ):
        world.step(picks, bids)
    assert (world.out.steps == steps)[asked].all()
    assert (world.out.steps != steps).sum() == 6 - len(asked)
    moved = world.out.steps.copy()
    play_round(world, random)
    assert (world.out.steps != moved).all()
    assert np.isfinite(world.get_state()["agents"]["balance"]).all()


def test_several_illegal_picks() -> None:
    """Protects who catches the error: all worlds with an illegal pick stand still, and play on once it is legal."""
    world = make()
    steps = world.out.steps.copy()
    with pytest.raises(
        ValueError, match=r"world 0: action 99 of agent \d is illegal in phase PRIORITISE, must be one of \[0, 1"
    ):
        world.step(np.full((B, A), 99, np.int32), BIDS)
    assert (world.out.steps == steps).all()
    play_round(world, np.random.default_rng(0))
    assert (world.out.steps == steps + 1).all()


@pytest.mark.parametrize(
    ("worlds", "onto", "message"),
    [
        ([0], [4], r"World.fork: onto has 4, must be in 0\.\.3"),
        ([-1], [0], r"World.fork: worlds has -1, must be in 0\.\.3"),
        ([0, 1], [2], r"World.fork: onto is int64 \[1\], must be int32 \[2\]"),
        ([[0]], [[1]], r"World.fork: worlds is int64 \[1, 1\], must be int32 \[any\]"),
        ([0.0], [1.0], r"World.fork: worlds is float64 \[1\]"),
        ([True, False], [False, True], r"World.fork: worlds is bool \[2\]"),
        (0, 1, r"World.fork: worlds is int64 \[\]"),
    ],
)
def test_forks(worlds: Any, onto: Any, message: str) -> None:
    """Protects search: a fork of or onto a world that is not there is refused."""
    world = make()
    with pytest.raises(ValueError, match=message):
        world.fork(np.array(worlds), np.array(onto))


@pytest.mark.parametrize(
    ("seeds", "instance", "message"),
    [
        ([1], [4], r"instance has 4, must be in 0\.\.3"),
        ([1], [-1], r"instance has -1, must be in 0\.\.3"),
        ([1, 2], [0], r"instance is int64 \[1\], must be int32 \[2\]"),
        ([], [], "seeds is "),
        ([-1], [0], "seeds has numbers between -1 and -1, must be such that uint64 can hold"),
        ([1.5], [0], r"seeds is float64 \[1\]"),
        ([1], [0.5], r"instance is float64 \[1\]"),
    ],
)
def test_schedules(seeds: Any, instance: Any, message: str) -> None:
    """Protects schedules: seeds are seeds, instances are there."""
    with pytest.raises(ValueError, match=f"World.schedule: {message}"):
        make().schedule(np.array(seeds), np.array(instance))


def test_a_schedule_is_copied() -> None:
    """Protects against changes of what was checked."""
    world, instance = make(), np.zeros(4, np.int32)
    world.schedule(np.arange(4, dtype=np.uint64), instance)
    instance[:] = 10**9
    assert world.reset().instance.tolist() == [0] * 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": 1.5}, "World.reset: seed is 1.5"),
        ({"seed": -1}, "World.reset: seed is -1"),
        ({"seeds": np.arange(3)}, r"World.reset: seeds is int64 \[3\], must be uint64 \[4\]"),
        (
            {"seeds": np.arange(4), "instance": np.arange(3)},
            r"World.reset: instance is int64 \[3\], must be int32 \[4\]",
        ),
        ({"seeds": np.arange(4), "instance": np.arange(1, 5)}, r"World.reset: instance has 4, must be in 0\.\.3"),
        ({"seeds": np.arange(4), "seed": 1}, "World.reset: seed is 1, must be None where seeds are given"),
        ({"instance": np.arange(4)}, "World.reset: instance is given without seeds"),
    ],
)
def test_resets(arguments: dict[str, Any], message: str) -> None:
    """Protects resets in the same way; the worlds have not moved."""
    world = make()
    before = snapshot(world)
    with pytest.raises(ValueError, match=message):
        world.reset(**arguments)
    assert snapshot(world) == before


@pytest.mark.parametrize("b", [-1, 4, 1.0, True, None])
def test_one_world(b: Any) -> None:
    """Protects what is asked of one world."""
    world = make(record=True)
    for ask in (world.log, world.job_end):
        with pytest.raises(ValueError, match=r"b is .*, must be an integer in 0\.\.3"):
            ask(b)
