"""Writes candidate rows: what a prioritizer sees of each candidate, and a negotiator of its pick."""

from __future__ import annotations

import math
from typing import Final

from envs.columns import CLIP
from envs.engine.candidates import expected_start
from envs.engine.codes import NONE, Status
from envs.engine.compiled import Record, kernel
from envs.engine.knowledge import estimate, remaining_end
from envs.engine.memory import (
    agent_of,
    belief_of,
    demand_of,
    facts_of,
    job_facts_of,
    job_of,
    option_of,
    params_of,
    pool_of,
    row_of,
    running_of,
    task_of,
    units_of,
)

_READY = int(Status.READY)
_HALF_A_UNIT: Final = 0.5
_LEAST_WORK: Final = 1e-3


@kernel
def clip(x: float) -> float:
    """Return x within the bounds of a column."""
    return min(max(x, -CLIP), CLIP)


@kernel
def ratio(demand: float, free: float) -> float:
    """Return demand over what is free; a half stands for nothing free."""
    return demand / max(free, _HALF_A_UNIT)


@kernel
def find_availability(w: Record) -> None:
    """Note for every agent how many seconds from now it could take another task, as far as its own units go."""
    par = params_of(w)
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        agent.available = 0.0
        if not agent.up:
            agent.available = par.repair
            continue
        for r in range(w.num_resources):
            if units_of(w, a, r).capacity > 0 and units_of(w, a, r).free == 0:
                agent.available = math.inf
    for k in range(w.num_running):
        agent = agent_of(w, running_of(w, k).agent)
        if agent.up and agent.available > 0.0:
            agent.available = min(agent.available, remaining_end(w, k) - w.time)
    for a in range(w.num_agents):
        if agent_of(w, a).available == math.inf:
            agent_of(w, a).available = 0.0


@kernel
def largest_future(w: Record) -> float:
    """Return the largest future work of an agent, in seconds."""
    largest = 0.0
    for a in range(w.num_agents):
        largest = max(largest, agent_of(w, a).future)
    return largest


@kernel
def wsrpt_key(w: Record, t: int) -> float:
    """Return log(weight / remaining work of the job), both relative: the index of weighted shortest remaining work."""
    j = facts_of(w, t).job
    weight = job_facts_of(w, j).weight / w.mean_weight
    return math.log(weight / max(job_of(w, j).work / w.scale, _LEAST_WORK))


@kernel
def _write_demands(w: Record, option: Record, est: float, scale: float, row: Record) -> None:
    """Write what the task wants of its agent's units and of the shared ones."""
    a = option.agent
    local = local_fit = shared = shared_fit = 0.0
    for r in range(w.num_resources):
        units = demand_of(w, option.task, r)
        if units == 0:
            continue
        own = units_of(w, a, r)
        if own.capacity > 0:
            local = max(local, units / own.capacity)
            local_fit = max(local_fit, ratio(units, own.free))
        else:
            pool = pool_of(w, r)
            shared = max(shared, units / pool.capacity)
            shared_fit = max(shared_fit, ratio(units, pool.free))
    row.local_demand = local
    row.local_fit = clip(local_fit)
    row.shared_demand = shared
    row.shared_fit = clip(shared_fit)
    row.area = clip(max(local, shared) * est / scale)


@kernel
def _elsewhere(w: Record, option: Record, own: float) -> float:
    """Return how many seconds later than ``own`` the best other agent could have the task done; 0 without one."""
    facts = facts_of(w, option.task)
    best = math.inf
    for o in range(facts.option0, facts.option0 + facts.options):
        other = option_of(w, o)
        agent = agent_of(w, other.agent)
        if other.agent != option.agent and agent.up:
            best = min(best, agent.available + estimate(w, other))
    return best - own if best < math.inf else 0.0


@kernel
def future_share(w: Record, q: int, most: float) -> float:
    """Return an agent's future work relative to the largest."""
    return agent_of(w, q).future / most if most > 0.0 else 0.0


@kernel
def _route_stop(w: Record, q: int, most: float, scale: float) -> tuple[float, float, float]:
    """Return queue, time to free and share of future work of an agent on the route; zeros behind its end."""
    if q == NONE:
        return 0.0, 0.0, 0.0
    agent = agent_of(w, q)
    return clip(agent.queue / scale), clip(agent.available / scale), future_share(w, q, most)


