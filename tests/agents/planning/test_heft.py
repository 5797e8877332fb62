"""HEFT: a plan by hand, plans that are feasible and kept, and what it is for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.evaluation.play import Episodes, play
from agents.planning.heft import PlanError, assignment, bound_to, play_heft, upward_rank
from agents.rules import negotiator, prioritizer
from envs.scenario import Objective, Scenario, Uncertainty
from envs.workloads.generators.random_job_shop import RandomJobShop
from envs.workloads.generators.random_workflow import RandomWorkflow
from envs.workloads.instance import Instance


@pytest.fixture(scope="module")
def drawn() -> tuple[Scenario, Episodes]:
    """Random workflows, and a scenario in which all is known."""
    instances = [RandomWorkflow(width_max=8).instance(seed) for seed in range(12)]
    return Scenario(RandomWorkflow(), Objective(makespan=1.0), candidates=128, allow_pass=True), Episodes(
        instances, np.arange(12, dtype=np.int32), np.arange(12, dtype=np.uint64)
    )


def by_hand() -> Instance:
    """Tasks a -> c, b -> c, d alone, on two agents: durations a 2 4, b 6 2, c 3 3, d 1 9."""
    nominal = np.array([2, 4, 6, 2, 3, 3, 1, 9], float)
    return replace(
        RandomWorkflow(agents_min=2, agents_max=2).instance(0),
        speed=np.ones((2, 1)),
        job_first=np.array([0, 4]),
        task_kind=np.zeros(4),
        task_demand=np.ones((4, 1)),
        task_ratio=np.ones(4),
        option_first=np.arange(5) * 2,
        option_agent=np.tile([0, 1], 4),
        option_nominal=nominal,
        successor_first=np.array([0, 1, 2, 2, 2]),
        successor=np.array([2, 2]),
    )


def test_a_plan_by_hand() -> None:
    """Protects the formulas of Topcuoglu et al.: ranks by mean durations, earliest finish, and gaps that are filled."""
    instance = by_hand()
    assert upward_rank(instance).tolist() == [6, 7, 3, 5]  # b, a, d, c
    planned = assignment(instance)
    agents = instance.option_agent[planned.option]
    assert agents.tolist() == [0, 1, 1, 0]
    assert planned.start.tolist() == [0, 0, 2, 2]
    assert planned.end.tolist() == [2, 2, 5, 3]  # agent 0 would end c at 6, behind d
    assert planned.order.tolist() == [1, 0, 3, 2]


def test_gaps_are_filled() -> None:
    """Protects insertion: what is planned last starts first, where it fits before something that waits."""
    instance = replace(by_hand(), option_nominal=np.array([20, 4, 20, 1, 3, 40, 2, 40], float))
    planned = assignment(instance)  # a and b at agent 1 until 5, c at agent 0 from then on, and d before it
    assert instance.option_agent[planned.option].tolist() == [1, 1, 0, 0]
    assert planned.start.tolist() == [0, 4, 5, 0]
    assert planned.end.tolist() == [4, 5, 8, 2]
    assert bound_to(instance, planned).successor.tolist() == [1, 2, 2, 2]  # a before b, d before c


def test_plans_are_played_as_planned(drawn: tuple[Scenario, Episodes]) -> None:
    """Protects the baseline: where all is known the world ends every task by the time that the plan says, checked by the checker."""
    scenario, episodes = drawn
    expected = [assignment(instance).end.max() for instance in episodes.instances]
    np.testing.assert_allclose(play_heft(scenario, episodes).column("makespan"), expected, rtol=1e-9)


def test_plans_are_kept(drawn: tuple[Scenario, Episodes]) -> None:
    """Protects what 'static' means: one agent per task, in the plan's order, with the precedence of before; durations are drawn alike."""
    instance = drawn[1].instances[0]
    planned = assignment(instance)
    fixed = bound_to(instance, planned)
    assert np.array_equal(fixed.option_agent, instance.option_agent[planned.option])
    before = {
        (t, s)
        for t in range(instance.num_tasks)
        for s in instance.successor[slice(*instance.successor_first[t : t + 2])]
    }
    after = {(t, s) for t in range(fixed.num_tasks) for s in fixed.successor[slice(*fixed.successor_first[t : t + 2])]}
    assert before <= after
    assert all(
        fixed.option_agent[t] == fixed.option_agent[s] and planned.end[t] <= planned.start[s] for t, s in after - before
    )


def test_it_is_worth_planning(drawn: tuple[Scenario, Episodes]) -> None:
    """Protects the comparison: where all is known HEFT is ahead of starting whatever can start; noise costs it its certainty."""
    scenario, episodes = drawn
    known = play_heft(scenario, episodes).objective
    greedy = play(scenario, episodes, prioritizer("critical_path"), negotiator("fcfs")).objective
    assert known.mean() < greedy.mean()
    noisy = play_heft(replace(scenario, uncertainty=Uncertainty(duration_sigma=0.5)), episodes).objective
    assert noisy.mean() > known.mean()


def test_several_jobs_are_refused() -> None:
    """Protects from plans that could not be kept."""
    with pytest.raises(PlanError, match="has 3 jobs, a static plan is made of one"):
        assignment(RandomJobShop(3, 3, 2, 2).instance(0))
