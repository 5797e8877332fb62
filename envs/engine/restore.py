"""Puts a world into the middle of an episode: its history, event by event, by the kernels that lead there (docs/world.md, section 9)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.engine import draws
from envs.engine import recorder as rec
from envs.engine.codes import NONE, Status
from envs.engine.compiled import Record, entry, kernel
from envs.engine.execution import arrive, break_down, complete, end, recover, retry, start
from envs.engine.knowledge import conclude
from envs.engine.layout import Records
from envs.engine.memory import (
    agent_of,
    belief_of,
    demand_of,
    facts_of,
    option_of,
    params_of,
    pool_of,
    reservation_of,
    retrying_of,
    running_of,
    task_of,
    units_of,
)
from envs.engine.objective import integrate
from envs.engine.queues import leave_ready
from envs.engine.reset import clear_payments, reset_world
from envs.engine.seats import hide_seats
from envs.engine.tick import open_epoch, proceed, show

_READY, _RUNNING, _RETRYING = int(Status.READY), int(Status.RUNNING), int(Status.RETRYING)


@kernel
def _option_for(w: Record, t: int, a: int) -> int:
    """Return the option of a task at an agent, or NONE."""
    task = facts_of(w, t)
    for o in range(task.option0, task.option0 + task.options):
        if option_of(w, o).agent == a:
            return o
    return NONE


@kernel
def _has_room(w: Record, t: int, a: int) -> bool:
    """Whether the units that a task demands are free; what is reserved does not matter to what happened."""
    for r in range(w.num_resources):
        units = demand_of(w, t, r)
        free = pool_of(w, r).free if pool_of(w, r).capacity > 0 else units_of(w, a, r).free
        if units > free:
            return False
    return True


@kernel
def _end_attempt(w: Record, t: int, a: int, fails: bool) -> bool:
    """End a running attempt now, well or badly. What was drawn for it gives way to what happened."""
    state = task_of(w, t)
    if state.status != _RUNNING or running_of(w, state.slot).agent != a:
        return False
    run = running_of(w, state.slot)
    if not fails and (run.fails or run.ends != w.time):
        run.full = (w.time - run.began) / (1.0 - state.progress)
    run.fails = fails
    end(w, state.slot)
    return True


@kernel
def _happens(w: Record, kind: int, a: int, j: int, t: int) -> bool:
    """Let an event happen now. False: it cannot, and nothing has changed. What only follows from others is passed over."""
    if kind == rec.SUBMISSION:
        if j != w.submitted:
            return False
        arrive(w)
    elif kind == rec.START:
        o = _option_for(w, t, a)
        if o == NONE or task_of(w, t).status != _READY or not agent_of(w, a).up or not _has_room(w, t, a):
            return False
        start(w, o, 0.0)
    elif kind == rec.END and a == NONE:
        if task_of(w, t).status != _READY:
            return False
        leave_ready(w, t)
        complete(w, t)
    elif kind == rec.END or kind == rec.FAILED:
        return bool(_end_attempt(w, t, a, kind == rec.FAILED))
    elif kind == rec.READY:
        if task_of(w, t).status == _RETRYING:
            task_of(w, t).ready_time = w.time
            retry(w, t)
    elif kind == rec.DOWN:
        if not agent_of(w, a).up:
            return False
        break_down(w, a)
    elif kind == rec.UP:
        if agent_of(w, a).up:
            return False
        recover(w, a)
    return True


@kernel
def _remember(
    w: Record,
    beliefs: Records,
    attempts: NDArray[np.int32],
    progress: NDArray[np.float64],
    earliest: NDArray[np.float64],
) -> None:
    """Know what was known before the episode began: what agents had seen, and of tasks how often they had failed, what is kept, and when
    they may start."""
    for t in range(w.num_tasks):
        state = task_of(w, t)
        state.starts = state.failures = attempts[t]
        state.progress, state.ready_time = progress[t], earliest[t]
    for a in range(w.num_agents):
        for kind in range(beliefs.shape[1]):
            known, belief = beliefs[a, kind], belief_of(w, a, kind)
            belief.count, belief.mean, belief.m2, belief.failures = known.count, known.mean, known.m2, known.failures
            if params_of(w).learn and belief.count > 0:
                conclude(w, belief)


@kernel
def _leave_the_past(w: Record) -> None:
    """What was drawn for a time that is over and has not happened is expected anew from now on."""
    par = params_of(w)
    for k in range(w.num_running):
        run = running_of(w, k)
        if run.ends < w.time:
            run.ends = max(run.expected, w.time)
            run.full = (run.ends - run.began) / (1.0 - task_of(w, run.task).progress)
    for k in range(w.num_retrying):
        state = task_of(w, retrying_of(w, k).task)
        state.ready_time = max(state.ready_time, w.time)
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        if agent.flip < w.time:
            mean, what = (par.uptime, draws.BREAKDOWN) if agent.up else (par.repair, draws.REPAIR)
            agent.flip = w.time + draws.exponential(mean, w.seed, what, a, agent.breakdowns)


@kernel
def _take_up(w: Record, moment: Records, reservations: Records) -> None:
    """Put in place what no event tells: who is still active, what is reserved, what agents own."""
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        agent.active = moment[a].active and agent.up
        agent.filling = False
        agent.balance = moment[a].balance
    w.num_reserved = 0
    for k in range(reservations.size):
        held = reservation_of(w, w.num_reserved)
        held.start, held.option, held.task, held.agent = (
            reservations[k].start,
            _option_for(w, reservations[k].task, reservations[k].agent),
            reservations[k].task,
            reservations[k].agent,
        )
        agent_of(w, held.agent).filling = params_of(w).backfill
        w.num_reserved += 1


@kernel
def _forget_costs(w: Record) -> None:
    w.spent = 0.0
    for a in range(w.num_agents):
        agent_of(w, a).spent = 0.0


@entry
def restore_world(
    worlds: Records,
    b: int,
    seeds: NDArray[np.uint64],
    instance: int,
    events: Records,
    time: float,
    moment: Records,
    reservations: Records,
    beliefs: Records,
    attempts: NDArray[np.int32],
    progress: NDArray[np.float64],
    earliest: NDArray[np.float64],
    numbers: NDArray[np.float64],
    still: bool,
) -> int:
    """Put world b where its history leads, before its next choice; return the first event that cannot have happened, or NONE.

    Args:
        seeds: [1] of the episode.
        events: EVENT, ascending by time, all of them up to ``time``.
        moment: [A] MOMENT.
        reservations: standing ones, RESERVATION without options, in their order.
        beliefs: [A, kinds] BELIEF, count, mean, m2 and failures of what agents had seen before the episode.
        attempts: [T] how often each task had failed before it.
        progress: [T] share of each task's work that was done before it.
        earliest: [T] seconds, before which each task does not become READY.
        numbers: rounds of this epoch, NONE where it is yet to open; price; rounds of the episode.
        still: whether the world is over, for this time, once its clock would move.
    """
    w = worlds[b]
    hide_seats(w)
    reset_world(w, seeds[0], instance)
    _remember(w, beliefs, attempts, progress, earliest)
    for k in range(events.size):
        event = events[k]
        integrate(w, event.time)
        if not _happens(w, event.kind, event.agent, event.job, event.task):
            return k
        w.log_size = 0  # the caller has these events
    integrate(w, max(time, w.time))
    _leave_the_past(w)
    _take_up(w, moment, reservations)
    w.round, w.price, w.steps = int(numbers[0]), numbers[1], int(numbers[2])
    if w.steps > 0:  # the first step hands over what came before it
        _forget_costs(w)
    w.log_size = 0
    w.in_epoch = True
    w.started = w.steps > 0
    w.still = still
    w.terminated = w.open_jobs == 0
    if w.round == NONE and not w.terminated:
        open_epoch(w)
    clear_payments(w)
    return NONE


@entry
def go_on(worlds: Records, b: int) -> int:
    """Run a world that was put somewhere to its first choice; return its trouble, which is over with the next call."""
    w = worlds[b]
    w.trouble = 0
    proceed(w)
    if w.trouble == 0:
        show(w)
    return int(w.trouble)
