"""Schedules made from an order of tasks, and told as logs that the independent checker accepts."""

from __future__ import annotations

import numpy as np
import pytest

from envs.events import EventKind
from envs.scenario import Objective, Scenario
from envs.schedule import event_log, lengths, realised, schedule
from envs.validate import validate
from tests.by_hand import CALM, OBJECTIVE, TEAM_COST, ByHand
from tests.small import small


def test_known_answer() -> None:
    """Protects the log: the schedule of tests/by_hand.py, made from its order, costs what paper and pencil say."""
    i = ByHand().instance(0)
    made = schedule(i, np.array([0, 0, 1], np.int32), np.array([0, 2, 1], np.int32))
    assert made.start.tolist() == [0, 4, 4]
    report = validate(CALM, i, 0, event_log(i, made), team_cost=TEAM_COST)
    report.raise_if_bad()


def test_gaps_are_filled() -> None:
    """Protects serial generation: what is placed last takes a gap before others that it fits, and only if it does."""
    i = ByHand().instance(0)
    made = schedule(i, np.array([0, 0, 1], np.int32), np.array([2, 0, 1], np.int32))
    assert made.start.tolist() == [21, 25, 1]  # two tokens are left only when job 1 is done
    made = schedule(i, np.array([1, 0, 1], np.int32), np.array([0, 1, 2], np.int32))
    assert made.start.tolist() == [0, 8, 8]


@pytest.mark.parametrize("seed", range(40))
def test_any_order_is_a_schedule(seed: int) -> None:
    """Protects everything that is made of schedules: whatever the order and the agents, the checker accepts the log."""
    i = small(seed, whole=seed % 2 == 0)
    rng = np.random.default_rng(seed)
    agent = np.array(
        [rng.choice(i.option_agent[i.option_first[t] : i.option_first[t + 1]]) for t in range(5)], np.int32
    )
    for order in ([0, 1, 2, 3, 4], [4, 2, 3, 0, 1], [2, 0, 4, 1, 3]):
        log = event_log(i, schedule(i, agent, np.array(order, np.int32)))
        validate(Scenario(ByHand(), OBJECTIVE), i, 0, log).raise_if_bad()
        assert (log.kind == EventKind.TASK_END).sum() == 5


def test_the_checker_sees_what_is_wrong() -> None:
    """Protects from schedules that are none: a start before the predecessor's end, and too many units, are found."""
    i = ByHand().instance(0)
    made = schedule(i, np.array([0, 0, 1], np.int32), np.array([0, 2, 1], np.int32))
    for task, start in ((1, 3.0), (2, 1.0)):
        starts = made.start.copy()
        starts[task] = start
        assert not validate(Scenario(ByHand(), Objective(flow=1.0)), i, 0, event_log(i, made._replace(start=starts))).ok


def test_real_durations() -> None:
    """Protects clairvoyance: the source's ratio and the true speed count; an agent that is no option is refused."""
    i = small(1, whole=False)
    p = int(i.option_first[3])
    agent = int(i.option_agent[p])
    assert realised(i)[p] == i.option_nominal[p] * i.task_ratio[3] / i.speed[agent, 0]
    with pytest.raises(ValueError, match="no option"):
        lengths(ByHand().instance(0), np.array([0, 1, 1], np.int32))
