"""A world that starts in the middle goes on exactly as the one whose place it takes."""

from __future__ import annotations

import numpy as np
import pytest

from envs.engine import layout
from envs.engine.codes import Phase
from envs.events import NONE, EventKind, EventLog
from envs.state.snapshot import Snapshot, SnapshotError
from envs.world import Outputs, World
from tests.engine.test_twin_agrees import assert_same_outputs
from tests.reference.restore import Impossible, restore
from tests.reference.scenarios import random_actions, random_case

CASES = 120
BLOCK = 20
MOST = 6
"""Followers of a world."""
COSTS = ("reward", "own_cost", "team_cost")
ELSEWHERE = ("entry", *COSTS)
"""Fields of a place in the schedule, and what was handed over before."""


def assert_equal(where: str, one: Outputs, two: Outputs, leaving: tuple[str, ...]) -> None:
    """Every output is the same to the last bit."""
    for name in Outputs._fields:
        if name not in leaving:
            mine, its = getattr(one, name)[0], getattr(two, name)[0]
            assert np.array_equal(mine, its, equal_nan=mine.dtype.kind == "f"), f"{where}: {name}"


def play_on(case: int) -> set[Phase]:
    """Play a random world, restore it elsewhere at some of its decisions, and let all go on alike; return the phases of those decisions."""
    scenario, instance = random_case(case)
    random = np.random.default_rng(case)

    def make() -> World:
        return World(scenario, 1, instances=[instance], auto_reset=False, record=True)

    world, followers, phases = make(), [], set()
    out = world.reset(seeds=random.integers(0, 2**64, size=1, dtype=np.uint64))
    while out.phase[0] != Phase.OVER:
        where = f"case {case}, step {out.steps[0]}, {Phase(out.phase[0]).name}"
        if random.random() < 0.15 and len(followers) < MOST:
            followers.append(make())
            assert_equal(where, out, followers[-1].restore(0, world.snapshot(0)), ELSEWHERE)
            phases.add(Phase(out.phase[0]))
        picks, bids = random_actions(random, out.mask[0])
        out = world.step(picks[None], bids[None])
        for follower in followers:
            assert_equal(f"{where}, then", out, follower.step(picks[None], bids[None]), ("entry",))
    for follower in followers:
        assert np.array_equal(world.job_end(0), follower.job_end(0), equal_nan=True)
        for name, column, its in zip(EventLog._fields, world.log(0), follower.log(0), strict=True):
            assert np.array_equal(column, its), f"case {case}, log.{name}"
    return phases


@pytest.mark.parametrize("first", range(0, CASES, BLOCK))
def test_a_restored_world_goes_on_bit_for_bit(first: int) -> None:
    """Protects decisions outside the simulator: what is seen, and all that follows, equals the world whose place is taken."""
    phases = set().union(*(play_on(case) for case in range(first, first + BLOCK)))
    assert phases == {Phase.PRIORITISE, Phase.NEGOTIATE}


def another_past(random: np.random.Generator, snapshot: Snapshot, tasks: int, kinds: int) -> Snapshot:
    """A history that no draw foresaw: some events never happened, and all later ones come at other times; now is later still."""
    stays = random.random(len(snapshot.events.time)) > 0.1
    time = snapshot.events.time * random.uniform(0.5, 2.0)
    seen = random.random(len(time)) < 0.05  # a start that is, after all, the end of what nobody saw
    kind, agent = snapshot.events.kind.copy(), snapshot.events.agent.copy()
    unseen = seen & (kind == EventKind.TASK_START)
    kind[unseen], agent[unseen] = EventKind.TASK_END, NONE
    snapshot = snapshot._replace(events=snapshot.events._replace(kind=kind, agent=agent))
    events = EventLog(*(column[stays] for column in snapshot.events._replace(time=time)))
    now = float(events.time[-1] if len(events.time) else 0.0) + float(random.choice([0.0, random.uniform(0, 5)]))
    nothing = np.zeros(0, np.int32)
    beliefs = np.zeros((len(snapshot.active), kinds), layout.BELIEF)
    beliefs["count"] = random.integers(0, 3, beliefs.shape)
    beliefs["mean"], beliefs["m2"] = random.normal(0, 0.5, beliefs.shape), random.random(beliefs.shape)
    snapshot = snapshot._replace(beliefs=beliefs, attempts=random.integers(0, 2, tasks).astype(np.int32))
    if random.random() < 0.5:
        later = now + random.choice([-1.0, 0.0, 1.0, 5.0], tasks) * (random.random(tasks) < 0.3)
        snapshot = snapshot._replace(earliest=later, progress=random.random(tasks) * (random.random(tasks) < 0.3))
    snapshot = snapshot._replace(time=now, events=events, picks=None)
    if random.random() < 0.5:  # the epoch is yet to open: what was reserved is taken up again, or dropped
        return snapshot._replace(round=NONE)
    return snapshot._replace(reserved_by=nothing, reserved_task=nothing, reserved_start=np.zeros(0))


