"""The twin itself, by hand: small instances of which every number is known."""

from __future__ import annotations

import math
from dataclasses import replace
from enum import IntEnum
from typing import Any

import numpy as np
import pytest

from envs.columns import NUM_CANDIDATE, NUM_CONTEXT, Candidate, Contest, Context
from envs.events import NONE, EventKind
from envs.scenario import Negotiation, Objective, Reservations, Scenario, Uncertainty
from envs.workloads.instance import Instance
from tests.reference.draws import What, exponential, uniform
from tests.reference.scenarios import Fixed, JobSpec, TaskSpec, build
from tests.reference.twin import NEGOTIATE, OVER, PRIORITISE, Twin

E = EventKind


def scenario(instance: Instance, **parts: Any) -> Scenario:
    """A scenario of flow time, four candidates and reservations until the next event, unless told otherwise."""
    return Scenario(workload=Fixed(instance), **{"candidates": 4, "cooperation": 0.0, **parts})


def picks_of(twin: Twin, *tasks: int) -> dict[int, int]:
    """The actions that pick these tasks, one per acting agent, agents ascending."""
    return {a: twin.round.choices[a].shown.index(t) for a, t in zip(twin.round.acting, tasks, strict=True)}


def kinds(twin: Twin, *wanted: EventKind) -> list[tuple[float, int, int, int]]:
    """(time, kind, agent, task) of the events of some kinds."""
    return [(time, kind, agent, task) for time, kind, agent, _, task, _ in twin.log() if kind in wanted]


def one_agent(jobs: list[JobSpec], capacity: int = 1) -> Instance:
    """A site of one agent with one local resource."""
    return build(jobs, [False], [0], [[capacity]], [[1.0]])


def crossing() -> Instance:
    """Two agents with one unit each, and two units that they share; tasks 0, 2 are for agent 0 and tasks 1, 3 for agent 1.

    Scale: (4 + 6 + 2 + 2) / 4 = 3.5 seconds. Mean weight: (1 + 2 + 1 + 1) / 4 = 1.25.
    """
    jobs = [
        JobSpec([TaskSpec({0: 4.0}, [2, 1])], owner=0),
        JobSpec([TaskSpec({1: 6.0}, [1, 1])], owner=1, weight=2.0),
        JobSpec([TaskSpec({0: 2.0}, [1, 1])], owner=0),
        JobSpec([TaskSpec({1: 2.0}, [0, 1])], owner=1),
    ]
    return build(jobs, [True, False], [2, 0], [[0, 1], [0, 1]], [[1.0], [1.0]])


