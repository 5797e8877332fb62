"""Worlds that play on by themselves: they stop where they should, wherever threads and full logs interrupt them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from agents.compiled.completions import Completions
from agents.rules.index import Index
from envs.engine import allocate
from envs.event_logs import EventLogs
from envs.scenario import Scenario, Uncertainty
from envs.workloads.generators.synthetic import SyntheticWorkload
from envs.world import World

INDEX = Index({"wsrpt": 1.0, "startable": 1.0})
WORLDS = 20
SMALL = Scenario(SyntheticWorkload(jobs=10, load_min=2.0, load_max=2.0), uncertainty=Uncertainty(duration_sigma=0.3))


def played(threads: int = 1, limit: float = np.inf, record: bool = False) -> tuple[World, Completions]:
    """Worlds in which the index has played."""
    world = World(SMALL, WORLDS, auto_reset=False, threads=threads, record=record)
    out = world.reset()
    completions = Completions.by(world, INDEX, INDEX)
    completions.start(slice(None), out.team_cost)
    completions.records["limit"] = limit
    completions.play_on(range(WORLDS))
    return world, completions


def costs(completions: Completions) -> list[float]:
    """What the teams have paid."""
    found: NDArray[np.float64] = completions.records["cost"]
    return found.tolist()


def test_threads_change_nothing() -> None:
    """Protects completions shared out among threads: each world is played once, by one of them."""
    assert costs(played(threads=2)[1]) == costs(played()[1])


def test_a_limit_stops_a_world() -> None:
    """Protects searches: what costs less than the limit is played to its end, the rest stops at the first round that reaches it."""
    whole = np.array(costs(played()[1]))
    limit = float(np.median(whole))
    world, completions = played(limit=limit)
    stopped = np.array(costs(completions))
    assert (stopped[whole < limit] == whole[whole < limit]).all()
    assert (stopped[whole >= limit] >= limit).all()
    assert world.out.terminated[whole < limit].all()
    assert not world.out.terminated[whole >= limit].all()
    assert (stopped < whole).any()


def test_full_logs_are_emptied_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects records: a log that fills up between two rounds interrupts a completion, and loses nothing."""
    roomy = played(record=True)[0]
    monkeypatch.setattr(allocate, "_EVENTS_PER_TASK", 1)
    emptied: list[int] = []
    drain = EventLogs.drain
    monkeypatch.setattr(EventLogs, "drain", lambda logs, b: (emptied.append(b), drain(logs, b)))
    tight, completions = played(record=True)
    assert set(emptied) == set(range(WORLDS))
    assert costs(completions) == costs(played()[1])
    for b in range(WORLDS):
        for one, other in zip(roomy.log(b), tight.log(b), strict=True):
            np.testing.assert_array_equal(one, other)


def test_an_illegal_decision_is_told() -> None:
    """Protects whoever gives rounds beforehand: the world, the agent and the action are named, and other rounds of the world are not."""
    world = World(SMALL, 2, auto_reset=False)
    out = world.reset()
    picks = np.zeros((3, world.num_agents), np.int32)
    agent = int(out.acting[1].argmax())
    picks[0, agent] = 99
    completions = Completions.of(world, [(picks[1:], np.zeros(picks[1:].shape)), (picks, np.zeros(picks.shape))])
    completions.start(slice(None), out.team_cost)
    with pytest.raises(ValueError, match=f"world 1: action 99 of agent {agent} is illegal in phase PRIORITISE"):
        world.play_on(
            completions.records,
            completions.picks.reshape(-1, world.num_agents),
            completions.bids.reshape(-1, world.num_agents),
        )
