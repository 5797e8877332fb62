"""Plans that change as little as possible: what is kept, what is frozen, what it costs, and what changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.operation.planning.difference import difference
from agents.operation.planning.planning import PREVIOUS, Change, ExecutionPlan, TaskPlanner
from agents.operation.site.example import example
from agents.operation.site.moments import situation_of
from agents.operation.site.problems import SituationError
from agents.operation.site.situation import Builder, Situation, down
from envs.workloads.generators.random_job_shop import RandomJobShop
from envs.workloads.generators.synthetic import SyntheticWorkload

PLENTY = 600.0


def shop() -> Situation:
    """Two agents and six tasks that either may run; all know well how long things take, and later jobs weigh more."""
    built = certain()
    for k in range(6):
        built.job(f"job-{k}", release=0.0, weight=1.0 + k).task("only", 100.0 + k)
    return built.build()


def certain() -> Builder:
    """Two agents with a long memory."""
    built = Situation.new().agent("ann").agent("bob")
    for agent in ("ann", "bob"):
        built.seen(agent, "task", *[1.0] * 10_000)
    return built


def plan(planner: TaskPlanner, s: Situation, change: Change | None = None) -> ExecutionPlan:
    """A plan of few futures."""
    return planner.plan_task_execution(s, seconds=PLENTY, futures=16, change=change)


def orders(told: ExecutionPlan) -> dict[str, list[str]]:
    """Jobs per agent, by median start."""
    return {agent: [each.job for each in told.tasks if each.agent == agent] for agent in ("ann", "bob")}


def test_who_follows_keeps_agents_and_order() -> None:
    """Protects the promise: where change is not worth its price, agents and order stay; where it is, they change, and the plan says so."""
    first, last = TaskPlanner("fifo,fcfs", ()), TaskPlanner("wspt,fcfs", ())
    before = plan(first, shop())
    other = plan(last, shop())
    assert orders(before) != orders(other)
    dear = plan(last, shop(), Change(before, keep=10.0))
    assert dear.kept
    assert dear.policy == "wspt,fcfs"
    assert orders(dear) == orders(before)
    assert difference(before, dear).shifts == []
    assert dear.contenders[0].policy == PREVIOUS
    assert dear.contenders[1].more == pytest.approx(other.cost.p50 - before.cost.p50, rel=0.2)
    assert dear.contenders[1].more < 0  # weights grow with the number
    cheap = plan(last, shop(), Change(before))
    assert not cheap.kept
    assert orders(cheap) == orders(other)


def test_what_is_frozen_stays_and_the_rest_is_free() -> None:
    """Protects who has been told already: tasks that start before a time keep agent and order under another policy."""
    before = plan(TaskPlanner("fifo,fcfs", ()), shop())
    soon = [each for each in before.tasks if each.start.p50 < 150]
    assert len(soon) == 4
    after = plan(TaskPlanner("wspt,fcfs", ()), shop(), Change(before, freeze=150.0))
    assert (after.kept, after.frozen) == (False, 4)
    kept = {agent: jobs[:2] for agent, jobs in orders(after).items()}
    assert kept == {agent: [each.job for each in soon if each.agent == agent] for agent in ("ann", "bob")}
    assert [each.start.p50 for each in after.tasks[-2:]] != [each.start.p50 for each in before.tasks[-2:]]


def test_frozen_tasks_are_waited_for() -> None:
    """Protects order: an agent whose next task cannot start yet does not squeeze another one in."""
    built = certain()
    built.job("a").task("first", 100.0, eligible=["bob"]).task("then", 10.0, eligible=["ann"], predecessors=["first"])
    s = built.build()
    planner = TaskPlanner("fifo,fcfs", ())
    before = plan(planner, s)
    more = s.merged({"jobs": [{"name": "b", "tasks": [{"name": "new", "duration": 300.0, "eligible": ["ann"]}]}]})
    free, held = plan(planner, more), plan(planner, more, Change(before, freeze=1000.0, keep=1.0))
    assert free.job("b").end.p50 < free.job("a").end.p50
    assert held.job("a").end.p50 < held.job("b").end.p50
    assert held.frozen == 2


def test_nothing_is_frozen_that_cannot_be() -> None:
    """Protects plans from the past: agents that are down or gone, tasks that wait for what is new."""
    planner = TaskPlanner("fifo,fcfs", ())
    before = plan(planner, shop())
    bobs = len(orders(before)["bob"])
    assert plan(planner, shop().merged(down(shop(), "ann")), Change(before, freeze=1e6)).frozen == bobs
    gone = shop().merged(
        {"history": [], "agents": [{"name": "ann", "remove": True}], "jobs": [{"name": "job-0", "remove": True}]}
    )
    moved = plan(planner, gone, Change(before, freeze=1e6, keep=1.0))
    assert moved.frozen == len([each for each in before.tasks if each.agent == "bob" and each.job != "job-0"])
    assert {each.what for each in difference(before, moved).shifts} >= {"gone", "moved"}
    new = {"name": "job-1", "tasks": [{"name": "new", "duration": 5.0}, {"name": "only", "predecessors": ["new"]}]}
    behind = plan(planner, shop().merged({"jobs": [new]}), Change(before, freeze=1e6, keep=1.0))
    assert behind.frozen == 5
    assert [each.what for each in difference(before, behind).shifts if each.task == "new"] == ["new"]


@pytest.mark.parametrize("name", ["policies/job_shop", "wsrpt,urgency"])
def test_who_keeps_nothing_plays_as_ever(name: str) -> None:
    """Protects policies in worlds in which agents may pass: a plan of which nothing stands changes no decision and no cost."""
    workload = (
        RandomJobShop(jobs_min=5, jobs_max=5, machines_min=4, machines_max=4)
        if "shop" in name
        else SyntheticWorkload(jobs=8)
    )
    planner = TaskPlanner(name, ())
    instance = workload.instance(1)
    s = situation_of(instance, planner.deciders[name].rules.scenario, float(np.median(instance.job_release)))
    free = plan(planner, s)
    foreign = free.model_copy(update={"tasks": [each.model_copy(update={"job": "x"}) for each in free.tasks]})
    kept = plan(planner, s, Change(foreign, keep=1.0))
    assert kept.tasks == free.tasks
    assert kept.cost.p50 == pytest.approx(free.cost.p50, rel=1e-12)  # it is added up in other pieces


def test_a_plan_is_kept_where_nothing_changes() -> None:
    """Protects real sites: the example planned again is the example; with no time at all the previous plan is what comes out."""
    planner = TaskPlanner("policies/shared_cluster", ())
    before = plan(planner, example())
    again = plan(planner, example(), Change(before, freeze=600.0))
    assert [(each.task, each.agent) for each in again.tasks if each.share > 0.8] == [
        (each.task, each.agent) for each in again.tasks if each.share > 0.8
    ]
    assert again.cost.p50 == pytest.approx(before.cost.p50, rel=0.05)
    hasty = planner.plan_task_execution(example(), seconds=0.0, change=Change(before))
    assert hasty.kept
    assert [each.policy for each in hasty.contenders] == [PREVIOUS]


@pytest.mark.parametrize(("keep", "freeze"), [(-1.0, 0.0), (0.0, -1.0), (float("nan"), 0.0)])
def test_prices_out_of_range_are_refused(keep: float, freeze: float) -> None:
    """Protects from signs."""
    planned = plan(TaskPlanner("fifo,fcfs", ()), shop())
    with pytest.raises(SituationError, match="must be a number >= 0"):
        replace(Change(planned), keep=keep, freeze=freeze)
    with pytest.raises(SituationError, match="tolerance"):
        difference(planned, planned, -1.0)
