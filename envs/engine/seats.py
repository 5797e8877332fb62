"""Fills what the seats see: who acts, candidates, context, contest, masks."""

from __future__ import annotations

from math import inf, log1p
from typing import Final

from envs.columns import NUM_CANDIDATE, NUM_CONTEXT, NUM_NEGOTIATION
from envs.engine.codes import NONE
from envs.engine.compiled import Record, kernel
from envs.engine.knowledge import remaining_end
from envs.engine.memory import (
    agent_of,
    bid_context_of,
    clear_numbers,
    contest_of,
    context_of,
    copy_numbers,
    demand_of,
    mask_of,
    option_of,
    params_of,
    pick_row_of,
    pool_of,
    row_of,
    shown_of,
    team_context_of,
    units_of,
)
from envs.engine.negotiation import available_units, is_contested, share_of, wanted_units
from envs.engine.objective import mean_weight, time_scale
from envs.engine.observation import clip, find_availability, future_share, largest_future, ratio, write_ranks, write_row, wsrpt_key

_FLOAT32: Final = 4


@kernel
def _write_team(w: Record, row: Record) -> None:
    """Write the columns of the context that are the same for every agent."""
    par = params_of(w)
    scale = time_scale(w)
    least, total, pools, used = 1.0, 0.0, 0, 0.0
    for r in range(w.num_resources):
        pool = pool_of(w, r)
        if pool.capacity > 0:
            free = pool.free / pool.capacity
            least = min(least, free)
            total += free
            pools += 1
            used = max(used, (pool.capacity - pool.free) / pool.capacity)
    row.shared_free_min = least
    row.shared_free_mean = total / pools if pools else 1.0
    row.team_share = used
    queue = longest = rate = 0.0
    jobs = active = 0
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        queue += agent.queue
        longest = max(longest, agent.queue)
        rate += par.flow * agent.flow + par.tardiness * agent.tardy + par.slowdown * agent.slow
        jobs += agent.in_system
        active += agent.active
    row.queue_mean = clip((queue / w.num_agents) / scale)
    row.queue_max = clip(longest / scale)
    row.running = log1p(w.num_running)
    row.team_jobs = log1p(jobs)
    row.team_cost_rate = log1p(rate / mean_weight(w))
    row.active = active / w.num_agents
    row.round = log1p(w.round)
    soonest = inf
    for k in range(w.num_running):
        soonest = min(soonest, remaining_end(w, k))
    row.next_return = clip((soonest - w.time) / scale) if w.num_running else 0.0
    row.done = w.tasks_done / w.sum_tasks if w.sum_tasks else 0.0
    row.agents = log1p(w.num_agents)
    row.time_scale = scale


@kernel
def _write_own(w: Record, a: int, most: float, row: Record) -> None:
    par = params_of(w)
    agent = agent_of(w, a)
    scale = time_scale(w)
    row.candidates = log1p(agent.legal)
    row.startable = log1p(agent.startable)
    row.hidden = log1p(agent.legal - agent.shown)
    least = 1.0
    for r in range(w.num_resources):
        units = units_of(w, a, r)
        if units.capacity > 0:
            least = min(least, units.free / units.capacity)
    row.local_free = least
    row.own_share = share_of(w, a)
    row.queue = clip(agent.queue / scale)
    row.time_to_free = clip(agent.available / scale)
    row.future = clip(agent.future / scale)
    row.future_share = future_share(w, a, most)
    row.own_jobs = log1p(agent.in_system)
    rate = par.flow * agent.flow + par.tardiness * agent.tardy + par.slowdown * agent.slow
    row.own_cost_rate = log1p(rate / mean_weight(w))


@kernel
def _write_context(w: Record, a: int, most: float, address: int, row: Record) -> None:
    copy_numbers(w.team, address, NUM_CONTEXT)
    _write_own(w, a, most, row)