def test_contest_reservation_and_costs_by_hand() -> None:
    """Protects the whole course of a contested episode: rounds, clearing, reservation, events and costs."""
    twin = Twin(scenario(crossing()), crossing(), seed=1)
    out = twin.reset()
    # t = 0: both agents have both of their tasks to start.
    assert (out.phase, out.time, out.task.tolist()) == (PRIORITISE, 0.0, [[0, 2, -1, -1], [1, 3, -1, -1]])
    assert out.mask.tolist() == [[True, True, False, False, False]] * 2
    assert out.reward.tolist() == [0.0, 0.0]
    # Tasks 0 and 1 want 2 + 1 of 2 shared units: they are contested. Nothing has happened yet.
    out = twin.step(picks_of(twin, 0, 1), {})
    assert (out.phase, out.acting.tolist(), out.mask.tolist()) == (NEGOTIATE, [True, True], [[False] * 4 + [True]] * 2)
    # Agent 0 bids more and starts task 0 until 4. Agent 1 has lost, and is asked again: start 3, or reserve 1.
    out = twin.step({}, {0: 5.0, 1: 3.0})
    assert (out.phase, out.acting.tolist(), out.task[1].tolist()) == (PRIORITISE, [False, True], [1, 3, -1, -1])
    assert out.candidates[1, :2, Candidate.STARTABLE].tolist() == [0.0, 1.0]
    # It reserves task 1. At 4 agent 0 has only task 2 left, and agent 1 chooses again. The four seconds cost 1 + 1 and 2 + 1 each.
    out = twin.step(picks_of(twin, 1), {})
    assert (out.time, out.acting.tolist(), out.task[1].tolist()) == (4.0, [False, True], [1, 3, -1, -1])
    assert (out.own_cost.tolist(), out.team_cost, out.reward.tolist()) == ([8.0, 12.0], 20.0, [-8.0, -12.0])
    # Tasks 2 (until 6) and 1 (until 10) fit beside each other; then task 3 (until 12) is all that is left.
    out = twin.step(picks_of(twin, 1), {})
    assert (out.phase, out.time, out.terminated, out.steps) == (OVER, 12.0, True, 4)
    assert out.own_cost.tolist() == [2.0, 2.0 * 3 + 4.0 * 3 + 2.0 * 1]
    assert twin.job_end == [4.0, 10.0, 6.0, 12.0]
    # Weighted flow times: 4 + 2 x 10 + 6 + 12 = 42. Leases: 2 x 4 + 1 x 2 + 1 x 6 = 16 unit seconds.
    assert out.terms.tolist() == [42.0, 0.0, 0.0 + (12 - 10) / 10, 12.0, 16.0, 0.0]
    assert twin.log() == [
        *(
            event
            for j in range(4)
            for event in ((0.0, E.TASK_SUBMISSION, NONE, j, NONE, 0.0), (0.0, E.TASK_READY, NONE, j, j, 0.0))
        ),
        (0.0, E.RESOURCE_REQUEST, 0, 0, 0, 5.0),
        (0.0, E.RESOURCE_REQUEST, 1, 1, 1, 3.0),
        (0.0, E.ALLOCATION_UPDATE, 0, 0, 0, 0.0),
        (0.0, E.TASK_START, 0, 0, 0, 4.0),
        (0.0, E.RESERVATION, 1, 1, 1, 4.0),
        (4.0, E.TASK_END, 0, 0, 0, 0.0),
        (4.0, E.RELEASE_NOTIFICATION, 0, 0, 0, 0.0),
        (4.0, E.JOB_DONE, NONE, 0, NONE, 0.0),
        (4.0, E.ALLOCATION_UPDATE, 0, 2, 2, 0.0),
        (4.0, E.TASK_START, 0, 2, 2, 6.0),
        (4.0, E.ALLOCATION_UPDATE, 1, 1, 1, 0.0),
        (4.0, E.TASK_START, 1, 1, 1, 10.0),
        (6.0, E.TASK_END, 0, 2, 2, 0.0),
        (6.0, E.RELEASE_NOTIFICATION, 0, 2, 2, 0.0),
        (6.0, E.JOB_DONE, NONE, 2, NONE, 0.0),
        (10.0, E.TASK_END, 1, 1, 1, 0.0),
        (10.0, E.RELEASE_NOTIFICATION, 1, 1, 1, 0.0),
        (10.0, E.JOB_DONE, NONE, 1, NONE, 0.0),
        (10.0, E.TASK_START, 1, 3, 3, 12.0),
        (12.0, E.TASK_END, 1, 3, 3, 0.0),
        (12.0, E.JOB_DONE, NONE, 3, NONE, 0.0),
    ]


