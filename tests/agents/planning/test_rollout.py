"""Lookahead under uncertainty: nothing of the real future is used, every episode passes the checker, and it pays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from agents.evaluation.play import Episodes, decide, draw_episodes, play, play_by
from agents.planning.futures import Imagination
from agents.planning.rollout import look_ahead
from agents.planning.settings import Search
from agents.rules import negotiator, prioritizer
from envs.default_scenario import default_scenario
from envs.scenario import Knowledge, Negotiation, Objective, Reservations, Scenario, Uncertainty
from envs.workloads.generators.lublin import LublinWorkload
from envs.workloads.generators.synthetic import SyntheticWorkload
from envs.workloads.instance import Instance
from envs.world import World
from tests.agents.planning.ranked import Ranked

URGENCY = negotiator("urgency")
ROUNDS = 12
"""Played before anything is imagined."""


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    """Few agents with streams of jobs, under noise that they learn to know."""
    workload = SyntheticWorkload(agents=3, jobs=16, load_min=1.5, load_max=1.5)
    return replace(
        default_scenario(), workload=workload, objective=Objective(flow=1.0, tardiness=1.0, slowdown=10.0), candidates=8
    )


def after(world: World, rounds: int) -> dict[str, NDArray[np.generic]]:
    """The state of a World after some rounds by rules."""
    out = world.reset(seeds=np.array([7], np.uint64))
    picks, bids = np.zeros(out.acting.shape, np.int32), np.zeros(out.acting.shape)
    for _ in range(rounds):
        decide(out, prioritizer("fifo"), URGENCY, picks, bids)
        out = world.step(picks, bids)
    return world.get_state()


def imagined_costs(
    scenario: Scenario, instance: Instance, state: dict[str, NDArray[np.generic]], futures: int
) -> list[float]:
    """What is still to be paid in some futures that go on from a state."""
    world = Imagination(scenario, [instance], [instance], futures)
    for future in range(futures):
        world.imagine(state, 0, future, future)
    picks, bids, costs = np.zeros(world.out.acting.shape, np.int32), np.zeros(world.out.acting.shape), np.zeros(futures)
    while (world.out.phase >= 0).all() and not world.out.terminated.all():
        decide(world.out, prioritizer("wsrpt"), URGENCY, picks, bids)
        costs += world.step(picks, bids).team_cost
    return costs.tolist()


def test_nothing_of_the_future_is_used(scenario: Scenario) -> None:
    """Protects from clairvoyance: other realised durations, speeds, draws and arrivals to come change nothing that is imagined."""
    real = scenario.workload.instance(3)
    state = after(World(scenario, 1, instances=[real], auto_reset=False), ROUNDS)
    here = int(state["world"]["submitted"][0])
    assert 2 < here < real.num_jobs
    assert state["world"]["num_running"][0] > 1
    assert (state["beliefs"]["count"] > 0).any()
    late = np.arange(real.num_jobs) >= here
    later = np.repeat(late, np.diff(real.job_first))
    other = replace(
        real,
        task_ratio=real.task_ratio * np.linspace(0.5, 2.0, real.num_tasks),
        speed=real.speed * 1.3,
        job_release=np.where(late, real.job_release + 1000.0, real.job_release),
        job_due=np.where(late, real.job_due + 5000.0, real.job_due),
        job_weight=np.where(late, 9.0, real.job_weight),
        option_nominal=np.where(
            np.repeat(later, np.diff(real.option_first)), real.option_nominal * 3, real.option_nominal
        ),
    )
    changed = {name: array.copy() for name, array in state.items()}
    changed["running"]["ends"] += 17.0
    changed["running"]["full"] *= 3.0
    changed["world"]["seed"] += np.uint64(1)
    costs = imagined_costs(scenario, real, state, 4)
    assert imagined_costs(scenario, other, changed, 4) == pytest.approx(costs, rel=1e-9)
    assert len(set(costs)) == 4


def test_running_tasks_end_later_than_now(scenario: Scenario) -> None:
    """Protects what is imagined of running tasks: it lies around the estimate, and never in the past."""
    real = scenario.workload.instance(3)
    state = after(World(scenario, 1, instances=[real], auto_reset=False), ROUNDS)
    world = Imagination(scenario, [real], [real], 200)
    for future in range(200):
        world.imagine(state, 0, future, future)
    imagined, slots = world.get_state()["running"], range(int(state["world"]["num_running"][0]))
    now = float(state["world"]["time"][0])
    for slot in slots:
        ends, expected = imagined["ends"][:, slot], float(state["running"]["expected"][0, slot])
        assert (ends >= now).all()
        assert len(set(ends.tolist())) > 190
        assert max(now, expected) * 0.8 < np.median(ends) < max(now, expected) * 1.5


def test_batches_change_nothing(scenario: Scenario) -> None:
    """Protects comparisons: how many completions and episodes are in flight at once does not matter."""
    episodes = draw_episodes(scenario, 3, 0)
    found = [
        play_by(
            look_ahead(Ranked("fifo"), URGENCY, Search(choices=2, futures=2, slots=slots)),
            scenario,
            episodes,
            worlds=worlds,
        )
        for slots, worlds in ((1, 1), (30, 2), (500, 3))
    ]
    assert found[0].objective.tolist() == found[1].objective.tolist() == found[2].objective.tolist()


def test_it_pays(scenario: Scenario) -> None:
    """Protects its worth: before a weak rule it lowers the mean cost of the same episodes; other futures may be imagined."""
    episodes = draw_episodes(scenario, 6, 0)
    own = play(scenario, episodes, Ranked("lpt"), URGENCY)
    ahead = [
        play_by(look_ahead(Ranked("lpt"), URGENCY, Search(choices=3, futures=3, seed=s)), scenario, episodes)
        for s in (0, 1)
    ]
    assert all(results.objective.mean() < 0.97 * own.objective.mean() for results in ahead)
    assert ahead[0].objective.tolist() != ahead[1].objective.tolist()


@pytest.mark.parametrize("ranked", [False, True])
def test_in_a_world_with_everything(ranked: bool, scenario: Scenario) -> None:
    """Protects from crashes: failures, breakdowns, credits, backfilling and passing; the checker accepts every episode."""
    rich = replace(
        scenario,
        workload=SyntheticWorkload(agents=3, jobs=12, eligible="all"),
        uncertainty=Uncertainty(0.4, 0.1, 5.0, 2, 400.0, 60.0, 0.5),
        negotiation=Negotiation(credits=50.0),
        reservations=Reservations(hold="start", backfill=True),
        allow_pass=True,
    )
    episodes: Episodes = draw_episodes(rich, 2, 1)
    results = play_by(look_ahead(Ranked("spt+r"), URGENCY, Search(choices=3, futures=2, ranked=ranked)), rich, episodes)
    assert np.isfinite(results.objective).all()


QUEUE = Search(choices=3, futures=2, ranked=True)


@pytest.fixture(scope="module")
def queue() -> Scenario:
    """A batch queue whose users request too much."""
    workload = LublinWorkload(jobs=200, processors=32, owners=1, users=4)
    return Scenario(
        workload,
        Objective(slowdown=1.0),
        knowledge=Knowledge(prior_count=2.0),
        reservations=Reservations(hold="start", backfill=True, blocking=True),
        candidates=64,
    )


def test_completing_by_rank_is_completing_by_the_policy(queue: Scenario) -> None:
    """Protects the compiled completion: where the policy's order never changes, its cost is that of asking the policy at every step."""
    real = queue.workload.instance(5)
    state = after(World(queue, 1, instances=[real], auto_reset=False), ROUNDS)
    asked, ranked = Imagination(queue, [real], [real], 1), Imagination(queue, [real], [real], 1)
    for world in (asked, ranked):
        world.imagine(state, 0, 0, 3)
    picks = asked.out.mask[0, :, :-1].argmax(axis=1).astype(np.int32)[None]
    table = -np.arange(real.num_tasks, dtype=np.float32)[None]
    found = ranked.complete(picks, table)[0]
    cost = 0.0
    while not asked.out.terminated.all():
        cost += float(asked.step(picks, np.zeros(picks.shape)).team_cost[0])
        picks = asked.out.mask[0, :, :-1].argmax(axis=1).astype(np.int32)[None]  # candidates ascend by task
    assert found == pytest.approx(cost, rel=1e-9)


