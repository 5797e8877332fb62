"""The independent checker on whole episodes under uncertainty: played greedily, by the reference twin and by the world."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from envs.events import EventKind
from envs.scenario import Limits, Reservations, Scenario, Uncertainty
from envs.validate import validate
from envs.validate.costs import TERMS
from envs.validate.draws import uniform as vector_uniform
from envs.workloads.generators.synthetic import SyntheticWorkload
from envs.workloads.instance import Instance
from envs.world import Phase, World
from tests.by_hand import OBJECTIVE, K, Row, event_log, rows_of
from tests.greedy import Greedy, uniform
from tests.reference.scenarios import random_actions, random_case
from tests.reference.twin import OVER, Twin

Corruption = Callable[[list[Row]], None]
STORMY = Scenario(
    SyntheticWorkload(jobs=40, eligible="all"),
    OBJECTIVE,
    Uncertainty(
        duration_sigma=0.5,
        failure_probability=0.25,
        retry_delay=5.0,
        max_failures=2,
        mean_time_between_failures=400.0,
        mean_time_to_repair=60.0,
        kept_progress=0.5,
    ),
)
SEED = 2**63 + 11


def test_draws_agree_with_scalar_arithmetic() -> None:
    """The vectorised draws equal those in plain Python numbers to the last bit, for extreme seeds too."""
    index, attempt = np.array([0, 1, 7, 2**31 - 2]), np.array([0, 3, 1000, 5])
    for seed in (0, 1, SEED, 2**64 - 1):
        for what in range(1, 9):
            expected = [uniform(seed, what, int(i), int(k)) for i, k in zip(index, attempt, strict=True)]
            assert vector_uniform(seed, what, index, attempt).tolist() == expected


@pytest.mark.parametrize("max_time", [math.inf, 900.0])
@pytest.mark.parametrize("seed", range(6))
def test_passes_a_stormy_episode(seed: int, max_time: float) -> None:
    """Noise, failures, retries, abandonment, breakdowns and truncation in correct logs raise no alarm."""
    scenario = replace(STORMY, limits=Limits(max_time=max_time))
    instance = scenario.workload.instance(seed)
    report = validate(scenario, instance, SEED + seed, Greedy(scenario, instance, SEED + seed).log)
    report.raise_if_bad()
    assert report.truncated == math.isfinite(max_time)


def test_checks_every_start_of_a_stormy_episode() -> None:
    """A log played with another seed is refused: nothing in it has the lengths that were drawn."""
    instance = STORMY.workload.instance(0)
    log = Greedy(STORMY, instance, SEED).log
    assert not validate(STORMY, instance, SEED + 1, log).ok


def change(first: EventKind, *, kind: EventKind | None = None, later: float = 0.0, more: float = 0.0) -> Corruption:
    """Return what changes the first event of a kind (with a finite value): its kind, its time and its value."""

    def apply(rows: list[Row]) -> None:
        n = next(n for n, row in enumerate(rows) if row[1] == first and math.isfinite(row[5]))
        time, _, agent, job, task, value = rows[n]
        rows[n] = (time + later, first if kind is None else kind, agent, job, task, value + more)

    return apply


def without(kind: EventKind) -> Corruption:
    """Return what removes the first event of a kind."""
    return lambda rows: rows.pop(next(n for n, row in enumerate(rows) if row[1] == kind)) and None


@pytest.mark.parametrize(
    ("corrupt", "message"),
    [
        (change(K.TASK_FAILED, kind=K.TASK_END), "the attempt was drawn to fail"),
        (change(K.TASK_FAILED, more=1.0), "as its retry, expected"),
        (change(K.TASK_FAILED, more=math.inf), "as its retry, expected"),
        (change(K.TASK_FAILED, later=-1e-6), "was drawn to last until"),
        (change(K.TASK_END, later=1e-6), "was drawn to last until"),
        (change(K.TASK_INTERRUPTED, more=0.01), "the progress kept is"),
        (change(K.AGENT_DOWN, later=1e-6), "its breakdown was drawn for"),
        (change(K.AGENT_UP, later=1e-6), "its recovery was drawn for"),
        (without(K.AGENT_DOWN), "the agent is not down"),
        (without(K.AGENT_UP), "the agent is down"),
        (without(K.JOB_ABANDONED), "has no JOB_ABANDONED"),
        (without(K.TASK_INTERRUPTED), "the task has not stopped"),
        (change(K.JOB_DONE, kind=K.JOB_ABANDONED), "expected JOB_DONE"),
    ],
)
def test_catches_in_a_storm(corrupt: Corruption, message: str) -> None:
    """Failures, retries, breakdowns, repairs and abandonments must be those that were drawn."""
    instance = STORMY.workload.instance(0)
    rows = rows_of(Greedy(STORMY, instance, SEED).log)
    corrupt(rows)
    report = validate(STORMY, instance, SEED, event_log(rows))
    assert any(message in line for line in report.violations), report.violations


def check_world(scenario: Scenario, instance: Instance, case: int) -> None:
    """Have random players play a small world, and refuse any violation and any cost that the events do not give."""
    world = World(scenario, 1, seed=case, instances=[instance], auto_reset=False, record=True)
    random = np.random.default_rng(case)
    out = world.reset()
    team, own = float(out.team_cost[0]), out.own_cost[0].copy()
    while out.phase[0] != Phase.OVER:
        picks, bids = random_actions(random, out.mask[0])
        out = world.step(picks[None], bids[None])
        team, own = team + float(out.team_cost[0]), own + out.own_cost[0]
    report = validate(scenario, instance, int(out.seed[0]), world.log(0), team_cost=team, own_cost=own)
    report.raise_if_bad()
    assert (report.end, report.truncated) == (out.time[0], out.truncated[0])
    assert [report.costs[term] for term in TERMS] == pytest.approx(out.terms[0].tolist(), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("case", range(40))
def test_passes_the_world(case: int) -> None:
    """Whatever random players do in random small worlds, the engine keeps every rule and reports the costs of its events."""
    check_world(*random_case(case), case)


@pytest.mark.parametrize("first", range(0, 300, 50))
def test_passes_cuts_anywhere(first: int) -> None:
    """An episode may be cut off after any number of rounds, in a queue that blocks between two events of one instant, too."""
    for case in range(first, first + 50):
        scenario, instance = random_case(case)
        held = scenario.reservations
        blocking = replace(scenario, reservations=Reservations(hold="start", backfill=held.backfill, blocking=True))
        for rounds in (1, 2, 3, 5, 8):
            cut = Limits(max_time=scenario.limits.max_time, max_rounds=rounds)
            check_world(replace(scenario, limits=cut), instance, case)
            check_world(replace(blocking, limits=cut), instance, case)


@pytest.mark.parametrize("case", range(40))
def test_passes_the_twin(case: int) -> None:
    """The slow twin of the engine keeps every rule too."""
    scenario, instance = random_case(case)
    twin = Twin(scenario, instance, SEED + case)
    random = np.random.default_rng(case)
    out = twin.reset()
    team, own = out.team_cost, out.own_cost.copy()
    while out.phase != OVER:
        out = twin.step(*random_actions(random, out.mask))
        team, own = team + out.team_cost, own + out.own_cost
    validate(scenario, instance, SEED + case, event_log(twin.log()), team_cost=team, own_cost=own).raise_if_bad()