def test_columns_by_hand() -> None:
    """Protects the columns of the contested episode: a candidate, its context, a contest, and a candidate that has to wait."""
    twin = Twin(scenario(crossing()), crossing(), seed=1)
    out = twin.reset()
    c, x = out.candidates[0, 0], out.context[1]
    key = [math.log(1 / 1.25 / (4 / 3.5)), math.log(2 / 1.25 / (6 / 3.5))]
    expected: dict[IntEnum, float] = {
        Candidate.STARTABLE: 1, Candidate.WAIT: 0, Candidate.DURATION: 4 / 3.5, Candidate.UNCERTAINTY: 0.5, Candidate.TAIL: 4 / 3.5,
        Candidate.JOB_TASKS: 1, Candidate.LATEST_FINISH: (0 + 4 - 4 + 4) / 3.5, Candidate.WEIGHT: 0.8, Candidate.WSRPT: key[0],
        Candidate.TIME_TO_DUE: 10_000, Candidate.SHARED_DEMAND: 1, Candidate.LOCAL_FIT: 1, Candidate.AREA: 4 / 3.5,
        Candidate.DURATION_RANK: 1, Candidate.UNITS: 2, Candidate.NEXT1_QUEUE: 0, Candidate.ELSEWHERE: 0,
    }  # fmt: skip
    assert {column: float(c[column]) for column in expected} == pytest.approx(expected, rel=1e-6)
    expected = {
        Context.CANDIDATES: math.log(3), Context.STARTABLE: math.log(3), Context.HIDDEN: 0, Context.QUEUE: 8 / 3.5,
        Context.QUEUE_MEAN: 7 / 3.5, Context.FUTURE_SHARE: 1, Context.RUNNING: 0, Context.OWN_JOBS: math.log(3),
        Context.OWN_COST_RATE: math.log1p(3 / 1.25), Context.TEAM_COST_RATE: math.log1p(5 / 1.25), Context.ACTIVE: 1,
        Context.AGENTS: math.log(3), Context.TIME_SCALE: 3.5,
    }  # fmt: skip
    assert {column: float(x[column]) for column in expected} == pytest.approx(expected, rel=1e-6)
    out = twin.step(picks_of(twin, 0, 1), {})
    contest = out.negotiation[0, NUM_CANDIDATE + NUM_CONTEXT :]
    expected = {
        Contest.PARTICIPANTS: 1, Contest.KEY_OVER_BEST: key[0] - key[1], Contest.KEY_OVER_MEAN: key[0] - key[1],
        Contest.OTHERS_DEMAND: 0.5, Contest.OVERSUBSCRIPTION: 1.5, Contest.OTHERS_STARTABLE: 1, Contest.SHARE_OVER_MEAN: 0,
        Contest.PRICE: 0, Contest.BALANCE: 0,
    }  # fmt: skip
    assert {column: float(contest[column]) for column in expected} == pytest.approx(expected, rel=1e-6)
    out = twin.step({}, {0: 5.0, 1: 3.0})
    c, x = out.candidates[1, 0], out.context[1]
    # No shared unit is free (counted as half a one), and task 0 is expected to return two at 4.
    assert (c[Candidate.WAIT], c[Candidate.SHARED_FIT], x[Context.NEXT_RETURN]) == pytest.approx(
        (4 / 3.5, 2, 4 / 3.5), rel=1e-6
    )
    assert (x[Context.ROUND], x[Context.TEAM_SHARE], x[Context.SHARED_FREE_MIN]) == pytest.approx(
        (math.log(2), 1, 0), rel=1e-6
    )
    assert twin.state.price == pytest.approx(0.5)


def test_credits_cap_bids_and_are_conserved() -> None:
    """Protects the currency: balance 1 buys 1 / (1 x 4/3.5) = 0.875 of pick 0 and 1 / (0.5 x 6/3.5) = 1.1667 of pick 1, which wins."""
    twin = Twin(scenario(crossing(), negotiation=Negotiation(credits=1.0)), crossing(), seed=1)
    twin.reset()
    twin.step(picks_of(twin, 0, 1), {})
    twin.step({}, {0: 5.0, 1: 3.0})
    requests = [value for _, kind, _, _, _, value in twin.log() if kind == E.RESOURCE_REQUEST]
    assert requests == pytest.approx([0.875, 7 / 6])
    # Agent 1 starts, pays all that it has, and gets half of it back.
    assert [agent.balance for agent in twin.state.agents] == pytest.approx([1.5, 0.5])
    assert kinds(twin, E.ALLOCATION_UPDATE) == [(0.0, E.ALLOCATION_UPDATE, 1, 1)]


@pytest.mark.parametrize("hold", ["event", "start"])
def test_reservation_of_a_soon_task(hold: str) -> None:
    """Protects waiting for a predecessor: task 1 follows task 0, which ends at 2, before task 2 (5 seconds, from 1) would."""
    jobs = [
        JobSpec([TaskSpec({0: 2.0}, [1]), TaskSpec({1: 3.0}, [1], after=(0,))]),
        JobSpec([TaskSpec({1: 5.0}, [1])], release=1.0),
    ]
    instance = build(jobs, [False], [0], [[1], [1]], [[1.0], [1.0]])
    twin = Twin(scenario(instance, reservations=Reservations(hold=hold)), instance, seed=1)
    out = twin.reset()
    assert (out.time, out.task[1].tolist()) == (1.0, [1, 2, -1, -1])
    out = twin.step(picks_of(twin, 1), {})
    if hold == "event":  # agent 1 may think again at 2
        assert (out.time, out.task[1].tolist()) == (2.0, [1, 2, -1, -1])
        out = twin.step(picks_of(twin, 1), {})
    assert out.terminated
    assert kinds(twin, E.TASK_START) == [
        (0.0, E.TASK_START, 0, 0),
        (2.0, E.TASK_START, 1, 1),
        (5.0, E.TASK_START, 1, 2),
    ]
    assert [event for event in twin.log() if event[1] == E.RESERVATION] == [(1.0, E.RESERVATION, 1, 0, 1, 2.0)]


