"""Writes the context: the situation of the team and of one agent, which both of its seats see."""

from __future__ import annotations

from math import inf, log1p
from typing import Final

import numpy as np

from envs.engine.compiled import Record, kernel
from envs.engine.knowledge import remaining_end
from envs.engine.memory import agent_of, params_of, pool_of, units_of
from envs.engine.negotiation import share_of
from envs.engine.observation import clip, future_share

_COUNTS: Final = 256
_LOG1P: Final = np.array([log1p(count) for count in range(_COUNTS)])
"""Of small counts, which are most of them."""


@kernel
def _log1p(count: int) -> float:
    return _LOG1P[count] if count < _COUNTS else log1p(count)


@kernel
def _seen_rate(w: Record, a: int) -> float:
    """Return the rate at which an agent's jobs cost, as anybody can know it: how long a job really is shows only when it is over."""
    par = params_of(w)
    agent = agent_of(w, a)
    return par.flow * agent.flow + par.tardiness * agent.tardy + par.slowdown * agent.seen_slow


@kernel
def write_team(w: Record, row: Record) -> None:
    """Write the columns of the context that are the same for every agent."""
    scale = w.scale
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
        rate += _seen_rate(w, a)
        jobs += agent.in_system
        active += agent.active
    row.queue_mean = clip((queue / w.num_agents) / scale)
    row.queue_max = clip(longest / scale)
    row.running = _log1p(w.num_running)
    row.team_jobs = _log1p(jobs)
    row.team_cost_rate = log1p(rate / w.mean_weight)
    row.active = active / w.num_agents
    row.round = _log1p(w.round)
    soonest = inf
    for k in range(w.num_running):
        soonest = min(soonest, remaining_end(w, k))
    row.next_return = clip((soonest - w.time) / scale) if w.num_running else 0.0
    row.done = w.tasks_done / w.sum_tasks if w.sum_tasks else 0.0
    row.agents = _log1p(w.num_agents)
    row.time_scale = scale
    row.rest = clip(w.rest / scale)


@kernel
def write_own(w: Record, a: int, most: float, row: Record) -> None:
    """Write the columns of the context that are an agent's own."""
    agent = agent_of(w, a)
    scale = w.scale
    row.candidates = _log1p(agent.legal)
    row.startable = _log1p(agent.startable)
    row.hidden = _log1p(agent.legal - agent.shown)
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
    row.own_jobs = _log1p(agent.in_system)
    row.line_slack = clip((agent.available + agent.load - w.rest) / scale) if params_of(w).makespan > 0.0 else 0.0
    row.own_cost_rate = log1p(_seen_rate(w, a) / w.mean_weight)
