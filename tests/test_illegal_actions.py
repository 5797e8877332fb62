"""Illegal actions in the PettingZoo view: counted, raised only where asked to, and unable to stop the world."""

from __future__ import annotations

from typing import Any

import pytest
from gymnasium.utils.env_checker import data_equivalence

from tests.reference.scenarios import JobSpec
from tests.test_parallel_env import make, starts, task, world_of

NO_OP = 32
"""Of a prioritizer that sees the default number of candidates."""


def test_prioritizer_where_no_event_is_to_come() -> None:
    """Protects liveness: with nothing running, an illegal action is the lowest legal one."""
    env = world_of(JobSpec([task(2.0), task(3.0), task(4.0)]))
    env.reset(seed=0)
    infos = env.step({"prioritizer_0": NO_OP})[4]
    assert starts(env)[0] == (0.0, 0)
    assert infos["prioritizer_0"]["illegal_actions"] == 1
    assert infos["negotiator_0"]["illegal_actions"] == 0


def test_prioritizer_where_an_event_is_to_come() -> None:
    """Protects the counted no-op: with a task running, an illegal action leaves the epoch, and the agent starts nothing more in it."""
    env = world_of(JobSpec([task(2.0), task(3.0), task(4.0)]), local=2)
    env.reset(seed=0)
    env.step({"prioritizer_0": 0})
    infos = env.step({"prioritizer_0": 7})[4]
    assert starts(env) == [(0.0, 0)]
    assert (infos["prioritizer_0"]["illegal_actions"], infos["prioritizer_0"]["time"]) == (1, 2.0)


@pytest.mark.parametrize("said", [0, 1, 16, 99])
def test_negotiator(said: int) -> None:
    """Protects the clearing: an illegal bid is the lowest level, which wins a tie against level 0 as agent 0's and loses to level 1."""
    for rival in (0, 1):
        jobs = [JobSpec([task(5.0, agent, tokens=1), task(5.0, agent, tokens=1)], owner=agent) for agent in (0, 1)]
        env = world_of(*jobs, agents=2)
        env.reset(seed=0)
        seen, *_ = env.step({"prioritizer_0": 0, "prioritizer_1": 0})
        assert seen["negotiator_0"]["action_mask"].tolist() == [1] * 16 + [0]
        infos = env.step({"negotiator_0": said, "negotiator_1": rival})[4]
        level = said if said < 16 else 0
        assert starts(env)[0] == (0.0, 0 if level >= rival else 2)
        assert infos["negotiator_0"]["illegal_actions"] == (said >= 16)
        assert infos["negotiator_1"]["illegal_actions"] == 0


@pytest.mark.parametrize("action", [None, "start", 1.5, float("nan"), -1, -(10**30), 10**30, [0], object()])
def test_garbage(action: Any) -> None:
    """Protects the world from whatever a policy says: it is counted for every seat, and the episode comes to its end."""
    env = make()
    env.reset(seed=1)
    steps = 0
    while env.agents:
        infos = env.step(dict.fromkeys(env.agents, action))[4]
        steps += 1
    assert {info["illegal_actions"] for info in infos.values()} == {steps}


def test_seat_without_a_choice() -> None:
    """Protects the count: a seat that has only the no-op and plays something else is counted, without any effect."""
    env, other = make(), make()
    env.reset(seed=1)
    other.reset(seed=1)
    waiting = [seat for seat, seen in env.reset(seed=1)[0].items() if seen["action_mask"][-1]]
    assert waiting
    acting = {seat: 0 for seat in env.agents if seat not in waiting}
    _, rewards, *_, infos = env.step(acting | dict.fromkeys(waiting, 0))
    assert rewards == other.step(acting)[1]
    assert {seat for seat, info in infos.items() if info["illegal_actions"]} == set(waiting)


def test_step_of_the_wrong_seats() -> None:
    """Protects callers from typing errors, and from stepping an episode that is over or was never started."""
    env = make()
    with pytest.raises(ValueError, match="nobody lives: reset before the first step"):
        env.step({})
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"\['prioritiser_0'\] do not live, the seats are prioritizer_0, "):
        env.step({"prioritiser_0": 0})


@pytest.mark.parametrize("action", [99, -1, None, 1.5, "start"])
@pytest.mark.parametrize("seat", ["prioritizer_1", "negotiator_2"])
def test_raising(seat: str, action: Any) -> None:
    """Protects who asked to be told: an illegal action raises, says what is legal and how to play it, and nothing has moved."""
    env, other = make(illegal="raise"), make()
    seen, _ = env.reset(seed=1)
    other.reset(seed=1)
    legal = {seat: int(view["action_mask"].argmax()) for seat, view in seen.items()}
    with pytest.raises(
        ValueError, match=rf"{seat}: action is {action!r}, must be legal, one of .*mask.*MaskablePPO.*illegal='count'"
    ):
        env.step(legal | {seat: action})
    assert data_equivalence(env.step(legal), other.step(legal))
