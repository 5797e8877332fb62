"""Bounds that need no search: worked out by hand, and never above the best of all schedules of small instances."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from agents.evaluation.play import draw_episodes, play
from agents.rules import negotiator, prioritizer
from envs.scenario import Limits, Objective, Scenario, Uncertainty
from envs.workloads.generators.synthetic import SyntheticWorkload
from envs.workloads.instance import FloatArray, Instance
from experiments.bounds.analytic import critical_path, lower_bound
from experiments.bounds.charges import late
from experiments.bounds.one_machine import busy, completions, jackson
from experiments.suites.bounds import all_is_done_once, realised_bounds
from tests.by_hand import ByHand
from tests.small import every_end, small

OBJECTIVES = {
    "makespan": Objective(makespan=1.0),
    "flow": Objective(flow=1.0),
    "tardiness": Objective(tardiness=1.0),
    "slowdown": Objective(slowdown=1.0),
    "all": Objective(makespan=2.0, flow=1.0, tardiness=3.0, slowdown=10.0),
}


def least(objective: Objective, i: Instance, ends: FloatArray) -> float:
    """The cost of the best of some schedules, by their tasks' ends [schedules, T]."""
    done = np.maximum.reduceat(ends, i.job_first[:-1], axis=1)
    costs = objective.makespan * done.max(axis=1)
    for term in late(objective, i):
        costs = costs + np.maximum(0.0, done - term.due) @ term.weight
    return float(costs.min())


@pytest.mark.parametrize("seed", range(12))
def test_never_above_the_best_schedule(seed: int) -> None:
    """Protects every gap: whatever the objective, the bound is at most what the best of all schedules costs, and says something."""
    i = small(seed, whole=seed % 2 == 0)
    ends = every_end(i)
    for name, objective in OBJECTIVES.items():
        assert lower_bound(objective, i) <= least(objective, i, ends) * (1 + 1e-12), name
    assert lower_bound(Objective(makespan=1.0), i) >= critical_path(i) > 0
    assert lower_bound(OBJECTIVES["flow"], i) > 0


def test_jackson_is_the_largest_set() -> None:
    """Protects the one-machine bound: Carlier's seven jobs, by the formula over all of their subsets."""
    head, length = np.array([10.0, 13, 11, 20, 30, 0, 30]), np.array([5.0, 6, 7, 4, 3, 6, 2])
    tail = np.array([7.0, 26, 24, 21, 8, 17, 0])
    sets = [list(chosen) for size in range(1, 8) for chosen in combinations(range(7), size)]
    assert jackson(head, length, tail) == max(head[s].min() + length[s].sum() + tail[s].min() for s in sets)


def test_interrupted_work() -> None:
    """Protects the relaxations: one machine, 4 s of work from 0 and 1 s from 1, which is the shorter and the more urgent."""
    release, length = np.array([0.0, 1.0]), np.array([4.0, 1.0])
    assert completions(release, length).tolist() == [2, 5]
    assert busy(release, length, np.array([1.0, 9.0])).tolist() == [(0.5 * 1 + 3.5 * 3) / 4, 1.5]


def pool(jobs: int, units: int, demand: int, weight: FloatArray | None = None, due: float = np.inf) -> Instance:
    """Jobs of one task of 3 s each, which take units of one agent."""
    return Instance(
        name="pool",
        resources=("unit",),
        shared=np.array([False]),
        shared_capacity=np.zeros(1),
        local_capacity=np.array([[units]]),
        speed=np.ones((1, 1)),
        job_release=np.zeros(jobs),
        job_due=np.full(jobs, due),
        job_weight=np.ones(jobs) if weight is None else weight,
        job_owner=np.zeros(jobs),
        job_first=np.arange(jobs + 1),
        task_kind=np.zeros(jobs),
        task_demand=np.full((jobs, 1), demand),
        task_ratio=np.ones(jobs),
        option_first=np.arange(jobs + 1),
        option_agent=np.zeros(jobs),
        option_nominal=np.full(jobs, 3.0),
        successor_first=np.zeros(jobs + 1),
        successor=np.zeros(0),
    )


def test_by_hand() -> None:
    """Protects each relaxation on an instance that it alone decides."""
    assert lower_bound(Objective(makespan=1.0), pool(5, units=4, demand=2)) == 5 * 3 * 2 / 4  # energy
    assert lower_bound(Objective(makespan=1.0), pool(5, units=4, demand=3)) == 15  # one after another; energy: 11.25
    weights = np.array([1.0, 5.0, 2.0])
    assert lower_bound(Objective(flow=1.0), pool(3, 1, 1, weights)) == pytest.approx(
        5 * 3 + 2 * 6 + 1 * 9
    )  # Smith's rule
    # Four jobs, two at a time: energy ends at 1.5, 3, 4.5 and 6 s, but each task takes 3 s: Eastman, Even and Isaacs are exact.
    assert lower_bound(Objective(flow=1.0), pool(4, 2, 1)) == pytest.approx(3 + 3 + 6 + 6)
    assert lower_bound(Objective(tardiness=1.0), pool(3, 1, 1, due=4.0)) == pytest.approx(0 + 2 + 5)  # Chu
    by_hand = ByHand().instance(0)
    assert critical_path(by_hand) == 21
    assert lower_bound(Objective(lease=1.0), by_hand) == 2 * 4 + 2 * 20  # tokens x seconds


def test_realised_durations() -> None:
    """Protects gaps under uncertainty: where nobody waits for anybody, the bound is what the episode costs, by its own draws."""
    workload = SyntheticWorkload(agents=2, jobs=6, shape="chain", load_min=0.01, load_max=0.01)
    scenario = Scenario(workload, Objective(flow=1.0), Uncertainty(duration_sigma=0.5))
    episodes = draw_episodes(scenario, 3, 0)
    costs = play(scenario, episodes, prioritizer("fifo"), negotiator("fcfs")).objective
    assert realised_bounds(scenario, episodes, scenario.objective) == pytest.approx(costs)
    assert all_is_done_once(scenario)
    for chance in (Uncertainty(failure_probability=0.1), Uncertainty(mean_time_between_failures=1e6)):
        assert not all_is_done_once(replace(scenario, uncertainty=chance))
    assert not all_is_done_once(replace(scenario, limits=Limits(max_time=1e6)))