@pytest.mark.parametrize("first", range(0, CASES, BLOCK))
def test_the_twin_restores_alike(first: int) -> None:
    """Protects section 9 of docs/world.md: two readings of it agree, on true histories and on others, possible or not."""
    impossible = restored = 0
    for case in range(first, first + BLOCK):
        scenario, instance = random_case(case)
        random = np.random.default_rng(case)
        worlds = [World(scenario, 1, instances=[instance], auto_reset=False, record=True) for _ in range(2)]
        out = worlds[0].reset(seeds=random.integers(0, 2**64, size=1, dtype=np.uint64))
        while out.phase[0] != Phase.OVER:
            if random.random() < 0.15:
                snapshot = worlds[0].snapshot(0)
                snapshot = (
                    another_past(random, snapshot, instance.num_tasks, instance.speed.shape[1])
                    if random.random() < 0.6
                    else snapshot
                )
                where = f"case {case}, step {out.steps[0]}"
                submitted = int((snapshot.events.kind == EventKind.TASK_SUBMISSION).sum())
                too_late = snapshot.time > scenario.limits.max_time
                if too_late or (instance.job_release[submitted:] < snapshot.time).any():
                    with pytest.raises(SnapshotError, match="limits.max_time" if too_late else "no event submits it"):
                        worlds[1].restore(0, snapshot)
                    continue
                try:
                    twin, seen = restore(scenario, instance, snapshot)
                except Impossible as refused:
                    impossible += 1
                    with pytest.raises(SnapshotError, match=f"event {refused.args[0]},"):
                        worlds[1].restore(0, snapshot)
                else:
                    restored += 1
                    assert_same_outputs(where, seen, worlds[1].restore(0, snapshot))
                    while not twin.over:
                        actions = random_actions(random, seen.mask)
                        seen = twin.step(*actions)
                        assert_same_outputs(
                            f"{where}, then {seen.steps}", seen, worlds[1].step(*(each[None] for each in actions))
                        )
            picks, bids = random_actions(random, out.mask[0])
            out = worlds[0].step(picks[None], bids[None])
    assert impossible
    assert restored


def test_a_still_world_stands_where_its_clock_would_move() -> None:
    """Protects decisions for one instant: once nobody has a choice the world is over, at the very same time, and stays so."""
    scenario, instance = random_case(3)
    world = World(scenario, 1, instances=[instance], auto_reset=False, record=True)
    out = world.reset(seeds=np.array([3], np.uint64))
    snapshot = world.snapshot(0)
    out = world.restore(0, snapshot, still=True)
    while out.phase[0] != Phase.OVER:
        out = world.step(out.mask.argmax(axis=2).astype(np.int32), np.zeros(out.acting.shape))
    assert (float(out.time[0]), bool(out.terminated[0]), bool(out.truncated[0])) == (snapshot.time, False, False)
    assert len(world.log(0).time) > len(snapshot.events.time)
    assert world.step(np.zeros(out.acting.shape, np.int32), np.zeros(out.acting.shape)).time[0] == snapshot.time


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time": np.nan}, "time is nan"),
        ({"time": -1.0}, "not before the last event"),
        ({"balance": np.zeros(1)}, r"balance has shape \(1,\)"),
        ({"active": np.zeros(99, np.bool_)}, r"active has shape \(99,\)"),
        ({"price": np.inf}, "balance and price must be finite"),
        ({"progress": np.ones(1)}, r"progress must be \(\d+,\) shares in \[0, 1\)"),
        ({"earliest": np.full(1, np.inf)}, "earliest must be"),
        (
            {"reserved_by": np.array([99]), "reserved_task": np.array([0]), "reserved_start": np.zeros(1)},
            "reservation 0 is of task 0 at agent 99",
        ),
    ],
)
def test_snapshots_that_do_not_fit_are_refused(change: dict[str, object], message: str) -> None:
    """Protects memory: nothing out of range reaches a kernel."""
    scenario, instance = random_case(3)
    world = World(scenario, 1, instances=[instance], auto_reset=False, record=True)
    world.reset(seeds=np.array([3], np.uint64))
    with pytest.raises(SnapshotError, match=message):
        world.restore(0, world.snapshot(0)._replace(**change))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("task", 10**6, "names task 1000000"), ("agent", -2, "names agent -2"), ("time", np.inf, "finite and ascend")],
)
def test_events_out_of_range_are_refused(name: str, value: float, message: str) -> None:
    """Protects memory from events as well."""
    scenario, instance = random_case(3)
    world = World(scenario, 1, instances=[instance], auto_reset=False, record=True)
    out = world.reset(seeds=np.array([3], np.uint64))
    while not (world.log(0).kind == EventKind.TASK_START).any():
        out = world.step(out.mask.argmax(axis=2).astype(np.int32), np.zeros(out.acting.shape))
    snapshot = world.snapshot(0)
    column = getattr(snapshot.events, name).copy()
    column[np.flatnonzero(snapshot.events.kind == EventKind.TASK_START)[0]] = value
    with pytest.raises(SnapshotError, match=message):
        world.restore(0, snapshot._replace(events=snapshot.events._replace(**{name: column})))
