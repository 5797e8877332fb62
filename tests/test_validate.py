"""The independent checker: it passes correct logs and catches every kind of wrong one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from envs.events import NONE, EventKind
from envs.scenario import Limits, Negotiation, Reservations, Scenario, Uncertainty
from envs.validate import ScheduleError, validate
from envs.validate import __file__ as validate_package
from tests.by_hand import CALM, LOG, OWN_COST, TEAM_COST, ByHand, K, Row, event_log

Corruption = Callable[[list[Row]], None]


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


def add(
    event: int, time: float, kind: EventKind, agent: int = NONE, job: int = NONE, task: int = NONE, value: float = 0.0
) -> Corruption:
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
    report = validate(
        replace(CALM, limits=Limits(max_time=6.5)),
        ByHand().instance(0),
        0,
        event_log(rows),
        team_cost=team,
        own_cost=own,
    )
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
    "a start before the predecessor's end": (
        lambda rows: rows.insert(7, rows.pop(13)),
        "1 of its predecessors have not ended",
    ),
    "a start before being ready": (drop(5), "the task is pending, not ready"),
    "a start of what is done": (add(16, 7.0, K.TASK_START, 0, 0, 1), "the task is done, not ready"),
    "a start of what runs": (add(14, 4.0, K.TASK_START, 0, 0, 1), "the task is running, not ready"),
    "a task ready without a cause": (add(6, 1.0, K.TASK_READY, NONE, 0, 1), "nothing made the task ready"),
    "a task ready late": (lambda rows: rows.insert(14, (5.0, *rows.pop(9)[1:])), "the task was to become ready at 4.0"),
    "an agent that may not": (edit(13, 14, agent=1), "the agent is no option of the task"),
    "local units overdrawn": (edit(13, 14, agent=1), "the agent's slot is over its capacity by 1"),
    "shared units overdrawn": (
        lambda rows: rows.insert(7, (1.0, *rows.pop(11)[1:])),
        "shared tokens is over its capacity by 1",
    ),
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
    "a request for what runs": (
        add(13, 4.0, K.RESOURCE_REQUEST, 1, 1, 2),
        "the task is running, neither ready nor about to be",
    ),
    "a reservation of what is done": (
        add(8, 4.0, K.RESERVATION, 0, 0, 0, 4.0),
        "the task is done, neither ready nor about to be",
    ),
    "a reservation of the far future": (
        add(2, 0.0, K.RESERVATION, 0, 0, 1, 4.0),
        "the task is pending, neither ready nor about to be",
    ),
    "a reservation for the past": (edit(6, value=0.5), "its expected start 0.5 is in the past"),
    "a log that stops": (drop(16, 17, 18), "job 1 is not over"),
    "events after the cut": (add(14, 4.0, K.TRUNCATED), "it comes after the truncation"),
    "events after the end": (add(19, 30.0, K.TASK_READY, NONE, 1, 2), "every job was over before"),
    "a cut after the end": (add(19, 24.0, K.TRUNCATED), "but every job was over"),
    "a cut that hides an end": (
        lambda rows: rows.__setitem__(slice(14, None), [(9.0, K.TRUNCATED, *[NONE] * 3, 0.0)]),
        "to stop at 7.0",
    ),
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
        report = validate(
            replace(CALM, negotiation=Negotiation(credits=credits)), ByHand().instance(0), 0, event_log(rows)
        )
        assert report.ok == ok, report.violations


def test_counts_what_it_does_not_list() -> None:
    """A hopeless log gives a short report."""
    report = validate(CALM, ByHand().instance(0), 0, event_log([row for row in LOG for _ in range(3)]))
    assert len(report.violations) == 21
    assert report.violations[-1].startswith("and ")


def test_stands_apart_from_the_engine() -> None:
    """What is checked must not check itself: the checker imports neither the engine nor the world."""
    for path in Path(validate_package).parent.glob("*.py"):
        imports = [line for line in path.read_text().splitlines() if line.startswith(("import", "from"))]
        assert not [line for line in imports if "envs.engine" in line or "envs.world" in line], path