@kernel
def clear_seats(w: Record) -> None:
    """Nobody acts: observations are 0, only the no-op is legal."""
    for a in range(w.max_agents):
        agent = agent_of(w, a)
        agent.acting = False
        if agent.written == 0:
            continue
        for k in range(agent.written - 1):
            clear_numbers(w.candidates + (a * w.room + k) * NUM_CANDIDATE * _FLOAT32, NUM_CANDIDATE)
            shown_of(w, a, k).task = NONE
            mask_of(w, a, k).value = False
        mask_of(w, a, w.room).value = True
        clear_numbers(w.contexts + a * NUM_CONTEXT * _FLOAT32, NUM_CONTEXT)
        clear_numbers(w.negotiations + a * NUM_NEGOTIATION * _FLOAT32, NUM_NEGOTIATION)
        agent.written = 0


@kernel
def _prepare(w: Record) -> float:
    """Compute what all seats of the round share; return the largest future work of an agent."""
    find_availability(w)
    _write_team(w, team_context_of(w))
    return largest_future(w)


@kernel
def _write_prioritizer(w: Record, a: int, most: float) -> None:
    agent = agent_of(w, a)
    _write_context(w, a, most, w.contexts + a * NUM_CONTEXT * _FLOAT32, context_of(w, a))
    for k in range(agent.shown):
        shown = shown_of(w, a, k)
        write_row(w, shown.option, shown.startable, most, row_of(w, a, k))
        shown.task = option_of(w, shown.option).task
    if agent.shown:
        write_ranks(w, a, agent.shown)
    agent.written = 1 + agent.shown


@kernel
def show_prioritizers(w: Record) -> None:
    """Write the seats of the prioritizers that are asked."""
    most = _prepare(w)
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        if not agent.acts:
            continue
        _write_prioritizer(w, a, most)
        agent.acting = True
        for k in range(agent.shown):
            mask_of(w, a, k).value = True
        mask_of(w, a, w.room).value = agent.passes


@kernel
def show_end(w: Record) -> None:
    """Write what every agent that is up would see, without giving anybody a choice: the episode was cut off."""
    most = _prepare(w)
    for a in range(w.num_agents):
        if agent_of(w, a).up:
            _write_prioritizer(w, a, most)
            _write_context(w, a, most, w.negotiations + (a * NUM_NEGOTIATION + NUM_CANDIDATE) * _FLOAT32, bid_context_of(w, a))


@kernel
def _write_contest(w: Record, a: int, row: Record) -> None:
    par = params_of(w)
    best, total, shares = -inf, 0.0, 0.0
    others = startable = 0
    for c in range(w.num_agents):
        other = agent_of(w, c)
        shares += other.share
        if c != a and other.bids:
            others += 1
            best = max(best, other.key)
            total += other.key
            startable += other.pick_start
    demand = over = 0.0
    for r in range(w.num_resources):
        capacity = pool_of(w, r).capacity
        if capacity == 0:
            continue
        units = 0
        for c in range(w.num_agents):
            if c != a and agent_of(w, c).bids:
                units += demand_of(w, option_of(w, agent_of(w, c).pick).task, r)
        demand = max(demand, units / capacity)
        if is_contested(w, r):
            over = max(over, ratio(wanted_units(w, r), available_units(w, r)))
    agent = agent_of(w, a)
    row.participants = (others + 1) / w.num_agents
    row.key_over_best = clip(agent.key - best)
    row.key_over_mean = clip(agent.key - total / others)
    row.others_demand = clip(demand)
    row.oversubscription = clip(over)
    row.others_startable = startable / others
    row.share_over_mean = agent.share - shares / w.num_agents
    row.price = clip(w.price)
    row.balance = agent.balance / par.credits if par.credits > 0.0 else 0.0


@kernel
def show_negotiators(w: Record) -> None:
    """Write the seats of the negotiators of a contested round."""
    most = _prepare(w)
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        agent.share = share_of(w, a)
        if agent.bids:
            agent.key = wsrpt_key(w, option_of(w, agent.pick).task)
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        if agent.bids:
            write_row(w, agent.pick, agent.pick_start, most, pick_row_of(w, a))
            _write_context(w, a, most, w.negotiations + (a * NUM_NEGOTIATION + NUM_CANDIDATE) * _FLOAT32, bid_context_of(w, a))
            _write_contest(w, a, contest_of(w, a))
            agent.acting = True
            agent.written = 1
