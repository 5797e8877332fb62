"""What an agent may pick: startable and reservable tasks, and the window that a prioritizer sees of them."""

from __future__ import annotations

import math
from typing import Final

from envs.engine.clock import has_event_to_come
from envs.engine.codes import NONE, Status
from envs.engine.compiled import Record, kernel
from envs.engine.knowledge import expected_length, remaining_end
from envs.engine.memory import (
    agent_of,
    demand_of,
    facts_of,
    job_facts_of,
    live_of,
    option_of,
    order_of,
    params_of,
    pool_of,
    reservation_of,
    running_of,
    shown_of,
    task_of,
    units_of,
    window_of,
)
from envs.engine.queues import running_predecessor

_READY = int(Status.READY)

# Marks of a live position.
NO: Final = 0
RESERVABLE: Final = 1
STARTABLE: Final = 2
_MAYBE_READY: Final = 3  # READY, does not fit, but would fit locally
_MAYBE_BIG: Final = 4  # READY, does not fit locally either
_MAYBE_SOON: Final = 5


@kernel
def _is_over_by(w: Record, length: float, deadline: float) -> bool:
    """Whether a task that started now would be over by a deadline; in a queue that blocks, before it."""
    ends = w.time + length
    return ends < deadline or (ends == deadline and not params_of(w).blocking)


@kernel
def fits(w: Record, a: int, t: int, length: float) -> bool:
    """Whether a task could start there now, given the standing reservations and how long it is expected to take."""
    par = params_of(w)
    for r in range(w.num_resources):
        units = demand_of(w, t, r)
        if units == 0:
            continue
        local = units_of(w, a, r).capacity > 0
        free = units_of(w, a, r).free if local else pool_of(w, r).free
        if free < units:
            return False
        for k in range(w.num_reserved):
            held = reservation_of(w, k)
            if local and held.agent != a:
                continue
            if par.backfill and _is_over_by(w, length, held.start):
                continue
            free -= demand_of(w, held.task, r)
        if free < units:
            return False
    return True


@kernel
def _fits_locally(w: Record, a: int, t: int) -> bool:
    for r in range(w.num_resources):
        if units_of(w, a, r).capacity > 0 and units_of(w, a, r).free < demand_of(w, t, r):
            return False
    return True


@kernel
def expected_start(w: Record, o: int) -> float:
    """Return when option o is expected to be able to start, if nobody else starts anything."""
    option = option_of(w, o)
    a = option.agent
    if task_of(w, option.task).status != _READY:
        slot = running_predecessor(w, option.task)
        return remaining_end(w, slot) if slot != NONE else w.time
    when = w.time
    for r in range(w.num_resources):
        units = demand_of(w, option.task, r)
        if units == 0:
            continue
        local = units_of(w, a, r).capacity > 0
        free = units_of(w, a, r).free if local else pool_of(w, r).free
        k = 0
        while free < units:
            if k == w.num_running:
                return w.time
            order = order_of(w, k)
            run = running_of(w, order.slot)
            if not local or run.agent == a:
                free += demand_of(w, run.task, r)
                if free >= units:
                    when = max(when, order.expected)
            k += 1
    return when


@kernel
def is_reserved(w: Record, t: int) -> bool:
    """Whether a standing reservation names the task."""
    for k in range(w.num_reserved):
        if reservation_of(w, k).task == t:
            return True
    return False


@kernel
def own_reservation(w: Record, a: int) -> int:
    """Return an agent's standing reservation, or NONE."""
    for k in range(w.num_reserved):
        if reservation_of(w, k).agent == a:
            return k
    return NONE


@kernel
def _look(w: Record, a: int, event_to_come: bool) -> bool:
    """Mark every live position of an active agent, count its startable tasks, note the earliest completion. True: it has to be asked."""
    par = params_of(w)
    agent = agent_of(w, a)
    first = agent.first
    deadline = math.inf
    if agent.filling:
        deadline = reservation_of(w, own_reservation(w, a)).start
    waits = par.reserve and event_to_come and not agent.filling
    agent.startable = 0
    agent.best = math.inf
    heads = False
    for k in range(first, first + agent.live):
        live = live_of(w, k)
        t = live.task
        mark = NO
        if not is_reserved(w, t):
            if live.ready:
                length = expected_length(w, option_of(w, live.option)) if par.blocking else live.estimate
                if fits(w, a, t, length):
                    if _is_over_by(w, length, deadline):
                        mark = STARTABLE
                        agent.startable += 1
                        agent.best = min(agent.best, w.time + live.estimate)
                elif waits:
                    mark = _MAYBE_READY if _fits_locally(w, a, t) else _MAYBE_BIG
                    heads = heads or (par.blocking and mark == _MAYBE_READY)
            elif waits:
                mark = _MAYBE_SOON
        live.mark = mark
    return agent.startable > 0 or heads


