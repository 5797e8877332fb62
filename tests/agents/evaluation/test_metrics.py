"""The metrics of an episode, worked out by hand from an event log that the test writes down."""

from __future__ import annotations

import math

import numpy as np
import pytest

from agents.evaluation.metrics import Metrics, completion_times, compute_metrics, jain_index, utilisation
from envs.events import NONE, EventKind, EventLog
from envs.workloads.instance import Instance

K = EventKind


@pytest.fixture(scope="module")
def instance() -> Instance:
    """Two agents with 1 slot each and a pool of 4 units. Job 0: two tasks in a row; jobs 1, 2 and 3: one task."""
    return Instance(
        name="by hand",
        resources=("pool", "slot", "unused"),
        shared=np.array([True, False, True]),
        shared_capacity=np.array([4, 0, 0]),
        local_capacity=np.array([[0, 1, 0], [0, 1, 0]]),
        speed=np.ones((2, 1)),
        job_release=np.array([0.0, 10.0, 10.0, 20.0]),
        job_due=np.array([50.0, 40.0, np.inf, 100.0]),
        job_weight=np.array([1.0, 3.0, 2.0, 1.0]),
        job_owner=np.array([0, 1, 0, 1]),
        job_first=np.array([0, 2, 3, 4, 5]),
        task_kind=np.zeros(5, np.int32),
        task_demand=np.array([[2, 1, 0], [0, 1, 0], [4, 1, 0], [1, 1, 0], [1, 0, 0]]),
        task_ratio=np.ones(5),
        option_first=np.arange(6),
        option_agent=np.array([0, 0, 1, 0, 1]),
        option_nominal=np.array([15.0, 25.0, 20.0, 5.0, 10.0]),
        successor_first=np.array([0, 1, 1, 1, 1, 1]),
        successor=np.array([1]),
    )


@pytest.fixture(scope="module")
def log() -> EventLog:
    """Jobs 0 and 1 are done at 60, job 2 at 20; job 3 is given up at 80, when its second attempt has failed; the end is 100."""
    rows = [
        (0, K.TASK_START, 0, 0, 0),
        (10, K.TASK_INTERRUPTED, 0, 0, 0),
        (15, K.TASK_START, 0, 2, 3),
        (20, K.TASK_END, 0, 2, 3),
        (20, K.JOB_DONE, NONE, 2, NONE),
        (20, K.TASK_START, 0, 0, 0),
        (35, K.TASK_END, 0, 0, 0),
        (35, K.TASK_START, 0, 0, 1),
        (40, K.TASK_START, 1, 1, 2),
        (60, K.TASK_END, 0, 0, 1),
        (60, K.JOB_DONE, NONE, 0, NONE),
        (60, K.TASK_END, 1, 1, 2),
        (60, K.JOB_DONE, NONE, 1, NONE),
        (60, K.TASK_START, 1, 3, 4),
        (70, K.TASK_FAILED, 1, 3, 4),
        (70, K.TASK_START, 1, 3, 4),
        (80, K.TASK_FAILED, 1, 3, 4),
        (80, K.JOB_ABANDONED, NONE, 3, NONE),
        (100, K.AGENT_DOWN, 0, NONE, NONE),
    ]
    time, kind, agent, job, task = (np.array(column) for column in zip(*rows, strict=True))
    return EventLog(time.astype(np.float64), kind, agent, job, task, np.zeros(len(rows)))


@pytest.fixture(scope="module")
def metrics(instance: Instance, log: EventLog) -> Metrics:
    """Flows are 60, 50 and 10 s; lengths 40, 20 and 5 s (10 s is the bound); slowdowns 1.5, 2.5 and 1."""
    return compute_metrics(instance, log)


def test_flow(metrics: Metrics) -> None:
    """Protects flow times: (1 x 60 + 3 x 50 + 2 x 10) / 6, mean and median of 60, 50, 10."""
    assert metrics.weighted_flow == pytest.approx(230 / 6)
    assert metrics.mean_flow == pytest.approx(40)
    assert metrics.median_flow == 50
    assert metrics.flow_by_agent == pytest.approx((80 / 3, 50))


def test_tardiness(metrics: Metrics) -> None:
    """Protects tardiness: 10 s and 20 s late; the job without a due date and the one given up do not count."""
    assert metrics.mean_tardiness == pytest.approx(15)


def test_slowdown(metrics: Metrics) -> None:
    """Protects the bounded slowdown: 60 / 40, 50 / 20, and 10 / 10 where the job itself takes 5 s."""
    assert metrics.mean_slowdown == pytest.approx(5 / 3)
    assert metrics.median_slowdown == 1.5


def test_jain(metrics: Metrics) -> None:
    """Protects Jain's index: the owners' mean slowdowns are 1.25 and 2.5."""
    assert metrics.jain == pytest.approx(3.75**2 / (2 * (1.25**2 + 2.5**2)))
    assert jain_index(np.array([1.0, 0.0, 0.0, 0.0])) == 0.25
    assert jain_index(np.array([3.0, 3.0, math.nan])) == 1.0
    assert math.isnan(jain_index(np.zeros(2)))


def test_ends(metrics: Metrics, instance: Instance, log: EventLog) -> None:
    """Protects what is done, given up and cut off."""
    assert completion_times(instance, log).tolist()[:3] == [60, 60, 20]
    assert (metrics.makespan, metrics.abandoned, metrics.unfinished) == (60, 1, 0)


def test_utilisation(metrics: Metrics) -> None:
    """Protects utilisation: interrupted and failed attempts were busy too; a resource without units is not."""
    pool = 2 * 10 + 1 * 5 + 2 * 15 + 4 * 20 + 1 * 20
    slots = 10 + 5 + 15 + 25 + 20
    assert metrics.utilisation == pytest.approx((pool / 400, slots / 200, 0))


def test_cut_off(instance: Instance, log: EventLog) -> None:
    """Protects truncated episodes: what runs is busy to the end, jobs without an end are counted and not averaged."""
    cut = EventLog(*(column[:9] for column in log))  # at 40 s; tasks 1 and 2 run, for 5 s and 0 s
    metrics = compute_metrics(instance, cut)
    assert (metrics.unfinished, metrics.abandoned, metrics.mean_flow, metrics.makespan) == (3, 0, 10, 20)
    assert utilisation(instance, cut)[1] == pytest.approx((10 + 5 + 15 + 5) / 80)
    assert math.isnan(metrics.flow_by_agent[1])


def test_nothing_done(instance: Instance, log: EventLog) -> None:
    """Protects reports about episodes without a finished job: no number is better than a wrong one."""
    for events in (0, 1):
        metrics = compute_metrics(instance, EventLog(*(column[:events] for column in log)))
        assert metrics.unfinished == 4
        assert all(
            math.isnan(value)
            for value in (metrics.weighted_flow, metrics.median_slowdown, metrics.makespan, metrics.jain)
        )
        assert metrics.utilisation == (0, 0, 0)
