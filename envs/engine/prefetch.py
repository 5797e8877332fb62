"""Asks for a world's memory some worlds before its turn: with hundreds of worlds it lies beyond the second-level cache.

More than half of the time would go into waiting otherwise. Each stage reads only what the stage before it has asked for.
"""

from __future__ import annotations

from typing import Final

from envs.columns import NUM_CANDIDATE, NUM_CONTEXT, NUM_NEGOTIATION
from envs.engine.compiled import Record, fetch, kernel
from envs.engine.layout import (
    AGENT,
    FACTS,
    JOB,
    JOB_FACTS,
    LIVE,
    OPTION,
    ORDER,
    POOL,
    RUNNING,
    SHOWN,
    TASK,
    UNITS,
    WORLD,
)
from envs.engine.memory import agent_of, facts_of, live_of, world_of

_LINE: Final = 64
_FLOAT32: Final = 4
_CELL: Final = 4
_WORLD, _AGENT, _UNITS, _POOL, _RUNNING, _ORDER = (d.itemsize for d in (WORLD, AGENT, UNITS, POOL, RUNNING, ORDER))
_LIVE, _SHOWN, _FACTS, _OPTION, _TASK, _JOB, _JOB_FACTS = (
    d.itemsize for d in (LIVE, SHOWN, FACTS, OPTION, TASK, JOB, JOB_FACTS)
)
_ROW: Final = NUM_CANDIDATE * _FLOAT32


@kernel
def _span(address: int, size: int) -> None:
    for at in range(address, address + size, _LINE):
        fetch(at)


@kernel
def _fetch_agents(w: Record) -> None:
    """What belongs to the world and its agents."""
    agents = w.num_agents
    _span(w.agents, agents * _AGENT)
    _span(w.units, agents * w.max_resources * _UNITS)
    _span(w.pools, w.max_resources * _POOL)
    _span(w.running, w.num_running * _RUNNING)
    _span(w.order, w.num_running * _ORDER)
    _span(w.contexts, agents * NUM_CONTEXT * _FLOAT32)
    _span(w.masks, agents * (w.room + 1))


@kernel
def _fetch_lists(w: Record) -> None:
    """What hangs on the agents: live options, rows."""
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        _span(w.live + agent.first * _LIVE, agent.live * _LIVE)
        _span(w.shown + a * w.room * _SHOWN, agent.live * _SHOWN)
        _span(w.candidates + a * w.room * _ROW, agent.written * _ROW)
        if agent.told:
            _span(w.negotiations + a * NUM_NEGOTIATION * _FLOAT32, NUM_NEGOTIATION * _FLOAT32)


@kernel
def _fetch_tasks(w: Record) -> None:
    """What hangs on the live options."""
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        for k in range(agent.first, agent.first + agent.live):
            live = live_of(w, k)
            _span(w.facts + live.task * _FACTS, _FACTS)
            fetch(w.options + live.option * _OPTION)
            fetch(w.tasks + live.task * _TASK)
            fetch(w.demands + live.task * w.max_resources * _CELL)


@kernel
def _fetch_jobs(w: Record) -> None:
    """What hangs on their tasks."""
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        for k in range(agent.first, agent.first + agent.live):
            j = facts_of(w, live_of(w, k).task).job
            _span(w.job_facts + j * _JOB_FACTS, _JOB_FACTS)
            fetch(w.jobs + j * _JOB)


@kernel
def look_ahead(call: Record, b: int, last: int) -> None:
    """Ask for what the worlds after b, but before ``last``, will read and write."""
    if b + 5 < last:
        _span(call.worlds + (b + 5) * _WORLD, _WORLD)
    if b + 4 < last:
        _fetch_agents(world_of(call, b + 4))
    if b + 3 < last:
        _fetch_lists(world_of(call, b + 3))
    if b + 2 < last:
        _fetch_tasks(world_of(call, b + 2))
    if b + 1 < last:
        _fetch_jobs(world_of(call, b + 1))
