"""What lies ahead of the makespan, by hand: a job shop of two machines of which every number is known."""

from __future__ import annotations

import math
from enum import IntEnum

import pytest

from envs.columns import Candidate, Context
from envs.scenario import Objective, Reservations
from envs.workloads.instance import Instance
from tests.reference.outlook import booked, coming
from tests.reference.scenarios import JobSpec, TaskSpec, build
from tests.reference.state import Reservation
from tests.reference.test_twin import picks_of, scenario
from tests.reference.twin import Twin

AHEAD = (*range(Candidate.PATH_GAP, Candidate.JOB_PEAK + 1),)
C = Candidate


def shop() -> Instance:
    """Jobs of 3 seconds at machine 0 and 2 at 1; of 2 at 0 and 6 at 1; of 4 at 1 and 1 at 0. Scale: 18 / 6 = 3 seconds."""
    jobs = [
        JobSpec([TaskSpec({first: p}, [1]), TaskSpec({1 - first: q}, [1], after=(0,))])
        for first, p, q in ((0, 3.0, 2.0), (0, 2.0, 6.0), (1, 4.0, 1.0))
    ]
    return build(jobs, [False], [0], [[1], [1]], [[1.0], [1.0]])


def twin_of(makespan: float) -> Twin:
    """The shop, where the makespan weighs so much and flow time the rest."""
    objective = Objective(flow=1.0 - makespan, makespan=makespan)
    return Twin(scenario(shop(), objective=objective, reservations=Reservations(hold="start")), shop(), seed=1)


def test_outlook_by_hand() -> None:
    """Protects bounds: paths of 5, 8 and 5 seconds, loads of 6 and 12, so that 12 are left; and what either choice makes of them."""
    out = twin_of(1.0).reset()
    assert out.context[0, [Context.REST, Context.LINE_SLACK]] == pytest.approx([12 / 3, (6 - 12) / 3])
    # Behind tasks 2, 0 and 5 of machine 0 come 6, 2 and 0 seconds. Task 0 first: 3; 5, and 6 behind it; 6. Task 2 first: 8 on its own path.
    expected: list[dict[IntEnum, float]] = [
        {
            C.PATH_GAP: (5 - 12) / 3, C.PATH_SHARE: 5 / 12, C.LINE_GAP: (11 - 12) / 3, C.LINE_OVER: (11 - 8) / 3,
            C.OTHERS_GAP: (8 - 12 + 3) / 3, C.NEXT1_LEAD: (4 - 3) / 3, C.NEXT1_WAITING: math.log(2),
            C.JOB_LOAD: 12 / 9, C.JOB_PEAK: 1.0,
        },
        {
            C.PATH_GAP: (8 - 12) / 3, C.PATH_SHARE: 8 / 12, C.LINE_GAP: (8 - 12) / 3, C.LINE_OVER: 0.0,
            C.OTHERS_GAP: (5 - 12 + 2) / 3, C.NEXT1_LEAD: (4 - 2) / 3, C.NEXT1_WAITING: math.log(2),
            C.JOB_LOAD: 12 / 9, C.JOB_PEAK: 1.0,
        },
    ]  # fmt: skip
    for row, wanted in zip(out.candidates[0, :2], expected, strict=True):
        assert {column: float(row[column]) for column in AHEAD} == pytest.approx(
            {column: wanted.get(Candidate(column), 0.0) for column in AHEAD}, rel=1e-6
        )


def test_a_reservation_books_its_machine() -> None:
    """Protects leads: a reserved task is no work that comes, but keeps its machine until it will be over."""
    twin = twin_of(1.0)
    twin.reset()
    twin.step(picks_of(twin, 2), {})
    # At 2, machine 0 is free: it may start task 0, or wait until 4 for task 5, whose predecessor runs.
    state = twin.state
    assert (state.now, twin.round.choices[0].shown) == (2.0, [0, 5])
    assert (booked(state, 0), coming(state, 0)) == (0.0, 3.0 + 1.0)
    state.reservations.append(Reservation(0, 5, 4.0))
    assert (booked(state, 0), coming(state, 0)) == ((4.0 - 2.0) + 1.0, 3.0)


def test_nothing_lies_ahead_where_the_makespan_is_free() -> None:
    """Protects other problems: the columns are 0, and cost nothing, where the objective does not charge the makespan."""
    out = twin_of(0.0).reset()
    assert not out.candidates[:, :, AHEAD].any()
    assert not out.context[:, [Context.REST, Context.LINE_SLACK]].any()
