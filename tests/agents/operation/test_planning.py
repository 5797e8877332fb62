"""Plans: distributions of what will happen, who decides best, and what would be if."""

from __future__ import annotations

import numpy as np
import pytest

from agents.operation.planning.futures import ByBelief, believe
from agents.operation.planning.planning import RULES, TaskPlanner
from agents.operation.site.conversion import to_site
from agents.operation.site.play_rules import DEFAULT
from agents.operation.site.problems import SituationError
from agents.operation.site.situation import Situation


def queue() -> Situation:
    """One agent, a running task and three jobs that wait: the shortest first is best."""
    built = Situation.new(time=50.0).agent("ann").agent("bob", up=False)
    built.job("now", release=0.0).task(
        "x", {"p10": 20.0, "p50": 60.0, "p90": 180.0}, eligible=["ann"], state="running", agent="ann", since=0.0
    )
    for name, seconds in (("long", 300.0), ("short", 10.0), ("middle", 50.0)):
        built.job(name, release=10.0, due=400.0).task("only", seconds, eligible=["ann"])
    return built.build()


def test_plans_tell_when_and_who_and_why() -> None:
    """Protects plans: medians in order, due dates as shares, the cheapest policy first and with an interval that says how sure that is."""
    plan = TaskPlanner("fifo,fcfs").plan_task_execution(queue(), seconds=60, futures=32)
    assert plan.policy == "wsrpt,urgency"
    assert plan.futures == 32
    assert [each.policy for each in plan.contenders][-1] in ("critical_path,urgency", "fifo,fcfs")
    assert plan.contenders[0].more == 0.0
    worst = plan.contenders[-1]
    assert 0 < worst.low < worst.more < worst.high
    assert [job.job for job in plan.jobs] == ["now", "short", "middle", "long"]
    assert [job.position for job in plan.jobs] == [1, 2, 3, 4]
    assert plan.job("middle").position == 3
    assert plan.job("short").on_time is not None
    for each in plan.tasks:
        assert each.start.p10 <= each.start.p50 <= each.start.p90 <= each.end.p90
        assert each.agent == "ann"
        assert each.end.p50 > 50.0
    assert plan.tasks[0].start.p10 == plan.tasks[0].start.p90 == 0.0
    with pytest.raises(SituationError, match="unknown_job"):
        plan.job("none")


def test_equal_seeds_give_equal_plans_and_at_least_one_batch_is_played() -> None:
    """Protects repeatability, and whoever has no time at all."""
    planner = TaskPlanner("wsrpt,urgency")
    one, two = (planner.plan_task_execution(queue(), seconds=60, futures=16, seed=3) for _ in range(2))
    assert one.model_copy(update={"took_seconds": 0.0}) == two.model_copy(update={"took_seconds": 0.0})
    hasty = planner.plan_task_execution(queue(), seconds=0.0)
    assert (hasty.futures, [each.policy for each in hasty.contenders]) == (16, ["wsrpt,urgency"])


def test_what_if_changes_one_thing() -> None:
    """Protects comparisons: the same luck, one change; an agent that goes down, a due date that moves, a job that comes."""
    planner = TaskPlanner("wsrpt,urgency", rivals=())
    changes = {
        "due": {"jobs": [{"name": "long", "due": 60.0}]},
        "more": {
            "jobs": [{"name": "new", "release": 1.0, "tasks": [{"name": "only", "duration": 1.0, "eligible": ["ann"]}]}]
        },
        "help": {
            "agents": [{"name": "bob", "up": True}],
            "jobs": [{"name": "long", "tasks": [{"name": "only", "eligible": ["ann", "bob"]}]}],
        },
    }
    plans = planner.what_if(queue(), changes, seconds=60, futures=16)
    assert list(plans) == ["now", *changes]
    assert plans["due"].job("long").end == plans["now"].job("long").end
    assert plans["due"].job("long").on_time == 0.0
    assert plans["more"].job("new").position == 2
    assert plans["more"].job("now").end == plans["now"].job("now").end
    assert plans["help"].job("long").end.p50 < plans["now"].job("long").end.p50


def test_running_tasks_still_run_in_every_future() -> None:
    """Protects forecasts: a task that runs for 50 s already takes longer than that, and the later the longer."""
    site = to_site(queue())
    belief = believe(site, DEFAULT.scenario)
    x = site.numbers["now", "x"]
    futures = [ByBelief().draw(site, belief, k, 0).instance for k in range(400)]
    ann = kind = 0
    lengths = np.array(
        [each.option_nominal[each.option_first[x]] * each.task_ratio[x] / each.speed[ann, kind] for each in futures]
    )
    assert lengths.min() > 50.0
    assert np.median(lengths) > 60.0


def test_estimates_of_agents_count() -> None:
    """Protects what was learned: an agent that always takes three times as long is expected to."""
    built = Situation.new().agent("ann").job("j").task("t", 100.0, kind="k")
    slow = built.seen("ann", "k", *[3.0] * 200).build()
    plan = TaskPlanner("wsrpt,urgency", rivals=()).plan_task_execution(slow, futures=64, seconds=60)
    assert plan.job("j").end.p50 == pytest.approx(300.0, rel=0.15)
    assert "wsrpt,urgency" in RULES
