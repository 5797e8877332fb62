"""Forecasts, where agents may leave work to each other, who will run what is live: a list schedule that anybody could make."""

from __future__ import annotations

import math

from envs.engine.candidates import is_reserved
from envs.engine.codes import NONE
from envs.engine.compiled import Record, kernel
from envs.engine.knowledge import estimate, remaining_end
from envs.engine.memory import (
    agent_of,
    demand_of,
    facts_of,
    live_of,
    option_of,
    ranked_of,
    reservation_of,
    running_of,
    task_of,
    units_of,
)
from envs.engine.queues import running_predecessor


@kernel
def _open_shelves(w: Record) -> None:
    """Put on every agent's first shelf what it runs: so long, so full."""
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        agent.shelf_start = agent.shelf_end = 0.0
        agent.shelf_room = 1.0
        for r in range(w.num_resources):
            own = units_of(w, a, r)
            if own.capacity > 0:
                agent.shelf_room = min(agent.shelf_room, own.free / own.capacity)
    for k in range(w.num_running):
        agent = agent_of(w, running_of(w, k).agent)
        agent.shelf_end = max(agent.shelf_end, remaining_end(w, k) - w.time)


@kernel
def _part(w: Record, option: Record) -> float:
    """Return the largest share of its agent's units that a task takes."""
    part = 0.0
    for r in range(w.num_resources):
        own = units_of(w, option.agent, r)
        if own.capacity > 0:
            part = max(part, demand_of(w, option.task, r) / own.capacity)
    return part


@kernel
def _end(w: Record, option: Record, ready: float) -> float:
    """Return the seconds until an agent would end a task that is ready in ``ready`` seconds."""
    agent = agent_of(w, option.agent)
    start = agent.shelf_start if _part(w, option) <= agent.shelf_room else agent.shelf_end
    return max(ready, start) + estimate(w, option)


@kernel
def _give(w: Record, option: Record, end: float) -> None:
    """Put a task on the last shelf of its agent, or where it does not fit there on a new one."""
    agent, part = agent_of(w, option.agent), _part(w, option)
    if part > agent.shelf_room:
        agent.shelf_start, agent.shelf_room = agent.shelf_end, 1.0
    agent.shelf_room -= part
    agent.shelf_end = max(agent.shelf_end, end)
    task_of(w, option.task).taker, task_of(w, option.task).taken = option.agent, end


@kernel
def _ready_in(w: Record, t: int) -> float:
    """Return the seconds until a live task is expected to be ready."""
    slot = running_predecessor(w, t)
    return remaining_end(w, slot) - w.time if slot != NONE else 0.0


@kernel
def _rank(w: Record) -> int:
    """List the live tasks that nobody has reserved by falling tail, ties ascending; return how many."""
    count = 0
    for a in range(w.num_agents):
        first = agent_of(w, a).first
        for k in range(first, first + agent_of(w, a).live):
            live = live_of(w, k)
            t = live.task
            if live.option != facts_of(w, t).option0 or is_reserved(
                w, t
            ):  # listed once, by the agent of its first option
                continue
            tail = facts_of(w, t).tail
            at = count
            while at > 0 and _is_before(
                tail, t, facts_of(w, ranked_of(w, at - 1).task).tail, ranked_of(w, at - 1).task
            ):
                ranked_of(w, at).task = ranked_of(w, at - 1).task
                at -= 1
            ranked_of(w, at).task = t
            count += 1
    return count


@kernel
def _is_before(tail: float, t: int, other_tail: float, other: int) -> bool:
    return tail > other_tail or (tail == other_tail and t < other)


@kernel
def forecast(w: Record) -> None:
    """Note for every live task who takes it, NONE where nobody is up that could, and in how many seconds it is over.

    Reservations come first, then tasks by falling tail, each to the agent that is up and ends it first. Every agent fills shelves
    (Coffman et al. 1980), one after the other; one whose units one task takes up simply runs them in turn.
    """
    _open_shelves(w)
    for k in range(w.num_reserved):
        option = option_of(w, reservation_of(w, k).option)
        _give(w, option, _end(w, option, _ready_in(w, option.task)))
    for k in range(_rank(w)):
        t = ranked_of(w, k).task
        facts, ready = facts_of(w, t), _ready_in(w, t)
        best, soonest = NONE, math.inf
        for o in range(facts.option0, facts.option0 + facts.options):
            option = option_of(w, o)
            if agent_of(w, option.agent).up:
                end = _end(w, option, ready)
                if end < soonest:
                    best, soonest = o, end
        if best == NONE:
            task_of(w, t).taker = NONE
        else:
            _give(w, option_of(w, best), soonest)
