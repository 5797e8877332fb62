"""Evaluation: known answers in tiny worlds, equal episodes for everybody, and no result that the checker refused."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from agents.evaluation import play as evaluation
from agents.evaluation.play import Episodes, InvalidEpisode, draw_episodes, play, record
from agents.rules import negotiator, prioritizer
from envs.events import EventKind
from envs.scenario import Limits, Reservations, Scenario, Uncertainty
from envs.validate import Report
from envs.workloads.generators.synthetic import SyntheticWorkload
from envs.workloads.instance import Instance
from tests.reference.scenarios import random_case


@dataclass(frozen=True)
class Fixed:
    """A workload that is one instance."""

    only: Instance

    def instance(self, seed: int) -> Instance:
        """Return it."""
        return self.only


def site(agents: int, pool: int, slots: int, duration: list[float], weight: list[float], owner: list[int]) -> Instance:
    """Jobs of one task each, all there from the start; a task holds one slot of its agent's and one unit of the pool."""
    jobs = len(duration)
    return Instance(
        name="site",
        resources=("pool", "slots"),
        shared=np.array([True, False]),
        shared_capacity=np.array([pool, 0]),
        local_capacity=np.tile([0, slots], (agents, 1)),
        speed=np.ones((agents, 1)),
        job_release=np.zeros(jobs),
        job_due=np.full(jobs, np.inf),
        job_weight=np.array(weight),
        job_owner=np.array(owner),
        job_first=np.arange(jobs + 1),
        task_kind=np.zeros(jobs),
        task_demand=np.ones((jobs, 2)),
        task_ratio=np.ones(jobs),
        option_first=np.arange(jobs + 1),
        option_agent=np.array(owner),
        option_nominal=np.array(duration),
        successor_first=np.zeros(jobs + 1),
        successor=np.zeros(0),
    )


@pytest.fixture(scope="module")
def small() -> Scenario:
    """Agents that contest resources under noise: every kind of round occurs in a few jobs."""
    return Scenario(
        workload=SyntheticWorkload(jobs=10, load_min=2.0, load_max=2.0), uncertainty=Uncertainty(duration_sigma=0.3)
    )


@pytest.mark.parametrize(("name", "flow"), [("spt", 1 + 3 + 6), ("lpt", 3 + 5 + 6), ("fifo", 3 + 4 + 6)])
def test_one_machine_by_hand(name: str, flow: float) -> None:
    """Protects the objective: jobs of 3, 1 and 2 s on one machine; two choices, for the last job is no choice."""
    scenario = Scenario(workload=Fixed(site(1, 3, 1, [3.0, 1.0, 2.0], [1.0] * 3, [0] * 3)))
    results = play(scenario, draw_episodes(scenario, 3, 0), prioritizer(name), negotiator("drf"))
    assert results.objective.tolist() == [flow] * 3
    assert results.terms[:, 0].tolist() == [flow] * 3
    assert results.column("mean_flow") == pytest.approx([flow / 3] * 3)
    assert results.decisions == 3 * 2
    assert results.seconds > 0


@pytest.mark.parametrize(("name", "cost"), [("drf", 10 * 1 + 11 * 5), ("urgency", 1 * 5 + 11 * 1)])
def test_one_unit_for_two_agents_by_hand(name: str, cost: float) -> None:
    """Protects the negotiator's say: a light job of 10 s and a heavy one of 1 s want one unit; DRF leaves the tie to agent 0."""
    scenario = Scenario(workload=Fixed(site(2, 1, 1, [10.0, 1.0], [1.0, 5.0], [0, 1])))
    results = play(scenario, draw_episodes(scenario, 1, 0), prioritizer("spt"), negotiator(name))
    assert results.objective.tolist() == [cost]
    assert results.decisions == 2


def test_results_do_not_depend_on_batches(small: Scenario) -> None:
    """Protects comparisons: seven episodes one by one, in threes and all at once are the same episodes."""
    episodes = draw_episodes(small, 7, 0)
    alone, threes, at_once = (
        play(small, episodes, prioritizer("random"), negotiator("random"), worlds=worlds) for worlds in (1, 3, 64)
    )
    for other in (threes, at_once):
        assert other.objective.tolist() == alone.objective.tolist()
        assert other.metrics == alone.metrics
        assert other.terms.tolist() == alone.terms.tolist()
        assert other.decisions == alone.decisions


def test_everybody_meets_the_same_draws(small: Scenario) -> None:
    """Protects common random numbers: the order of decisions changes who waits, not what a task takes."""
    episodes = draw_episodes(small, 4, 0)
    first, second = (play(small, episodes, prioritizer(name), negotiator("drf")) for name in ("spt", "lpt"))
    assert first.objective.tolist() != second.objective.tolist()
    work = [np.array([m.utilisation for m in r.metrics]) * r.column("makespan")[:, None] for r in (first, second)]
    assert work[0] == pytest.approx(work[1])


def test_episodes_are_drawn_one_by_one(small: Scenario) -> None:
    """Protects results that grow: the first episodes of many are those of few; another seed gives others."""
    few, many, other = draw_episodes(small, 3, 5), draw_episodes(small, 8, 5), draw_episodes(small, 3, 6)
    assert few.seeds.tolist() == many.seeds[:3].tolist()
    assert [i.name for i in few.instances] == [i.name for i in many.instances[:3]]
    assert set(few.seeds.tolist()).isdisjoint(other.seeds.tolist())


