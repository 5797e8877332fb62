"""Stability of long runs: what is counted as a pile, a reversal and a swing, and the whole study, small."""

from __future__ import annotations

import math

import numpy as np
import pytest

from agents.operation.messages.messages import CompletionNotification, Message, StatusUpdate
from envs.events import EventKind, EventLog
from experiments.studies.stability import OPTIMIZERS, PARTS, backlog, reversed_starts, study, swing


def test_backlogs_are_means_over_time() -> None:
    """Protects the number: two jobs overlap for a quarter of the time until the last one arrives."""
    kinds = [
        EventKind.TASK_SUBMISSION,
        EventKind.TASK_SUBMISSION,
        EventKind.JOB_DONE,
        EventKind.JOB_DONE,
        EventKind.TASK_SUBMISSION,
    ]
    none = np.zeros(5, np.int32)
    log = EventLog(np.array([0.0, 5.0, 10.0, 15.0, 20.0]), np.array(kinds, np.int32), none, none, none, np.zeros(5))
    np.testing.assert_allclose(backlog(log, parts=2), [1.5, 0.5])


def started(task: str, agent: str, state: str = "started") -> StatusUpdate:
    """A start, or its end."""
    return StatusUpdate(time=0.0, state=state, job="j", task=task, agent=agent)


def test_what_is_reversed_and_what_swings() -> None:
    """Protects the counts: a start that is taken back soon is reversed, one that is ended late is not; shares are by window."""
    messages: list[Message] = [started("x", "a"), started("y", "b"), started("x", "a", "stopped"), started("x", "b")]
    messages += [StatusUpdate(time=0.0, state="ready")] * 5 + [started("y", "b", "stopped")]
    assert reversed_starts(messages, within=3) == (1, 3)
    assert reversed_starts(messages, within=8) == (2, 3)
    done: list[Message] = [
        CompletionNotification(time=0.0, job="j", task=str(k), agent=agent) for k, agent in enumerate("aabbabab")
    ]
    assert swing(done, ["a", "b"], window=2) == pytest.approx((1.0 + 0.5 + 0.0) / 3)
    assert math.isnan(swing(done[:3], ["a", "b"], window=2))


def test_at_loads_below_one_nothing_piles_up() -> None:
    """Protects the study: the backlog of the second half is that of the first, and without an optimizer nothing is reversed."""
    outcome = study(3000, loads=(0.7,))
    (pile,) = outcome.numbers["backlogs"].values()
    assert len(pile) == PARTS
    assert np.mean(pile[PARTS // 2 :]) < 3 * np.mean(pile[: PARTS // 2])
    assert set(outcome.numbers["executions"]) == set(OPTIMIZERS)
    assert outcome.numbers["executions"]["no optimizer"]["reversed"] == 0
    assert outcome.numbers["executions"]["no optimizer"]["adjusted"] == 0
