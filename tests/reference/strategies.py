"""Small worlds as hypothesis draws them: it looks for what fails, and makes that as small as it can before it is shown."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from envs.scenario import Knowledge, Limits, Negotiation, Objective, Reservations, Scenario, Uncertainty
from envs.workloads.instance import Instance
from tests.reference.scenarios import Fixed, JobSpec, TaskSpec, build

WHOLE = st.integers(0, 12).map(float)
"""Seconds, so that events coincide."""
TIMES = WHOLE | st.floats(0.0, 100.0, width=32)
UNITS = st.integers(0, 4)


@st.composite
def worlds(draw: st.DrawFn) -> Scenario:
    """A scenario around one instance; the simplest one is a task of no length of one agent."""
    instance = draw(instances())
    arrivals = sorted({1.0, *instance.job_release.tolist()} - {0.0})
    terms = draw(
        st.dictionaries(
            st.sampled_from(["tardiness", "slowdown", "makespan", "lease"]), st.floats(0.1, 2.0), max_size=4
        )
    )
    return Scenario(
        workload=Fixed(instance),
        objective=Objective(flow=draw(st.floats(0.0, 2.0)) if terms else 1.0, abandonment=draw(UNITS), **terms),
        uncertainty=draw(uncertainties()),
        knowledge=Knowledge(
            learn=draw(st.booleans()), prior_count=draw(st.floats(0.5, 8.0)), prior_std=draw(st.floats(0.0, 1.0))
        ),
        reservations=draw(reservations()),
        negotiation=Negotiation(credits=draw(st.just(0.0) | st.floats(0.5, 30.0))),
        limits=Limits(
            max_time=draw(st.just(math.inf) | st.integers(5, 80).map(float) | st.sampled_from(arrivals)),
            max_rounds=draw(st.just(2**31 - 1) | st.integers(1, 40)),
        ),
        candidates=draw(st.sampled_from([1, 2, 3, 8])),
        allow_pass=draw(st.booleans()),
        cooperation=draw(st.sampled_from([0.0, 0.3, 1.0])),
    )


@st.composite
def uncertainties(draw: st.DrawFn) -> Uncertainty:
    """What nobody knows beforehand; most simply, nothing."""
    return Uncertainty(
        duration_sigma=draw(st.just(0.0) | st.floats(0.1, 1.0)),
        failure_probability=draw(st.just(0.0) | st.floats(0.05, 0.5)),
        retry_delay=draw(WHOLE),
        max_failures=draw(st.integers(1, 4)),
        mean_time_between_failures=draw(st.just(math.inf) | st.floats(10.0, 60.0)),
        mean_time_to_repair=draw(st.floats(1.0, 15.0)),
        kept_progress=draw(st.sampled_from([0.0, 0.5, 1.0])),
    )


@st.composite
def reservations(draw: st.DrawFn) -> Reservations:
    """Ways to keep units."""
    allowed, until, backfill = draw(st.booleans()), draw(st.sampled_from(["event", "start"])), draw(st.booleans())
    return Reservations(allowed, until, backfill, blocking=allowed and until == "start" and draw(st.booleans()))


@st.composite
def instances(draw: st.DrawFn) -> Instance:
    """Up to eight jobs of up to five tasks for up to four agents, feasible by how they are drawn."""
    agents, kinds = draw(st.integers(1, 4)), draw(st.integers(1, 2))
    shared = draw(st.lists(st.booleans(), min_size=1, max_size=3))
    shared_capacity = [draw(st.integers(1, 6)) if is_shared else 0 for is_shared in shared]
    local_capacity = [[0 if is_shared else draw(UNITS) for is_shared in shared] for _ in range(agents)]
    speed = [[draw(st.just(1.0) | st.floats(0.5, 2.0)) for _ in range(kinds)] for _ in range(agents)]

    def task(place: int) -> TaskSpec:
        options = draw(st.dictionaries(st.integers(0, agents - 1), TIMES, min_size=1, max_size=agents))
        pool = [
            shared_capacity[r] if shared[r] else min(local_capacity[a][r] for a in options) for r in range(len(shared))
        ]
        return TaskSpec(
            options=options,
            demand=[draw(st.integers(0, most)) for most in pool],
            after=tuple(sorted(draw(st.sets(st.integers(0, place - 1))))) if place else (),
            kind=draw(st.integers(0, kinds - 1)),
            ratio=draw(st.sampled_from([1.0, 0.0]) | st.floats(0.3, 2.0)),
        )

    jobs, release = [], 0.0
    for _ in range(draw(st.integers(1, 8))):
        release += draw(TIMES)
        jobs.append(
            JobSpec(
                tasks=[task(place) for place in range(draw(st.integers(1, 5)))],
                release=release,
                due=draw(
                    st.just(math.inf) | st.integers(-5, 60).map(lambda after, since=release: max(0.0, since + after))
                ),
                weight=draw(st.just(1.0) | st.floats(0.2, 4.0)),
                owner=draw(st.integers(0, agents - 1)),
            )
        )
    return build(jobs, shared, shared_capacity, local_capacity, speed)