@pytest.mark.parametrize("hold", ["event", "start"])
def test_backfill_ends_before_the_reservation(hold: str) -> None:
    """Protects EASY backfilling: while task 1 (both units) waits for task 0 until 10, task 2 (3 s) may run and task 3 (20 s) may not."""
    durations_demands = ((10.0, 1), (5.0, 2), (3.0, 1), (20.0, 1))
    instance = one_agent(
        [JobSpec([TaskSpec({0: duration}, [demand])]) for duration, demand in durations_demands], capacity=2
    )
    twin = Twin(scenario(instance, reservations=Reservations(hold=hold, backfill=True)), instance, seed=1)
    twin.reset()
    out = twin.step(picks_of(twin, 0), {})
    assert out.task[0].tolist() == [1, 2, 3, -1]
    out = twin.step(picks_of(twin, 1), {})  # task 2 is the only candidate left, and starts unasked
    if hold == "event":  # at 3 the reservation is gone: task 3 would be startable
        assert (out.time, out.task[0].tolist(), out.candidates[0, :2, Candidate.STARTABLE].tolist()) == (
            3.0,
            [1, 3, -1, -1],
            [0.0, 1.0],
        )
        out = twin.step(picks_of(twin, 1), {})
        assert (out.time, out.candidates[0, :2, Candidate.STARTABLE].tolist()) == (10.0, [1.0, 1.0])
        out = twin.step(picks_of(twin, 1), {})
    assert out.terminated
    expected = [(0.0, 0), (0.0, 2), (10.0, 1), (15.0, 3)]
    assert [(time, task) for time, _, _, task in kinds(twin, E.TASK_START)] == expected


def test_failure_and_retry() -> None:
    """Protects failing: an attempt fails at its drawn point, the task is ready again after the delay, and failures teach no duration."""
    chance, task = 0.5, 0
    seed = next(s for s in range(99) if uniform(s, What.FAILS, task, 0) < chance <= uniform(s, What.FAILS, task, 1))
    failed_at = 10.0 * uniform(seed, What.FAILS_AT, task, 0)
    instance = one_agent([JobSpec([TaskSpec({0: 10.0}, [1], ratio=1.0)], weight=2.0)])
    twin = Twin(
        scenario(instance, uncertainty=Uncertainty(failure_probability=chance, retry_delay=3.0)), instance, seed
    )
    out = twin.reset()
    assert out.terminated
    assert twin.log()[2:] == [
        (0.0, E.TASK_START, 0, 0, 0, 10.0),
        (failed_at, E.TASK_FAILED, 0, 0, 0, failed_at + 3.0),
        (failed_at + 3.0, E.TASK_READY, NONE, 0, 0, 0.0),
        (failed_at + 3.0, E.TASK_START, 0, 0, 0, failed_at + 3.0 + 10.0),
        (failed_at + 3.0 + 10.0, E.TASK_END, 0, 0, 0, 0.0),
        (failed_at + 3.0 + 10.0, E.JOB_DONE, NONE, 0, NONE, 0.0),
    ]
    # Nobody had a choice, so the reset hands over the costs: weight 2 x flow time.
    assert out.team_cost == pytest.approx(2.0 * (failed_at + 13.0))
    assert twin.state.agents[0].seen[0].n == 1


def test_abandonment_stops_the_rest_of_the_job() -> None:
    """Protects giving up: the job's running sibling is interrupted, its waiting one abandoned, and the owner charged."""
    chance = 0.5
    seed = next(s for s in range(99) if uniform(s, What.FAILS, 0, 0) < chance <= uniform(s, What.FAILS, 1, 0))
    job = JobSpec(
        [TaskSpec({0: 1.0}, [1]), TaskSpec({0: 100.0}, [1]), TaskSpec({0: 1.0}, [1], after=(0, 1))], weight=3.0
    )
    instance = one_agent([job], capacity=2)
    uncertain = Uncertainty(failure_probability=chance, max_failures=1)
    twin = Twin(
        scenario(instance, objective=Objective(flow=1.0, abandonment=7.0), uncertainty=uncertain), instance, seed
    )
    twin.reset()
    out = twin.step(picks_of(twin, 0), {})
    failed_at = 1.0 * uniform(seed, What.FAILS_AT, 0, 0)
    assert twin.log()[5:] == [
        (failed_at, E.TASK_FAILED, 0, 0, 0, math.inf),
        (failed_at, E.TASK_INTERRUPTED, 0, 0, 1, 0.0),
        (failed_at, E.JOB_ABANDONED, NONE, 0, NONE, 0.0),
    ]
    assert (out.terminated, out.terms[5], twin.state.agents[0].free) == (True, 3.0, [2])
    assert out.team_cost == pytest.approx(3.0 * failed_at + 7.0 * 3.0)
    assert np.isnan(twin.job_end).all()


