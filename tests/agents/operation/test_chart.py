"""The picture of a plan: it is drawn for any plan, and bars of a lane do not overlap."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from agents.operation.planning.chart import MOST_TASKS, draw_plan, lanes_of
from agents.operation.planning.planning import ExecutionPlan, JobPlan, Spread, TaskPlan

NOW = 100.0


def made(tasks: int, agents: int, due: float | None = NOW + 50.0) -> ExecutionPlan:
    """A plan of so many tasks, each a job of its own, some of which run."""
    random = np.random.default_rng(tasks)
    told, jobs = [], []
    for t in range(tasks):
        begin, length = NOW + float(random.integers(-5, 100)), float(random.integers(0, 30))
        spread = 5.0 if begin > NOW else 0.0
        start = Spread(p10=begin - spread, p50=begin, p90=begin + spread)
        end = Spread(p10=begin + length, p50=begin + 1.5 * length, p90=begin + 3 * length)
        agent = f"agent-{random.integers(agents)}"
        told.append(TaskPlan(job=f"job-{t}", task="a $name$", agent=agent, share=1.0, start=start, end=end))
        jobs.append(JobPlan(job=f"job-{t}", end=end, due=due, on_time=None if due is None else 0.4, position=t + 1))
    cost = Spread(p10=0.0, p50=1.0, p90=2.0)
    return ExecutionPlan(
        time=NOW, policy="fifo", contenders=[], tasks=told, jobs=jobs, leases=[], cost=cost, futures=9, assumptions=[],
        took_seconds=0.1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("tasks", "agents", "due"), [(0, 1, None), (3, 2, None), (20, 3, NOW - 1.0), (MOST_TASKS + 1, 70, 1e9)]
)
def test_every_plan_is_drawn(tasks: int, agents: int, due: float | None, tmp_path: Path) -> None:
    """Protects pictures of nothing, of little and of too much: 1600 pixels wide, not endlessly high, and something is drawn."""
    file = tmp_path / "plan.png"
    draw_plan(made(tasks, agents, due), file)
    picture = imread(file)
    assert picture.shape[1] == 1600
    assert 200 < picture.shape[0] < 4000
    assert (picture[..., :3] < 0.9).any(axis=2).mean() > 0.002


def test_bars_of_a_lane_do_not_overlap() -> None:
    """Protects readers: all tasks are somewhere, and none hides another."""
    lanes = lanes_of(made(60, 1).tasks)
    assert sorted(task.job for lane in lanes for task in lane) == sorted(f"job-{k}" for k in range(60))
    for lane in lanes:
        assert all(one.end.p50 <= two.start.p50 for one, two in pairwise(lane))