@kernel
def _write_route(w: Record, facts: Record, most: float, scale: float, row: Record) -> None:
    # everything is read before anything is written: the compiler must assume that a row may overlap what is read
    one = _route_stop(w, facts.route[0], most, scale)
    two = _route_stop(w, facts.route[1], most, scale)
    three = _route_stop(w, facts.route[2], most, scale)
    row.next1_queue, row.next1_free, row.next1_future = one
    row.next2_queue, row.next2_free, row.next2_future = two
    row.next3_queue, row.next3_free, row.next3_future = three


@kernel
def _write_job(w: Record, facts: Record, scale: float, row: Record) -> None:
    job, state = job_facts_of(w, facts.job), job_of(w, facts.job)
    now, release, due, tail = w.time, job.release, job.due, facts.tail
    work, tasks = state.work / scale, state.open
    weight = job.weight / w.mean_weight
    finish = (release + job.path - tail + facts.nominal - now) / scale
    row.job_work = clip(work)
    row.job_tasks = clip(tasks)
    row.latest_finish = clip(finish)
    row.weight = clip(weight)
    row.wsrpt = clip(math.log(weight / max(work, _LEAST_WORK)))
    row.age_release = clip((now - release) / scale)
    row.time_to_due = clip((due - now) / scale)
    row.slack = clip((due - now - tail) / scale)
    row.release = release / scale


@kernel
def clear_ranks(row: Record) -> None:
    """Say nothing of the other candidates."""
    row.duration_rank = row.tail_rank = row.job_work_rank = row.wsrpt_rank = 0.0


@kernel
def write_row(w: Record, o: int, startable: bool, est: float, most: float, row: Record) -> float:
    """Write one candidate; the ranks are set to 0. ``find_availability`` has been called for this round.

    Returns the seconds until it can start.
    """
    option = option_of(w, o)
    facts, state = facts_of(w, option.task), task_of(w, option.task)
    scale = w.scale
    wait = 0.0 if startable else expected_start(w, o) - w.time
    elsewhere = _elsewhere(w, option, wait + est) / scale if facts.options > 1 else 0.0
    next_here = over = 0.0
    if params_of(w).passing and state.taker != NONE:
        over = (state.taken - (wait + est)) / scale
        next_here = 1.0 if state.taker == option.agent and over <= 0.0 else 0.0
    age = (w.time - state.ready_time) / scale if state.status == _READY else 0.0
    spread = belief_of(w, option.agent, facts.kind).spread
    tail, head, next_work = facts.tail / scale, facts.head / scale, facts.next_work / scale
    successors, options, units = facts.successors, facts.options, facts.units
    attempts, progress = state.starts, state.progress
    row.startable = startable
    row.wait = clip(wait / scale)
    row.duration = clip(est / scale)
    row.uncertainty = spread
    row.tail = clip(tail)
    row.head = clip(head)
    row.successors = clip(successors)
    row.next_work = clip(next_work)
    row.age_ready = clip(age)
    row.attempts = clip(attempts)
    row.progress = progress
    row.alternatives = options - 1
    row.elsewhere = clip(elsewhere)
    row.forecast_next = next_here
    row.forecast_end = clip(over)
    clear_ranks(row)
    row.units = units
    _write_job(w, facts, scale, row)
    _write_demands(w, option, est, scale, row)
    _write_route(w, facts, most, scale, row)
    return wait


@kernel
def _place(x: float, low: float, high: float) -> float:
    return (x - low) / (high - low) if high > low else 0.0


@kernel
def write_ranks(w: Record, a: int, count: int) -> None:
    """Place each shown candidate between the smallest (0) and the largest (1) of four columns."""
    short = small = light = low = math.inf
    long = big = heavy = high = -math.inf
    for k in range(count):
        row = row_of(w, a, k)
        short, long = min(short, float(row.duration)), max(long, float(row.duration))
        small, big = min(small, float(row.tail)), max(big, float(row.tail))
        light, heavy = min(light, float(row.job_work)), max(heavy, float(row.job_work))
        low, high = min(low, float(row.wsrpt)), max(high, float(row.wsrpt))
    for k in range(count):
        row = row_of(w, a, k)
        row.duration_rank = _place(float(row.duration), short, long)
        row.tail_rank = _place(float(row.tail), small, big)
        row.job_work_rank = _place(float(row.job_work), light, heavy)
        row.wsrpt_rank = _place(float(row.wsrpt), low, high)