def test_breakdown_keeps_progress() -> None:
    """Protects breakdowns: half of what was done is kept, and the rest runs after the repair."""
    uncertain = Uncertainty(mean_time_between_failures=80.0, mean_time_to_repair=5.0, kept_progress=0.5)

    def times(s: int) -> tuple[float, float, float]:
        down = exponential(80.0, s, What.BREAKDOWN, 0, 0)
        up = down + exponential(5.0, s, What.REPAIR, 0, 0)
        return down, up, up + exponential(80.0, s, What.BREAKDOWN, 0, 1)

    seed = next(s for s in range(999) if 20 < times(s)[0] < 90 and times(s)[2] > 200)
    down, up, _ = times(seed)
    instance = one_agent([JobSpec([TaskSpec({0: 100.0}, [1])])])
    twin = Twin(scenario(instance, uncertainty=uncertain), instance, seed)
    out = twin.reset()
    progress = 0.5 * (down / 100.0)
    assert twin.log()[3:8] == [
        (down, E.AGENT_DOWN, 0, NONE, NONE, 0.0),
        (down, E.TASK_INTERRUPTED, 0, 0, 0, progress),
        (down, E.TASK_READY, NONE, 0, 0, 0.0),
        (up, E.AGENT_UP, 0, NONE, NONE, 0.0),
        (up, E.TASK_START, 0, 0, 0, up + 100.0 * (1 - progress)),
    ]
    assert (out.terminated, out.time) == (True, up + 100.0 * (1 - progress))
    assert twin.state.agents[0].seen[0].n == 0  # a resumed attempt does not show what the whole takes


def test_learning_from_one_observation() -> None:
    """Protects estimates: after realised / nominal = 2 with five prior counts the factor is 2^(1/6)."""
    instance = one_agent(
        [JobSpec([TaskSpec({0: 3.0}, [1], ratio=2.0)]), JobSpec([TaskSpec({0: 6.0}, [1])], release=1.0)]
    )
    twin = Twin(scenario(instance), instance, seed=1)
    twin.reset()
    assert twin.log()[-1][0] == 12.0
    expected = [value for _, kind, _, _, _, value in twin.log() if kind == E.TASK_START]
    assert expected == pytest.approx([3.0, 6.0 + 6.0 * 2 ** (1 / 6)])


def test_window_takes_orderings_in_turn() -> None:
    """Protects the window: the oldest is 0, the shortest 3, the most urgent 4 (no due date: release + critical path - tail = 0), then 1."""
    durations, dues = (9.0, 8.0, 7.0, 1.0, 5.0), (90.0, 60.0, 80.0, 70.0, math.inf)
    instance = one_agent([JobSpec([TaskSpec({0: p}, [1])], due=due) for p, due in zip(durations, dues, strict=True)])
    shown = [Twin(scenario(instance, candidates=k), instance, seed=1).reset().task[0].tolist() for k in (2, 3, 4, 5)]
    assert shown == [[0, 3], [0, 3, 4], [0, 1, 3, 4], [0, 1, 2, 3, 4]]


def test_truncation_shows_what_agents_would_see() -> None:
    """Protects bootstrapping: at the cut of time the last observation is there, and nobody acts."""
    instance = one_agent([JobSpec([TaskSpec({0: 4.0}, [1])]), JobSpec([TaskSpec({0: 6.0}, [1])])], capacity=2)
    limits = replace(scenario(instance).limits, max_time=3.0)
    twin = Twin(scenario(instance, limits=limits), instance, seed=1)
    twin.reset()
    out = twin.step(picks_of(twin, 1), {})
    assert (out.phase, out.time, out.truncated, out.terminated) == (OVER, 3.0, True, False)
    assert (out.acting.tolist(), out.mask[0].tolist()) == ([False], [False] * 4 + [True])
    assert out.context[0, Context.RUNNING] == np.float32(math.log1p(2))
    assert out.context[0].tolist() == out.negotiation[0, NUM_CANDIDATE : NUM_CANDIDATE + NUM_CONTEXT].tolist()
    assert twin.log()[-1] == (3.0, E.TRUNCATED, NONE, NONE, NONE, 0.0)
