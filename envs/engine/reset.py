"""Puts a world at the start of an episode; nothing static is copied but addresses and capacities."""

from __future__ import annotations

import math

import numpy as np

from envs.engine import draws
from envs.engine.codes import NONE, NUM_TERMS, Phase, Status
from envs.engine.compiled import Record, kernel
from envs.engine.memory import (
    agent_of,
    belief_of,
    cell,
    facts_of,
    job_facts_of,
    job_of,
    params_of,
    pool_of,
    site_of,
    task_of,
    units_of,
)

_PENDING, _OVER = int(Status.PENDING), int(Phase.OVER)


@kernel
def _enter_site(w: Record, instance: int) -> None:
    site = site_of(w, instance)
    w.instance = instance
    w.facts, w.options, w.job_facts = site.facts, site.options, site.job_facts
    w.edges, w.befores, w.demands, w.speeds = site.edges, site.befores, site.demands, site.speeds
    w.lines, w.line = site.lines, site.line
    w.num_tasks, w.num_jobs, w.num_agents, w.num_resources = (
        site.num_tasks,
        site.num_jobs,
        site.num_agents,
        site.num_resources,
    )
    for r in range(w.num_resources):
        pool = pool_of(w, r)
        pool.capacity = pool.free = cell(site.pools, r)
    for a in range(w.num_agents):
        agent_of(w, a).first = cell(site.firsts, a)
        for r in range(w.num_resources):
            units = units_of(w, a, r)
            units.capacity = units.free = cell(site.locals, a * w.max_resources + r)
            units.leased = 0


@kernel
def _reset_work(w: Record) -> None:
    for t in range(w.num_tasks):
        state = task_of(w, t)
        state.progress = state.ready_time = 0.0
        state.open = facts_of(w, t).befores
        state.slot = NONE
        state.starts = state.failures = 0
        state.status = _PENDING
    for j in range(w.num_jobs):
        job, facts = job_of(w, j), job_facts_of(w, j)
        job.work = facts.total
        job.end = math.nan
        job.open = facts.tasks
        job.abandoned = False
        agent_of(w, facts.owner).unfinished += 1


@kernel
def _reset_agents(w: Record) -> None:
    par = params_of(w)
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        agent.queue = agent.future = agent.flow = agent.tardy = agent.slow = agent.seen_slow = agent.spent = 0.0
        agent.booked = agent.load = agent.coming = 0.0
        agent.comers = 0
        agent.available = agent.share = agent.area = agent.key = agent.best = agent.bid = 0.0
        agent.queued = agent.futures = agent.in_system = agent.tardies = agent.unfinished = 0
        agent.slows = agent.seen_slows = 0
        agent.leased = agent.breakdowns = agent.live = agent.legal = agent.startable = agent.shown = 0
        agent.balance = par.credits
        agent.pick = NONE
        agent.pick_start = agent.active = agent.filling = agent.acts = agent.bids = agent.passes = False
        agent.up = True
        agent.flip = draws.exponential(par.uptime, w.seed, draws.BREAKDOWN, a, 0) if par.uptime < math.inf else math.inf
        for kind in range(w.max_kinds):
            belief = belief_of(w, a, kind)
            belief.mean = belief.m2 = 0.0
            belief.factor = 1.0
            belief.spread = par.prior_std
            belief.count = belief.failures = 0


@kernel
def clear_payments(w: Record) -> None:
    """Show no costs."""
    w.team_cost = 0.0
    for a in range(w.max_agents):
        agent_of(w, a).reward = agent_of(w, a).own_cost = 0.0


@kernel
def reset_world(w: Record, seed: np.uint64, instance: int) -> None:
    """Put a world at time 0 of an episode of an instance."""
    w.seed = seed
    w.time = w.spent = w.price = w.sum_work = w.sum_weight = 0.0
    w.steps = w.log_size = 0
    w.sum_tasks = w.submitted = w.tardy = w.slow = w.seen_slow = w.tasks_done = 0
    w.num_running = w.num_retrying = w.num_reserved = w.round = 0
    w.trouble_agent = NONE
    w.scale = w.mean_weight = 1.0
    w.rest = w.mean_load = w.most_load = 0.0
    w.trouble = 0
    w.phase = _OVER
    w.in_epoch = w.dealt = w.bidden = w.started = w.terminated = w.truncated = w.still = False
    for k in range(NUM_TERMS):
        w.terms[k] = 0.0
    _enter_site(w, instance)
    w.open_jobs = w.num_jobs
    _reset_agents(w)
    _reset_work(w)
    clear_payments(w)