def test_jobs_are_as_long_as_expected(queue: Scenario) -> None:
    """Protects what slowdown means in a future: where all users are thought to need half as long, all that wait alone are as slow."""
    real = queue.workload.instance(5)
    state = after(World(queue, 1, instances=[real], auto_reset=False), ROUNDS)
    state["beliefs"]["factor"] = 1.0
    exact = replace(queue, knowledge=Knowledge(learn=False))
    costs = []
    for share in (1.0, 0.5):
        believed = {name: array.copy() for name, array in state.items()}
        believed["beliefs"]["factor"] = share
        believed["running"]["began"] = believed["world"]["time"][0]
        world = Imagination(exact, [real], [real], 1)
        world.imagine(believed, 0, 0, 0)
        picks = world.out.mask[0, :, :-1].argmax(axis=1).astype(np.int32)[None]
        costs.append(world.complete(picks, -np.arange(real.num_tasks, dtype=np.float32)[None])[0])
    assert (
        costs[1] > 0.6 * costs[0]
    )  # durations and lengths are halved, ages are not; by lengths as requested it would be half


def test_batches_change_nothing_in_a_queue(queue: Scenario) -> None:
    """Protects comparisons in queues: how many episodes are played at once does not matter."""
    episodes = draw_episodes(queue, 3, 0)
    found = [play_by(look_ahead(Ranked("spt+r"), URGENCY, QUEUE), queue, episodes, worlds=worlds) for worlds in (1, 3)]
    assert found[0].objective.tolist() == found[1].objective.tolist()
