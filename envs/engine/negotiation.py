"""From picks to leases: is a round contested, who bids, and the commit in bid order."""

from __future__ import annotations

from envs.engine import recorder as rec
from envs.engine.candidates import expected_start, fits
from envs.engine.codes import NO_BID, NONE, Status
from envs.engine.compiled import Record, kernel
from envs.engine.execution import start
from envs.engine.knowledge import estimate, expected_length
from envs.engine.memory import (
    agent_of,
    demand_of,
    facts_of,
    option_of,
    params_of,
    pool_of,
    reservation_of,
    task_of,
    units_of,
)
from envs.engine.queues import running_predecessor

_READY = int(Status.READY)
_PRICE_MEMORY = 0.9
"""Share of the old price that survives a contested round."""


@kernel
def _find_contest(w: Record, r: int) -> bool:
    """Note what all picks of the round want of a shared resource; a contest is two or more that want more than is available."""
    pool = pool_of(w, r)
    pool.contested = False
    if pool.capacity == 0:
        return False
    seekers = wanted = 0
    for a in range(w.num_agents):
        pick = agent_of(w, a).pick
        if pick != NONE:
            units = demand_of(w, option_of(w, pick).task, r)
            wanted += units
            seekers += units > 0
    pool.wanted = wanted
    pool.available = pool.free
    for k in range(w.num_reserved):
        pool.available -= demand_of(w, reservation_of(w, k).task, r)
    pool.contested = seekers > 1 and wanted > pool.available
    return pool.contested


@kernel
def find_participants(w: Record) -> bool:
    """Mark the agents whose pick demands a contested resource; say whether there are any."""
    found = False
    for a in range(w.num_agents):
        agent_of(w, a).bids = False
        agent_of(w, a).bid = NO_BID
    for r in range(w.num_resources):
        if _find_contest(w, r):
            found = True
            for a in range(w.num_agents):
                agent = agent_of(w, a)
                if agent.pick != NONE and demand_of(w, option_of(w, agent.pick).task, r) > 0:
                    agent.bids = True
    return found


@kernel
def share_of(w: Record, a: int) -> float:
    """Return an agent's dominant share of what is leased (Ghodsi et al. 2011)."""
    share = 0.0
    for r in range(w.num_resources):
        if pool_of(w, r).capacity > 0:
            share = max(share, units_of(w, a, r).leased / pool_of(w, r).capacity)
    return share


@kernel
def _settle_bids(w: Record) -> None:
    """Cut bids to what their agents can pay, publish them and remember the price."""
    par = params_of(w)
    highest = NO_BID
    scale = w.scale
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        agent.share = share_of(w, a)
        if not agent.bids:
            continue
        option = option_of(w, agent.pick)
        if par.credits > 0.0:
            share = 0.0
            for r in range(w.num_resources):
                if pool_of(w, r).capacity > 0:
                    share = max(share, demand_of(w, option.task, r) / pool_of(w, r).capacity)
            agent.area = share * (estimate(w, option) / scale)
            agent.bid = (
                max(0.0, min(agent.bid, agent.balance / agent.area)) if agent.area > 0.0 else max(0.0, agent.bid)
            )
        highest = max(highest, agent.bid)
        rec.record(w, rec.REQUEST, a, facts_of(w, option.task).job, option.task, agent.bid)
    if highest > NO_BID:
        w.price = _PRICE_MEMORY * w.price + (1.0 - _PRICE_MEMORY) * highest


@kernel
def _drop_duplicates(w: Record) -> None:
    """A task picked by several goes to the highest bid, then the earliest expected end, then the lowest agent."""
    agents = w.num_agents
    for a in range(agents):
        one = agent_of(w, a)
        for c in range(a + 1, agents):
            two = agent_of(w, c)
            if one.pick == NONE or two.pick == NONE or option_of(w, one.pick).task != option_of(w, two.pick).task:
                continue
            mine = estimate(w, option_of(w, one.pick))
            theirs = estimate(w, option_of(w, two.pick))
            if two.bid > one.bid or (two.bid == one.bid and w.time + theirs < w.time + mine):
                one.pick = NONE
            else:
                two.pick = NONE


@kernel
def _next_in_order(w: Record) -> int:
    """Return the agent with the highest bid, the smallest share, the lowest index among those with a pick."""
    best = NONE
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        if agent.pick == NONE:
            continue
        if best == NONE:
            best = a
            continue
        leader = agent_of(w, best)
        if agent.bid > leader.bid or (agent.bid == leader.bid and agent.share < leader.share):
            best = a
    return best


@kernel
def _pay(w: Record, a: int) -> float:
    """Take the price from a winner and share it out equally; balances are conserved."""
    par = params_of(w)
    agent = agent_of(w, a)
    if par.credits == 0.0 or not agent.bids:
        return 0.0
    paid = agent.bid * agent.area
    agent.balance -= paid
    agents = w.num_agents
    for c in range(agents):
        agent_of(w, c).balance += paid / agents
    return paid


@kernel
def reserve(w: Record, o: int) -> None:
    """Let an option's agent keep units for its task; without backfill the agent leaves the epoch."""
    par = params_of(w)
    option = option_of(w, o)
    agent = agent_of(w, option.agent)
    when = expected_start(w, o)
    held = reservation_of(w, w.num_reserved)
    held.start, held.option, held.task, held.agent = when, o, option.task, option.agent
    w.num_reserved += 1
    agent.active = agent.filling = par.backfill
    rec.record(w, rec.RESERVED, option.agent, facts_of(w, option.task).job, option.task, when)


@kernel
def commit(w: Record) -> None:
    """Serve the picks of the round in bid order; who is crowded out has lost, and may pick again."""
    _settle_bids(w)
    _drop_duplicates(w)
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        if agent.passes:
            agent.active = False
    while True:
        a = _next_in_order(w)
        if a == NONE:
            break
        agent = agent_of(w, a)
        o = agent.pick
        agent.pick = NONE
        if not agent.pick_start:
            reserve(w, o)
        elif fits(w, a, option_of(w, o).task, expected_length(w, option_of(w, o))):
            start(w, o, _pay(w, a))
    w.round += 1


@kernel
def renew_reservations(w: Record) -> None:
    """Take up again, in their order, the reservations that hold until their task starts."""
    par = params_of(w)
    count = w.num_reserved
    w.num_reserved = 0
    for k in range(count):
        held = reservation_of(w, k)
        o, t, a = held.option, held.task, held.agent
        status = task_of(w, t).status
        soon = status == Status.PENDING and running_predecessor(w, t) != NONE
        if not agent_of(w, a).up or not (status == _READY or soon):
            continue
        if status == _READY and fits(w, a, t, expected_length(w, option_of(w, o))):
            start(w, o, 0.0)
        else:
            again = reservation_of(w, w.num_reserved)
            when = held.start if par.blocking else expected_start(w, o)
            again.start, again.option, again.task, again.agent = when, o, t, a
            w.num_reserved += 1
            agent_of(w, a).active = agent_of(w, a).filling = par.backfill
