"""Projects planned: justified schedules are schedules, never longer; they are played as they stand, and counted as the field counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from agents.evaluation.play import Episodes, play_by
from agents.planning.completions import follow
from agents.planning.plan import plan
from agents.planning.projects.justification import Project
from agents.planning.settings import PlanError, Search
from agents.rules import negotiator
from envs.scenario import Objective, Reservations, Scenario
from envs.schedule import event_log, schedule
from envs.validate import validate
from envs.workloads.generators.random_job_shop import RandomJobShop
from envs.workloads.generators.random_project import RandomProject
from envs.workloads.instance import Instance
from tests.agents.planning.ranked import Ranked

LFT = Ranked("lft")
FCFS = negotiator("fcfs")
RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def projects() -> tuple[Scenario, Episodes]:
    """Six projects of two sizes whose resources are scarce."""
    workload = RandomProject(20, 20, factors=(0.75,), strengths=(0.2,))
    instances = [
        replace(workload, activities_min=size, activities_max=size).instance(size) for size in (12, 13, 14, 30, 31, 32)
    ]
    scenario = Scenario(workload, Objective(makespan=1.0), reservations=Reservations(backfill=True), candidates=32)
    return scenario, Episodes(instances, np.arange(6, dtype=np.int32), np.arange(6, dtype=np.uint64))


def by_chance(i: Instance) -> NDArray[np.int32]:
    """The tasks in a random order, predecessors first."""
    left, order = np.bincount(i.successor, minlength=i.num_tasks), []
    while len(order) < i.num_tasks:
        task = int(RANDOM.choice(np.flatnonzero(left == 0)))
        order.append(task)
        left[task] = -1
        left[i.successor[i.successor_first[task] : i.successor_first[task + 1]]] -= 1
    return np.array(order, np.int32)


def test_justified_schedules_are_schedules(projects: tuple[Scenario, Episodes]) -> None:
    """Protects justification: what it makes passes the checker, is never longer, often shorter, and no task could start earlier."""
    scenario, episodes = projects
    shorter = 0
    for i in episodes.instances:
        project, nobody = Project(i), np.zeros(i.num_tasks, np.int32)
        for _ in range(10):
            start = schedule(i, nobody, by_chance(i)).start
            made = project.justify(start)
            told = schedule(i, nobody, np.argsort(made, kind="stable").astype(np.int32))
            np.testing.assert_array_equal(told.start, made)
            assert validate(scenario, i, 0, event_log(i, told)).ok
            assert project.length(made) == (made + i.option_nominal).max() <= project.length(start)
            shorter += project.length(made) < project.length(start)
    assert shorter > 30


def test_crossing_keeps_what_parents_share(projects: tuple[Scenario, Episodes]) -> None:
    """Protects crossover: a child of one schedule alone is that schedule, a child of two is a schedule."""
    _, episodes = projects
    i = episodes.instances[3]
    project, nobody = Project(i), np.zeros(i.num_tasks, np.int32)
    one, other = (project.justify(schedule(i, nobody, by_chance(i)).start) for _ in range(2))
    none = np.zeros(0, np.int64)
    for low, high in ((0, 0), (0, 30), (7, 19), (30, 30)):
        np.testing.assert_array_equal(project.cross(one, one, low, high, none), one)
    np.testing.assert_array_equal(project.cross(one, other, 30, 30, none), one)
    np.testing.assert_array_equal(project.cross(one, other, 0, 30, none), other)
    child = project.cross(one, other, 7, 19, np.arange(29))
    np.testing.assert_array_equal(schedule(i, nobody, np.argsort(child, kind="stable").astype(np.int32)).start, child)


def test_what_is_improved_is_played(projects: tuple[Scenario, Episodes]) -> None:
    """Protects the tables: played and checked, plans cost what they say; justification helps, and crossing does."""
    found = {}
    for name, search in (
        ("drawn", Search(samples=10)),
        ("justified", Search(samples=30, justify=True)),
        ("crossed", Search(samples=180, justify=True, drawn=0.17)),
    ):
        planned = plan(*projects, LFT, FCFS, search)
        found[name] = play_by(follow(planned.plans), *projects).objective
        assert found[name].tolist() == [each.cost for each in planned.plans]
    assert (found["justified"] <= found["drawn"]).all()
    assert (found["crossed"] <= found["justified"]).all()
    assert found["drawn"].sum() > found["justified"].sum() > found["crossed"].sum()


def test_schedules_are_counted() -> None:
    """Protects the budget: three schedules for each that is justified, drawn or crossed, and never more than was asked for."""
    assert (Search(samples=1000).draws, Search(samples=1000).crossed) == (1000, 0)
    assert (Search(samples=1000, justify=True).draws, Search(samples=1000, justify=True).crossed) == (333, 0)
    bred = Search(samples=1000, justify=True, drawn=0.3)
    assert (bred.draws, bred.crossed, bred.name) == (100, 233, "best of 1000, justified, crossed")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"justify": True, "choices": 3}, "search.justify is True, must be true or false, and false where"),
        ({"justify": "yes"}, "search.justify is 'yes'"),
        ({"temperature": 0}, "search.temperature is 0, must be > 0 and finite"),
        ({"drawn": 0.5}, "search.drawn is 0.5, must be > 0 and <= 1, and 1 without justify"),
    ],
)
def test_searches_that_cannot_be(options: dict[str, object], message: str) -> None:
    """Protects from settings that would do nothing."""
    with pytest.raises(PlanError, match=message):
        Search(**options)  # type: ignore[arg-type]  # what a command line may hold


def test_only_projects_are_justified(projects: tuple[Scenario, Episodes]) -> None:
    """Protects from schedules that could not be played: of several agents, for other objectives, without reservations."""
    scenario, episodes = projects
    shop = Episodes([RandomJobShop(3, 3, 2, 2).instance(0)], np.zeros(1, np.int32), np.zeros(1, np.uint64))
    for which, played in (
        (scenario, shop),
        (replace(scenario, objective=Objective(flow=1.0, makespan=1.0)), episodes),
        (replace(scenario, reservations=Reservations(allowed=False)), episodes),
    ):
        with pytest.raises(PlanError, match=r"search\.justify is for one agent"):
            plan(which, played, LFT, FCFS, Search(samples=3, justify=True))
