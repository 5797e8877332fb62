"""From event to event, and what the time in between costs: docs/world.md, sections 4 and 7."""

from __future__ import annotations

import math
from enum import Enum, auto

from tests.reference.execution import become_ready, become_tardy, break_down, end, recover, submit
from tests.reference.state import State, Status


class Advanced(Enum):
    """What an advance led to."""

    EVENT = auto()
    TERMINATED = auto()
    OUT_OF_TIME = auto()


def advance(state: State) -> Advanced:
    """Go to the next time at which something happens, and apply everything of that time."""
    time = _next_time(state)
    limit = state.scenario.limits.max_time
    if time > limit:
        integrate(state, limit)
        notice_slow(state)
        return Advanced.OUT_OF_TIME
    if time == math.inf:
        raise AssertionError("the world stands still: nothing runs, and nobody could start anything")
    integrate(state, time)
    notice_slow(state)
    _apply(state)
    return Advanced.TERMINATED if all(job.over for job in state.jobs) else Advanced.EVENT


def _next_time(state: State) -> float:
    times = [math.inf]
    times += [task.ends for task in state.running()]
    times += [task.retry_time for task in state.tasks if task.status is Status.RETRYING]
    times += [job.fact.release for job in state.jobs[state.arrived :]]
    times += [agent.next_change for agent in state.agents]
    return min(times)


def _apply(state: State) -> None:
    """The five passes; where queues block, only the first arrival, or else the first end, if there is one."""
    if state.scenario.reservations.blocking:
        if state.arrived < len(state.jobs) and state.jobs[state.arrived].fact.release <= state.now:
            submit(state)
            return
        if first := next((task for task in state.running() if task.ends <= state.now), None):
            end(state, first)
            return
    while due := [task for task in state.running() if task.ends <= state.now]:
        end(state, due[0])
    for a, agent in enumerate(state.agents):
        if not agent.up and agent.next_change <= state.now:
            recover(state, a)
    for a, agent in enumerate(state.agents):
        if agent.up and agent.next_change <= state.now:
            break_down(state, a)
    while state.arrived < len(state.jobs) and state.jobs[state.arrived].fact.release <= state.now:
        submit(state)
    for task in state.tasks:
        if task.status is Status.RETRYING and task.retry_time <= state.now:
            become_ready(state, task)


def integrate(state: State, target: float) -> None:
    """Charge the costs up to `target`, in pieces that end where a job becomes tardy or slow."""
    tardy, slow = state.by_tardy_at, state.by_slow_at
    while True:
        tardy_at = tardy[0].fact.tardy_at if tardy else math.inf
        slow_at = slow[0].fact.slow_at if slow else math.inf
        _charge(state, min(tardy_at, slow_at, target))
        if min(tardy_at, slow_at) > target:
            return
        if tardy_at <= slow_at:
            job = tardy.pop(0)
            if not job.over and job.fact.index < state.arrived:
                become_tardy(state, job)
        else:
            job = slow.pop(0)
            if not job.over:
                job.slow = True
                state.agents[job.fact.owner].slow_rate.add(job.fact.slow_rate)


def notice_slow(state: State) -> None:
    """Count, for what agents see, the jobs that are slow by their nominal durations."""
    jobs = state.by_seen_slow_at
    while jobs and jobs[0].fact.seen_slow_at <= state.now:
        job = jobs.pop(0)
        if not job.over:
            job.seen_slow = True
            state.agents[job.fact.owner].seen_slow_rate.add(job.fact.seen_slow_rate)


def _charge(state: State, until: float) -> None:
    """Charge one piece, in which the rates stand."""
    dt = until - state.now
    if dt <= 0:
        return
    weights = state.scenario.objective
    unfinished = [job for job in state.jobs if not job.over]
    owners = {job.fact.owner for job in unfinished}
    team_rate = 0.0
    sums = [0.0] * 5
    for a, agent in enumerate(state.agents):
        flow, tardiness, slowdown, lease = (
            agent.flow_rate.value,
            agent.tardy_rate.value,
            agent.slow_rate.value,
            sum(agent.leased),
        )
        x = weights.flow * flow + weights.tardiness * tardiness + weights.slowdown * slowdown + weights.lease * lease
        team_rate += x
        state.own_cost[a] += dt * (x + weights.makespan * (a in owners))
        for term, rate in ((0, flow), (1, tardiness), (2, slowdown), (4, float(lease))):
            sums[term] += rate
    sums[3] = float(bool(unfinished))
    state.team_cost += dt * (team_rate + weights.makespan * sums[3])
    for term in range(5):
        state.terms[term] += dt * sums[term]
    state.now = until