@kernel
def _settle(w: Record, a: int) -> None:
    """Decide the positions that hang on whether, and until when, the agent could start something else; show what there is room for."""
    agent = agent_of(w, a)
    first = agent.first
    legal = 0
    for k in range(first, first + agent.live):
        live = live_of(w, k)
        mark = live.mark
        if mark == _MAYBE_READY or (mark == _MAYBE_BIG and agent.startable):
            mark = RESERVABLE
        elif mark == _MAYBE_SOON and agent.startable:
            slot = running_predecessor(w, live.task)
            mark = RESERVABLE if remaining_end(w, slot) < agent.best else NO
        elif mark != STARTABLE:
            mark = NO
        live.mark = mark
        if mark != NO:
            if legal < w.room:
                _show(shown_of(w, a, legal), live)
            legal += 1
    agent.legal = legal
    agent.shown = min(legal, w.room)


@kernel
def _show(shown: Record, live: Record) -> None:
    shown.estimate = live.estimate
    shown.option = live.option
    shown.startable = live.mark == STARTABLE


@kernel
def _urgency(w: Record, t: int) -> float:
    task = facts_of(w, t)
    job = job_facts_of(w, task.job)
    return (job.due if job.due < math.inf else job.release + job.path) - task.tail


@kernel
def _best(w: Record, a: int, which: int, room: int) -> int:
    """Fill a scratch row with the ``room`` first live positions by estimate (0) or urgency (1), ties to the lower."""
    first = agent_of(w, a).first
    filled = 0
    for k in range(first, first + agent_of(w, a).live):
        if live_of(w, k).mark == NO:
            continue
        key = live_of(w, k).estimate if which == 0 else _urgency(w, live_of(w, k).task)
        if filled == room and key >= window_of(w, which, room - 1).key:
            continue
        at = filled if filled < room else room - 1
        while at > 0 and window_of(w, which, at - 1).key > key:
            window_of(w, which, at).key = window_of(w, which, at - 1).key
            window_of(w, which, at).at = window_of(w, which, at - 1).at
            at -= 1
        window_of(w, which, at).key = key
        window_of(w, which, at).at = k
        filled = min(filled + 1, room)
    return filled


@kernel
def _narrow(w: Record, a: int, room: int) -> None:
    """Show ``room`` candidates: one each in turn of the oldest, the shortest and the most urgent, without repeats."""
    first = agent_of(w, a).first
    last = first + agent_of(w, a).live
    _best(w, a, 0, room)
    _best(w, a, 1, room)
    oldest, shortest, urgent, taken = first, 0, 0, 0
    while taken < room:  # what is taken has its mark negated
        if taken % 3 == 0:
            while live_of(w, oldest).mark <= NO:
                oldest += 1
            at = oldest
        elif taken % 3 == 1:
            while live_of(w, window_of(w, 0, shortest).at).mark < NO:
                shortest += 1
            at = window_of(w, 0, shortest).at
        else:
            while live_of(w, window_of(w, 1, urgent).at).mark < NO:
                urgent += 1
            at = window_of(w, 1, urgent).at
        live_of(w, at).mark = -live_of(w, at).mark
        taken += 1
    shown = 0
    for k in range(first, last):
        live = live_of(w, k)
        live.mark = -live.mark if live.mark < NO else NO
        if live.mark != NO:
            _show(shown_of(w, a, shown), live)
            shown += 1


@kernel
def find_candidates(w: Record) -> bool:
    """Find the candidates of every active agent. False: nobody need be asked, since none is startable, and none can be a blocking head."""
    agents = w.num_agents
    event_to_come = has_event_to_come(w)
    open_round = False
    for a in range(agents):
        agent = agent_of(w, a)
        agent.legal = agent.startable = agent.shown = 0
        if agent.active and agent.live:
            open_round = _look(w, a, event_to_come) or open_round
    if not open_round:
        return False
    for a in range(agents):
        agent = agent_of(w, a)
        if agent.active and agent.live:
            _settle(w, a)
            if agent.legal > w.room:
                _narrow(w, a, w.room)
    return True
