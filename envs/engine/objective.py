"""Costs: named rates integrated over time, so that rewards add up to the objective exactly.

flow: sum of the weights of the jobs in the system (weighted flow time); tardiness: of the late ones (weighted
tardiness); slowdown: sum of 1 / max(length, 10 s) over the jobs in the system for longer than that (bounded slowdown
less 1; Feitelson et al. 1997; seats see it by nominal lengths, as nobody can know the realised ones); makespan: 1 until
everything is done; lease: leased units; abandonment: weight at once.
"""

from __future__ import annotations

import math
from typing import Final

from envs.engine.codes import Term
from envs.engine.compiled import Record, kernel
from envs.engine.memory import agent_of, job_facts_of, job_of, params_of

SLOWDOWN_FLOOR: Final = 10.0
"""Seconds below which a job's length does not count."""

_FLOW, _TARDY, _SLOW, _SPAN, _LEASE, _ABANDON = (int(t) for t in Term)


@kernel
def tardy_at(job: Record) -> float:
    """Return when an unfinished job becomes late."""
    return max(job.due, job.release)


@kernel
def slow_at(job: Record) -> float:
    """Return when a job has been in the system for longer than its length."""
    return job.release + max(job.length, SLOWDOWN_FLOOR)


@kernel
def seen_slow_at(job: Record) -> float:
    """Return the same by what agents can know of its length: the nominal durations."""
    return job.release + max(job.path, SLOWDOWN_FLOOR)


@kernel
def _become_tardy(w: Record, job: Record) -> None:
    owner = agent_of(w, job.owner)
    owner.tardy += job.weight
    owner.tardies += 1


@kernel
def enter_system(w: Record, j: int) -> None:
    """Add the job to the rates of its owner."""
    job = job_facts_of(w, j)
    owner = agent_of(w, job.owner)
    owner.flow += job.weight
    owner.in_system += 1
    if tardy_at(job) <= w.time:
        _become_tardy(w, job)


@kernel
def leave_system(w: Record, j: int) -> None:
    """Take the job's rates away: it is done or abandoned."""
    job = job_facts_of(w, j)
    owner = agent_of(w, job.owner)
    owner.in_system -= 1
    owner.flow = owner.flow - job.weight if owner.in_system else 0.0
    if tardy_at(job) <= w.time:
        owner.tardies -= 1
        owner.tardy = owner.tardy - job.weight if owner.tardies else 0.0
    if slow_at(job) <= w.time:
        owner.slows -= 1
        owner.slow = owner.slow - 1.0 / max(job.length, SLOWDOWN_FLOOR) if owner.slows else 0.0
    if seen_slow_at(job) <= w.time:
        owner.seen_slows -= 1
        owner.seen_slow = owner.seen_slow - 1.0 / max(job.path, SLOWDOWN_FLOOR) if owner.seen_slows else 0.0
    owner.unfinished -= 1
    w.open_jobs -= 1


@kernel
def charge_abandonment(w: Record, j: int) -> None:
    """Charge the owner of a job for giving it up."""
    par = params_of(w)
    job = job_facts_of(w, j)
    cost = par.abandonment * job.weight
    agent_of(w, job.owner).spent += cost
    w.spent += cost
    w.terms[_ABANDON] += job.weight


@kernel
def _charge(w: Record, until: float) -> None:
    par = params_of(w)
    dt = until - w.time
    w.time = until
    if dt <= 0.0:
        return
    flow = tardy = slow = team = 0.0
    leased = 0
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        rate = (
            par.flow * agent.flow + par.tardiness * agent.tardy + par.slowdown * agent.slow + par.lease * agent.leased
        )
        team += rate
        agent.spent += dt * (rate + (par.makespan if agent.unfinished > 0 else 0.0))
        flow += agent.flow
        tardy += agent.tardy
        slow += agent.slow
        leased += agent.leased
    w.spent += dt * (team + (par.makespan if w.open_jobs > 0 else 0.0))
    w.terms[_FLOW] += dt * flow
    w.terms[_TARDY] += dt * tardy
    w.terms[_SLOW] += dt * slow
    w.terms[_LEASE] += dt * leased
    if w.open_jobs > 0:
        w.terms[_SPAN] += dt


@kernel
def _notice_slow(w: Record) -> None:
    """Count the jobs that have been in the system for longer than agents can know them to be: seen, but not charged."""
    while w.seen_slow < w.num_jobs:
        j = job_facts_of(w, w.seen_slow).next_seen_slow
        job = job_facts_of(w, j)
        if seen_slow_at(job) > w.time:
            return
        w.seen_slow += 1
        if job_of(w, j).open > 0:
            owner = agent_of(w, job.owner)
            owner.seen_slow += 1.0 / max(job.path, SLOWDOWN_FLOOR)
            owner.seen_slows += 1


@kernel
def integrate(w: Record, until: float) -> None:
    """Move the clock to ``until`` and charge the time in between, piece by piece where a job's rate changes."""
    while True:
        tardy_time = slow_time = math.inf
        if w.tardy < w.num_jobs:
            tardy_job = job_facts_of(w, w.tardy).next_tardy
            tardy_time = tardy_at(job_facts_of(w, tardy_job))
        if w.slow < w.num_jobs:
            slow_job = job_facts_of(w, w.slow).next_slow
            slow_time = slow_at(job_facts_of(w, slow_job))
        if tardy_time <= slow_time and tardy_time <= until:
            _charge(w, tardy_time)
            w.tardy += 1
            if (
                job_of(w, tardy_job).open > 0 and tardy_job < w.submitted
            ):  # one that arrives late counts from its arrival
                _become_tardy(w, job_facts_of(w, tardy_job))
        elif slow_time <= until:
            _charge(w, slow_time)
            w.slow += 1
            if job_of(w, slow_job).open > 0:
                job = job_facts_of(w, slow_job)
                owner = agent_of(w, job.owner)
                owner.slow += 1.0 / max(job.length, SLOWDOWN_FLOOR)
                owner.slows += 1
        else:
            break
    _charge(w, until)
    _notice_slow(w)
