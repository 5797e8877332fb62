"""Fills what the seats see: who acts, candidates, context, contest, masks."""

from __future__ import annotations

from math import inf
from typing import Final

from envs.columns import NUM_CANDIDATE, NUM_CONTEXT, NUM_NEGOTIATION
from envs.engine.codes import NONE
from envs.engine.compiled import Record, kernel
from envs.engine.context import write_own, write_team
from envs.engine.forecast import forecast
from envs.engine.knowledge import estimate
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
)
from envs.engine.negotiation import share_of
from envs.engine.observation import (
    clear_ranks,
    clip,
    find_availability,
    largest_future,
    ratio,
    write_ranks,
    write_row,
    wsrpt_key,
)
from envs.engine.outlook import compare_outlooks, look_out, write_outlook

_FLOAT32: Final = 4


@kernel
def _row_address(w: Record, a: int, k: int) -> int:
    return w.candidates + (a * w.room + k) * NUM_CANDIDATE * _FLOAT32


@kernel
def _context_address(w: Record, a: int) -> int:
    return w.contexts + a * NUM_CONTEXT * _FLOAT32


@kernel
def _negotiation_address(w: Record, a: int) -> int:
    return w.negotiations + a * NUM_NEGOTIATION * _FLOAT32


@kernel
def _bid_context_address(w: Record, a: int) -> int:
    return _negotiation_address(w, a) + NUM_CANDIDATE * _FLOAT32


@kernel
def _write_context(w: Record, a: int, most: float, address: int, row: Record) -> None:
    copy_numbers(w.team, address, NUM_CONTEXT)
    write_own(w, a, most, row)


@kernel
def _write_row(w: Record, o: int, startable: bool, est: float, most: float, row: Record) -> None:
    wait = write_row(w, o, startable, est, most, row)
    if params_of(w).makespan > 0.0:  # elsewhere these columns are never written, and stay 0
        write_outlook(w, option_of(w, o), wait, est, row)


@kernel
def _hide_rows(w: Record, a: int, first: int) -> None:
    """Clear what the prioritizer was shown last, from its row ``first`` on."""
    for k in range(first, agent_of(w, a).written - 1):
        clear_numbers(_row_address(w, a, k), NUM_CANDIDATE)
        shown_of(w, a, k).task = NONE
        mask_of(w, a, k).value = False


@kernel
def _hide_prioritizer(w: Record, a: int) -> None:
    if agent_of(w, a).written:
        _hide_rows(w, a, 0)
        mask_of(w, a, w.room).value = True
        clear_numbers(_context_address(w, a), NUM_CONTEXT)
        agent_of(w, a).written = 0


@kernel
def _hide_negotiator(w: Record, a: int) -> None:
    if agent_of(w, a).told:
        clear_numbers(_negotiation_address(w, a), NUM_NEGOTIATION)
        agent_of(w, a).told = False


@kernel
def hide_seats(w: Record) -> None:
    """Show nothing: observations are 0, only the no-op is legal."""
    for a in range(w.max_agents):
        agent_of(w, a).acting = False
        _hide_prioritizer(w, a)
        _hide_negotiator(w, a)


@kernel
def _prepare(w: Record) -> float:
    """Compute what all seats of the round share; return the largest future work of an agent."""
    find_availability(w)
    if params_of(w).passing:
        forecast(w)
    if params_of(w).makespan > 0.0:
        look_out(w)
    write_team(w, team_context_of(w))
    return largest_future(w)


@kernel
def _write_prioritizer(w: Record, a: int, most: float) -> None:
    agent = agent_of(w, a)
    _write_context(w, a, most, _context_address(w, a), context_of(w, a))
    for k in range(agent.shown):
        shown = shown_of(w, a, k)
        _write_row(w, shown.option, shown.startable, shown.estimate, most, row_of(w, a, k))
        shown.task = option_of(w, shown.option).task
    if agent.shown:
        write_ranks(w, a, agent.shown)
        if params_of(w).makespan > 0.0:
            compare_outlooks(w, a, agent.shown)
    _hide_rows(w, a, agent.shown)
    agent.written = 1 + agent.shown


@kernel
def show_prioritizers(w: Record) -> None:
    """Write the seats of the prioritizers that are asked; the others see nothing."""
    most = _prepare(w)
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        _hide_negotiator(w, a)
        agent.acting = agent.acts
        if not agent.acts:
            _hide_prioritizer(w, a)
            continue
        _write_prioritizer(w, a, most)
        for k in range(agent.shown):
            mask_of(w, a, k).value = True
        mask_of(w, a, w.room).value = agent.passes


@kernel
def show_end(w: Record) -> None:
    """Write what every agent that is up would see, without giving anybody a choice: the episode was cut off."""
    hide_seats(w)
    most = _prepare(w)
    for a in range(w.num_agents):
        if agent_of(w, a).up:
            _write_prioritizer(w, a, most)
            _write_context(w, a, most, _bid_context_address(w, a), bid_context_of(w, a))
            agent_of(w, a).told = True


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
        pool = pool_of(w, r)
        if pool.capacity == 0:
            continue
        units = 0
        for c in range(w.num_agents):
            if c != a and agent_of(w, c).bids:
                units += demand_of(w, option_of(w, agent_of(w, c).pick).task, r)
        demand = max(demand, units / pool.capacity)
        if pool.contested:
            over = max(over, ratio(pool.wanted, pool.available))
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
def _write_pick(w: Record, a: int, most: float) -> None:
    """Write what a negotiator sees of its agent's pick and situation; a prioritizer that was just asked saw the same."""
    agent = agent_of(w, a)
    row = pick_row_of(w, a)
    if agent.acts:
        copy_numbers(_row_address(w, a, agent.place), _negotiation_address(w, a), NUM_CANDIDATE)
        clear_ranks(row)
        row.others_gap = row.line_over = 0.0
        copy_numbers(_context_address(w, a), _bid_context_address(w, a), NUM_CONTEXT)
    else:
        _write_row(w, agent.pick, agent.pick_start, estimate(w, option_of(w, agent.pick)), most, row)
        _write_context(w, a, most, _bid_context_address(w, a), bid_context_of(w, a))


@kernel
def show_negotiators(w: Record) -> None:
    """Write the seats of the negotiators of a contested round; the others see nothing."""
    most = _prepare(w)
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        agent.share = share_of(w, a)
        if agent.bids:
            agent.key = wsrpt_key(w, option_of(w, agent.pick).task)
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        agent.acting = agent.bids
        if agent.bids:
            _write_pick(w, a, most)
            _write_contest(w, a, contest_of(w, a))
            agent.told = True
        else:
            _hide_negotiator(w, a)
        _hide_prioritizer(w, a)
