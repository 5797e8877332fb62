"""Events as they happen: each is told once, in order, whoever asks and whatever the world does meanwhile."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from agents.evaluation.play import decide
from agents.rules import negotiator, prioritizer
from envs import EventKind, EventLog, Phase, Scenario, Uncertainty, World
from envs.workloads.generators.synthetic import SyntheticWorkload

STEPS = 150


def world(**how: bool) -> World:
    """Three worlds in which things go wrong."""
    scenario = Scenario(
        SyntheticWorkload(agents=3, jobs=6), uncertainty=Uncertainty(0.3, 0.1, 5.0, 2, 400.0, 60.0, 0.5)
    )
    return World(scenario, 3, seed=4, record=True, **how)


def play(w: World, steps: int = STEPS, worlds: range | None = None) -> None:
    """Play on by rules."""
    picks, bids = np.zeros(w.out.acting.shape, np.int32), np.zeros(w.out.acting.shape)
    for _ in range(steps):
        decide(w.out, prioritizer("wsrpt"), negotiator("urgency"), picks, bids)
        w.step(picks, bids, worlds)


def rows(log: EventLog) -> list[tuple[float, ...]]:
    """Events that can be compared."""
    return [tuple(row) for row in zip(*(column.tolist() for column in log), strict=True)]


def test_new_events_are_the_log_in_pieces() -> None:
    """Protects who follows a world: every event once, in the order of the log, also where the log was read in between."""
    w = world(auto_reset=False)
    w.reset()
    found: list[list[tuple[float, ...]]] = [[], [], []]
    while (w.out.phase != Phase.OVER).any():
        for b in range(3):
            found[b] += rows(w.new_events(b))
            assert rows(w.new_events(b)) == []
        assert len(w.log(0).time) >= len(found[0])
        play(w, 1)
    for b in range(3):
        assert found[b] + rows(w.new_events(b)) == rows(w.log(b))


def test_subscribers_hear_of_all_episodes() -> None:
    """Protects who subscribes: with worlds that start anew by themselves nothing is lost or told twice, and kinds are as asked for."""
    w = world()
    told: list[tuple[int, list[tuple[float, ...]]]] = []
    ends: list[int] = []
    unsubscribe = w.subscribe(lambda b, log: told.append((b, rows(log))))
    w.subscribe(lambda b, log: ends.extend(log.kind.tolist()), {EventKind.JOB_DONE, EventKind.JOB_ABANDONED})
    w.reset()
    whole: list[list[tuple[float, ...]]] = [[], [], []]
    for _ in range(STEPS):
        over = w.out.phase == Phase.OVER
        for b in np.flatnonzero(over):
            whole[b] += rows(w.log(int(b)))
        play(w, 1)
    for b in range(3):
        assert [row for world, batch in told if world == b for row in batch] == whole[b] + rows(w.log(b))
    assert len(whole[0]) > 0
    wanted = {float(EventKind.JOB_DONE), float(EventKind.JOB_ABANDONED)}
    assert len(ends) == sum(row[1] in wanted for _, batch in told for row in batch) > 0
    unsubscribe()
    count, heard = len(told), len(ends)
    play(w)
    assert len(told) == count
    assert len(ends) > heard


def test_the_past_is_no_news() -> None:
    """Protects who puts worlds somewhere: what a snapshot, a state or a copied World had behind it is not told again."""
    w = world(auto_reset=False)
    w.reset()
    play(w, 10)
    seen = len(w.log(0).time)
    other = world(auto_reset=False)
    told: list[int] = []
    other.subscribe(lambda b, log: told.append(len(log.time)))
    other.reset()
    told.clear()
    other.restore(0, w.snapshot(0))
    assert sum(told) == len(other.new_events(0).time) == len(other.log(0).time) - seen < seen
    twin = copy.copy(w)
    assert len(twin.new_events(0).time) == 0
    assert rows(twin.log(0)) == rows(w.log(0))
    w.set_state(w.get_state())
    play(w, 1, range(1))
    assert rows(w.new_events(0)) == rows(w.log(0))


def test_ended_worlds_keep_their_logs_while_others_play() -> None:
    """Protects logs of worlds that stand still: only a world that starts anew begins a log."""
    w = world()
    w.reset()
    while w.out.phase[1] != Phase.OVER:
        play(w, 1, range(1, 2))
    whole = rows(w.log(1))
    play(w, 1, range(1))
    assert rows(w.log(1)) == whole != []


def test_nothing_is_told_of_worlds_that_record_nothing() -> None:
    """Protects users from waiting for events that never come."""
    w = World(Scenario(SyntheticWorkload(agents=2, jobs=4)))
    for call in (lambda: w.new_events(0), lambda: w.subscribe(print)):
        with pytest.raises(ValueError, match="record=True"):
            call()
    with pytest.raises(ValueError, match=r"World\.new_events: b is 3"):
        world().new_events(3)