def test_files_are_packed_once() -> None:
    """Protects memory: a workload that is one instance is not copied for every episode."""
    scenario = Scenario(workload=Fixed(site(1, 1, 1, [1.0], [1.0], [0])))
    episodes = draw_episodes(scenario, 100, 0)
    assert len(episodes.instances) == 1
    assert len(set(episodes.seeds.tolist())) == 100


def test_refused_log_is_no_result(small: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects from publishing what the checker refuses; the message says which episode to look at."""
    refusal = Report("name", ("task 3 started early",), {}, (), 0.0, False)
    monkeypatch.setattr(evaluation, "validate", lambda *args, **kwargs: refusal)
    with pytest.raises(InvalidEpisode, match=r"instance .*, seed \d+: task 3 started early"):
        play(small, draw_episodes(small, 1, 0), prioritizer("spt"), negotiator("drf"))


def test_checker_gets_the_costs(small: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the objective itself: the checker compares the team's and every agent's cost of every episode."""
    seen = []

    def spy(*args: object, **kwargs: object) -> Report:
        seen.append((args, kwargs))
        return Report("name", (), {}, (), 0.0, False)

    monkeypatch.setattr(evaluation, "validate", spy)
    episodes = draw_episodes(small, 3, 0)
    results = play(small, episodes, prioritizer("spt"), negotiator("drf"), worlds=2)
    assert [kwargs["team_cost"] for _, kwargs in seen] == results.objective.tolist()
    assert [args[2] for args, _ in seen] == episodes.seeds.tolist()
    assert [np.sum(kwargs["own_cost"]) for _, kwargs in seen] == pytest.approx(results.objective.tolist())


def test_instances_may_differ_in_agents() -> None:
    """Protects mixed benchmarks: sites with one and with two agents in one run, more worlds than episodes."""
    one, two = site(1, 1, 1, [2.0], [1.0], [0]), site(2, 1, 1, [1.0, 1.0], [1.0, 1.0], [0, 1])
    episodes = Episodes([one, two], np.array([0, 1, 0], np.int32), np.arange(3, dtype=np.uint64))
    results = play(Scenario(workload=Fixed(one)), episodes, prioritizer("spt"), negotiator("drf"), worlds=2)
    assert results.objective.tolist() == [2, 1 + 2, 2]


def two_queues() -> Instance:
    """Of 200 units, agent 0 gives 100 to job 0 for 1000 s, then has job 1, which wants all of them; agent 1 has job 2, which wants 100."""
    return Instance(
        name="two queues",
        resources=("cpu",),
        shared=np.array([True]),
        shared_capacity=np.array([200]),
        local_capacity=np.zeros((2, 1)),
        speed=np.ones((2, 1)),
        job_release=np.array([0.0, 1.0, 2.0]),
        job_due=np.full(3, np.inf),
        job_weight=np.ones(3),
        job_owner=np.array([0, 0, 1]),
        job_first=np.arange(4),
        task_kind=np.zeros(3),
        task_demand=np.array([[100], [200], [100]]),
        task_ratio=np.ones(3),
        option_first=np.arange(4),
        option_agent=np.array([0, 0, 1]),
        option_nominal=np.array([1000.0, 100.0, 100.0]),
        successor_first=np.zeros(4),
        successor=np.zeros(0),
    )


@pytest.mark.parametrize(
    ("name", "reservations", "ends"),
    [
        ("fifo", Reservations(), (1000.0, 1100.0, 102.0)),
        ("fifo", Reservations(hold="start", backfill=True), (1000.0, 1100.0, 102.0)),
        ("fifo", Reservations(allowed=False), (1000.0, 1100.0, 102.0)),
        ("fifo+w", Reservations(), (1000.0, 1100.0, 1200.0)),
        ("fifo+r", Reservations(), (1000.0, 1100.0, 1200.0)),
        ("fifo+r", Reservations(backfill=True), (1000.0, 1100.0, 102.0)),
    ],
)
def test_rules_reserve_only_where_they_say_so(name: str, reservations: Reservations, ends: tuple[float, ...]) -> None:
    """Protects plain rules from reservations that the world makes as their only move: a job of another queue that fits does not wait."""
    scenario = Scenario(workload=Fixed(two_queues()), reservations=reservations)
    results = play(scenario, draw_episodes(scenario, 1, 0), prioritizer(name), negotiator("fcfs"))
    log = record(scenario, two_queues(), 0, prioritizer(name), negotiator("fcfs"))
    assert (log.kind == EventKind.RESERVATION).any() == (name != "fifo")
    done = log.kind == EventKind.JOB_DONE
    assert dict(zip(log.job[done].tolist(), log.time[done].tolist(), strict=True)) == dict(enumerate(ends))
    assert results.objective.tolist() == [sum(ends) - (0.0 + 1.0 + 2.0)]


@pytest.mark.parametrize("case", range(30))
def test_plain_rules_never_reserve(case: int) -> None:
    """Protects what the page of rules says, in any small world but a queue that blocks: no reservation, and every job comes to its end."""
    scenario, instance = random_case(case)
    reservations = replace(scenario.reservations, blocking=False)
    scenario = replace(scenario, reservations=reservations, limits=Limits())
    for name in ("spt", "spt+p"):
        log = record(scenario, instance, case, prioritizer(name), negotiator("drf"))
        assert not (log.kind == EventKind.RESERVATION).any()
        assert np.isin(log.kind, (EventKind.JOB_DONE, EventKind.JOB_ABANDONED)).sum() == instance.num_jobs
