"""The independent checker: it passes correct logs and catches every kind of wrong one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from envs.events import NONE, EventKind
from envs.scenario import Limits, Negotiation, Objective, Reservations, Scenario, Uncertainty
from envs.validate import ScheduleError, validate
from envs.validate import __file__ as validate_package
from envs.validate.draws import uniform as vector_uniform
from envs.workloads.instance import Instance
from envs.workloads.synthetic import SyntheticWorkload
from tests.greedy import Greedy, Row, event_log, rows_of, uniform

K = EventKind
Corruption = Callable[[list[Row]], None]


class ByHand:
    """Two agents with one slot each share three tokens; job 0 is a chain of two tasks, job 1 one long task."""

    def instance(self, seed: int) -> Instance:
        """Return the same instance for every seed."""
        return Instance(
            name="by-hand",
            resources=("slot", "tokens"),
            shared=np.array([False, True]),
            shared_capacity=np.array([0, 3]),
            local_capacity=np.array([[1, 0], [1, 0]]),
            speed=np.ones((2, 1)),
            job_release=np.array([0.0, 1.0]),
            job_due=np.array([6.0, np.inf]),
            job_weight=np.array([2.0, 1.0]),
            job_owner=np.array([0, 1]),
            job_first=np.array([0, 2, 3]),
            task_kind=np.zeros(3),
            task_demand=np.array([[1, 2], [1, 0], [1, 2]]),
            task_ratio=np.ones(3),
            option_first=np.array([0, 2, 3, 4]),
            option_agent=np.array([0, 1, 0, 1]),
            option_nominal=np.array([4.0, 8.0, 3.0, 20.0]),
            successor_first=np.array([0, 1, 1, 1]),
            successor=np.array([1]),
        )


OBJECTIVE = Objective(flow=1.0, tardiness=10.0, slowdown=100.0, makespan=3.0, lease=0.5, abandonment=50.0)
CALM = Scenario(ByHand(), OBJECTIVE)
LOG: list[Row] = [
    (0.0, K.TASK_SUBMISSION, NONE, 0, NONE, 0.0),
    (0.0, K.TASK_READY, NONE, 0, 0, 0.0),
    (0.0, K.ALLOCATION_UPDATE, 0, 0, 0, 0.0),
    (0.0, K.TASK_START, 0, 0, 0, 4.0),
    (1.0, K.TASK_SUBMISSION, NONE, 1, NONE, 0.0),
    (1.0, K.TASK_READY, NONE, 1, 2, 0.0),
    (1.0, K.RESERVATION, 1, 1, 2, 4.0),
    (4.0, K.TASK_END, 0, 0, 0, 0.0),
    (4.0, K.RELEASE_NOTIFICATION, 0, 0, 0, 0.0),
    (4.0, K.TASK_READY, NONE, 0, 1, 0.0),
    (4.0, K.RESOURCE_REQUEST, 1, 1, 2, 9.0),
    (4.0, K.ALLOCATION_UPDATE, 1, 1, 2, 0.0),
    (4.0, K.TASK_START, 1, 1, 2, 24.0),
    (4.0, K.TASK_START, 0, 0, 1, 7.0),
    (7.0, K.TASK_END, 0, 0, 1, 0.0),
    (7.0, K.JOB_DONE, NONE, 0, NONE, 0.0),
    (24.0, K.TASK_END, 1, 1, 2, 0.0),
    (24.0, K.RELEASE_NOTIFICATION, 1, 1, 2, 0.0),
    (24.0, K.JOB_DONE, NONE, 1, NONE, 0.0),
]
OWN_COST = [14 + 20 + 0 + 3 * 7 + 0.5 * 8, 23 + 0 + 15 + 3 * 24 + 0.5 * 40]
TEAM_COST = 37 + 10 * 2 + 100 * 0.15 + 3 * 24 + 0.5 * 48

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


def edit(*events: int, **fields: float) -> Corruption:
    """Return what sets fields (time, agent, task, value ...) of events."""
    names = ("time", "kind", "agent", "job", "task", "value")

    def apply(rows: list[Row]) -> None:
        for n in events:
            rows[n] = tuple(fields.get(name, old) for name, old in zip(names, rows[n], strict=True))  # type: ignore[assignment]

    return apply


def drop(*events: int) -> Corruption:
    """Return what removes events."""

    def apply(rows: list[Row]) -> None:
        rows[:] = [row for n, row in enumerate(rows) if n not in events]

    return apply


def add(event: int, time: float, kind: EventKind, agent: int = NONE, job: int = NONE, task: int = NONE, value: float = 0.0) -> Corruption:
    """Return what inserts an event before another."""
    return lambda rows: rows.insert(event, (time, kind, agent, job, task, value))


def test_known_answer() -> None:
    """A schedule worked out by hand passes, and every cost is what paper and pencil say."""
    report = validate(CALM, ByHand().instance(0), 0, event_log(LOG), team_cost=TEAM_COST, own_cost=OWN_COST)
    report.raise_if_bad()
    assert report.costs == pytest.approx(
        {"flow": 37, "tardiness": 2, "slowdown": 0.15, "makespan": 24, "lease": 48, "abandonment": 0, "team": TEAM_COST}
    )
    assert report.own_cost == pytest.approx(OWN_COST)
    assert (report.end, report.truncated) == (24.0, False)


def test_known_answer_truncated() -> None:
    """A cut-off episode passes where nothing was overdue, and is charged up to the cut."""
    rows = [*LOG[:14], (6.5, K.TRUNCATED, NONE, NONE, NONE, 0.0)]
    team = 2 * 6.5 + 5.5 + 10 * 2 * 0.5 + 3 * 6.5 + 0.5 * (2 * 4 + 2 * 2.5)
    own = [2 * 6.5 + 10 + 3 * 6.5 + 0.5 * 8, 5.5 + 3 * 6.5 + 0.5 * 5]
    report = validate(replace(CALM, limits=Limits(max_time=6.5)), ByHand().instance(0), 0, event_log(rows), team_cost=team, own_cost=own)
    report.raise_if_bad()
    assert report.truncated


CORRUPTIONS = {
    "an event of the past": (edit(15, time=6.0), "time goes back"),
    "an unknown kind": (edit(9, kind=99), "99 is no kind of event"),
    "a task out of range": (edit(13, task=3), "task 3 is not in 0..2"),
    "a missing agent": (edit(13, agent=NONE), "agent -1 is not in 0..1"),
    "a time that is no number": (edit(4, time=math.nan), "its time is nan"),
    "another job's task": (edit(13, job=1), "task 1 is not of job 1"),
    "a job submitted late": (edit(4, 5, 6, time=2.0), "the job is released at 1.0"),
    "a job submitted twice": (add(5, 1.0, K.TASK_SUBMISSION, job=1), "the job was submitted before"),
    "a job never submitted": (drop(4), "job 1, released at 1.0, was not submitted"),
    "a start before the predecessor's end": (lambda rows: rows.insert(7, rows.pop(13)), "1 of its predecessors have not ended"),
    "a start before being ready": (drop(5), "the task is pending, not ready"),
    "a start of what is done": (add(16, 7.0, K.TASK_START, 0, 0, 1), "the task is done, not ready"),
    "a start of what runs": (add(14, 4.0, K.TASK_START, 0, 0, 1), "the task is running, not ready"),
    "a task ready without a cause": (add(6, 1.0, K.TASK_READY, NONE, 0, 1), "nothing made the task ready"),
    "a task ready late": (lambda rows: rows.insert(14, (5.0, *rows.pop(9)[1:])), "the task was to become ready at 4.0"),
    "an agent that may not": (edit(13, 14, agent=1), "the agent is no option of the task"),
    "local units overdrawn": (edit(13, 14, agent=1), "the agent's slot is over its capacity by 1"),
    "shared units overdrawn": (lambda rows: rows.insert(7, (1.0, *rows.pop(11)[1:])), "shared tokens is over its capacity by 1"),
    "no leases": (drop(11), "it starts without its leases"),
    "leases of another time": (lambda rows: rows.insert(10, (2.0, *rows.pop(11)[1:])), "it starts without its leases"),
    "leases taken twice": (add(3, 0.0, K.ALLOCATION_UPDATE, 0, 0, 0), "agent 0 holds the task's leases already"),
    "leases for nothing": (add(13, 4.0, K.ALLOCATION_UPDATE, 0, 0, 1), "the task demands no shared units"),
    "leases kept": (drop(17), "agent 1 has not returned the leases of task 2"),
    "leases returned twice": (add(9, 4.0, K.RELEASE_NOTIFICATION, 0, 0, 0), "nobody holds the task's leases"),
    "leases returned late": (lambda rows: rows.insert(14, (5.0, *rows.pop(8)[1:])), "the task stopped at 4.0"),
    "leases returned early": (lambda rows: rows.insert(15, (7.0, *rows.pop(17)[1:])), "the task has not stopped"),
    "leases returned by another": (edit(8, agent=1), "agent 0 holds them"),
    "a price where bids are free": (edit(11, value=1.0), "it pays 1.0 credits of a balance of 0.0"),
    "a task that lasts too long": (edit(16, 17, 18, time=25.0), "drawn to last until 24.0"),
    "a task that ends twice": (add(15, 7.0, K.TASK_END, 0, 0, 1), "the task is done, not running"),
    "a task that ends elsewhere": (edit(7, agent=1), "the task runs at agent 0"),
    "a failure not drawn": (edit(16, kind=K.TASK_FAILED, value=24.0), "the attempt was drawn to succeed"),
    "an interruption without a cause": (edit(14, kind=K.TASK_INTERRUPTED), "neither a breakdown nor an abandonment"),
    "a breakdown not drawn": (add(14, 5.0, K.AGENT_DOWN, 0), "its breakdown was drawn for inf"),
    "tasks that run on at a dead agent": (add(14, 5.0, K.AGENT_DOWN, 0), "but its task 1 was not interrupted"),
    "a start at a dead agent": (add(2, 0.0, K.AGENT_DOWN, 0), "the agent is down"),
    "a recovery of what is up": (add(14, 5.0, K.AGENT_UP, 0), "the agent is not down"),
    "a job done too early": (add(10, 4.0, K.JOB_DONE, job=0), "nothing ended the job"),
    "a job done twice": (add(16, 7.0, K.JOB_DONE, job=0), "the job was over before"),
    "a job not reported done": (drop(15), "job 0 has no JOB_DONE, due at 7.0"),
    "a job abandoned without cause": (edit(15, kind=K.JOB_ABANDONED), "expected JOB_DONE at 7.0"),
    "a request of the absent": (add(10, 4.0, K.AGENT_DOWN, 1), "the agent is down"),
    "a request without demand": (add(10, 4.0, K.RESOURCE_REQUEST, 0, 0, 1), "the task demands no shared units"),
    "a request for what runs": (add(13, 4.0, K.RESOURCE_REQUEST, 1, 1, 2), "the task is running, neither ready nor about to be"),
    "a reservation of what is done": (add(8, 4.0, K.RESERVATION, 0, 0, 0, 4.0), "the task is done, neither ready nor about to be"),
    "a reservation of the far future": (add(2, 0.0, K.RESERVATION, 0, 0, 1, 4.0), "the task is pending, neither ready nor about to be"),
    "a reservation for the past": (edit(6, value=0.5), "its expected start 0.5 is in the past"),
    "a log that stops": (drop(16, 17, 18), "job 1 is not over"),
    "events after the cut": (add(14, 4.0, K.TRUNCATED), "it comes after the truncation"),
    "events after the end": (add(19, 30.0, K.TASK_READY, NONE, 1, 2), "every job was over before"),
    "a cut after the end": (add(19, 24.0, K.TRUNCATED), "but every job was over"),
    "a cut that hides an end": (lambda rows: rows.__setitem__(slice(14, None), [(9.0, K.TRUNCATED, *[NONE] * 3, 0.0)]), "to stop at 7.0"),
}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_catches(name: str) -> None:
    """Each kind of violation is caught, and the message says what is wrong."""
    corrupt, message = CORRUPTIONS[name]
    rows = LOG.copy()
    corrupt(rows)
    report = validate(CALM, ByHand().instance(0), 0, event_log(rows))
    assert any(message in line for line in report.violations), report.violations
    with pytest.raises(ScheduleError, match="by-hand"):
        report.raise_if_bad()


def test_message_names_the_event() -> None:
    """A violation says which event, when, and whose it is."""
    rows = LOG.copy()
    edit(13, agent=1)(rows)
    (line, *_) = validate(CALM, ByHand().instance(0), 0, event_log(rows)).violations
    assert line == "event 13 (TASK_START at 4.0 s, agent 1, job 0, task 1): the agent is no option of the task"


@pytest.mark.parametrize(
    ("scenario", "message"),
    [
        (replace(CALM, reservations=Reservations(allowed=False)), "the scenario allows no reservations"),
        (replace(CALM, limits=Limits(max_time=20.0)), "the episode was to be cut off at 20.0 s"),
        (replace(CALM, uncertainty=Uncertainty(mean_time_between_failures=1.0)), "the breakdown of agent 0"),
        (replace(CALM, uncertainty=Uncertainty(duration_sigma=0.1)), "was drawn to last until"),
        (replace(CALM, uncertainty=Uncertainty(failure_probability=0.99)), "the attempt was drawn to fail"),
    ],
)
def test_catches_what_the_scenario_forbids(scenario: Scenario, message: str) -> None:
    """The same log is judged by the scenario that it claims to come from."""
    report = validate(scenario, ByHand().instance(0), 0, event_log(LOG))
    assert any(message in line for line in report.violations), report.violations


def test_checks_costs() -> None:
    """Reported costs must be those of the events, per agent too."""
    log = event_log(LOG)
    report = validate(CALM, ByHand().instance(0), 0, log, team_cost=TEAM_COST * (1 + 1e-7), own_cost=[OWN_COST[0], 0.0])
    assert len(report.violations) == 2
    assert report.violations[0].startswith("the team cost was reported as")
    assert report.violations[1].startswith("the own cost of agent 1 was reported as 0.0")
    with pytest.raises(ValueError, match="expected one cost for each of 2 agents"):
        validate(CALM, ByHand().instance(0), 0, log, own_cost=[1.0])


def test_checks_credits() -> None:
    """Nobody pays more than it has; what is paid is shared out."""
    rows = LOG.copy()
    edit(11, value=2.0)(rows)
    for credits, ok in ((2.0, True), (1.5, False)):
        report = validate(replace(CALM, negotiation=Negotiation(credits=credits)), ByHand().instance(0), 0, event_log(rows))
        assert report.ok == ok, report.violations


def test_counts_what_it_does_not_list() -> None:
    """A hopeless log gives a short report."""
    report = validate(CALM, ByHand().instance(0), 0, event_log([row for row in LOG for _ in range(3)]))
    assert len(report.violations) == 21
    assert report.violations[-1].startswith("and ")


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


def test_stands_apart_from_the_engine() -> None:
    """What is checked must not check itself: the checker imports neither the engine nor the world."""
    for path in Path(validate_package).parent.glob("*.py"):
        imports = [line for line in path.read_text().splitlines() if line.startswith(("import", "from"))]
        assert not [line for line in imports if "envs.engine" in line or "envs.world" in line], path
