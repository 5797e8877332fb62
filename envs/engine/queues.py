"""Queues: which tasks each agent could think about (READY and soon), and how much work waits for it."""

from __future__ import annotations

from envs.engine import recorder as rec
from envs.engine.codes import NONE, Status
from envs.engine.compiled import Record, kernel
from envs.engine.knowledge import estimate
from envs.engine.memory import (
    agent_of,
    before_of,
    edge_of,
    facts_of,
    live_of,
    option_of,
    order_of,
    params_of,
    retrying_of,
    running_of,
    task_of,
)

_PENDING, _READY, _RUNNING, _RETRYING, _DONE, _ = (int(s) for s in Status)


@kernel
def _position(w: Record, first: int, count: int, option: int) -> int:
    """Return where ``option`` stands, or would stand, in an agent's ascending segment of live options."""
    low, high = first, first + count
    while low < high:
        middle = (low + high) // 2
        if live_of(w, middle).option < option:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def _copy(source: Record, target: Record) -> None:
    target.estimate = source.estimate
    target.option, target.task, target.kind, target.ready = source.option, source.task, source.kind, source.ready


@kernel
def estimate_again(w: Record, a: int, kind: int) -> None:
    """Bring the estimates of an agent's live options up to date: it has learned about tasks of this kind."""
    first = agent_of(w, a).first
    for k in range(first, first + agent_of(w, a).live):
        live = live_of(w, k)
        if live.kind == kind:
            live.estimate = estimate(w, option_of(w, live.option))


@kernel
def enter_order(w: Record, slot: int) -> None:
    """Take the running task of a slot, the last one so far, into the order by expected end."""
    expected = running_of(w, slot).expected
    at = w.num_running - 1
    while at > 0 and order_of(w, at - 1).expected > expected:
        order_of(w, at).expected, order_of(w, at).slot = order_of(w, at - 1).expected, order_of(w, at - 1).slot
        at -= 1
    order_of(w, at).expected, order_of(w, at).slot = expected, slot


@kernel
def leave_order(w: Record, slot: int) -> None:
    """Take a slot out of the order; the last slot, ``num_running``, moves into its place."""
    at = 0
    for k in range(w.num_running + 1):
        order = order_of(w, k)
        if order.slot != slot:
            order_of(w, at).expected = order.expected
            order_of(w, at).slot = slot if order.slot == w.num_running else order.slot
            at += 1


@kernel
def set_listed(w: Record, t: int, listed: bool) -> None:
    """Put a task on (or take it off) the live list of every agent that has an option for it."""
    task = facts_of(w, t)
    ready = task_of(w, t).status == _READY
    for o in range(task.option0, task.option0 + task.options):
        a = option_of(w, o).agent
        agent = agent_of(w, a)
        first = agent.first
        at = _position(w, first, agent.live, o)
        present = at < first + agent.live and live_of(w, at).option == o
        if listed and not present:
            for k in range(first + agent.live, at, -1):
                _copy(live_of(w, k - 1), live_of(w, k))
            live = live_of(w, at)
            live.option, live.task, live.kind = o, t, task.kind
            live.estimate = estimate(w, option_of(w, o))
            live.ready = ready
            agent.live += 1
        elif listed:
            live_of(w, at).ready = ready
        elif present and not listed:
            agent.live -= 1
            for k in range(at, first + agent.live):
                _copy(live_of(w, k + 1), live_of(w, k))


@kernel
def running_predecessor(w: Record, t: int) -> int:
    """Return the slot of the only open predecessor of a pending task if it runs, else NONE."""
    if task_of(w, t).open != 1:
        return NONE
    task = facts_of(w, t)
    for k in range(task.before0, task.before0 + task.befores):
        before = task_of(w, before_of(w, k).task)
        if before.status != _DONE:
            return before.slot if before.status == _RUNNING else NONE
    return NONE


@kernel
def list_soon(w: Record, t: int, listed: bool) -> None:
    """List the successors for which task t, which has just started or stopped running, is the last one open."""
    par = params_of(w)
    if not par.reserve:
        return
    task = facts_of(w, t)
    for k in range(task.edge0, task.edge0 + task.edges):
        s = edge_of(w, k).task
        if task_of(w, s).status == _PENDING and task_of(w, s).open == 1:
            set_listed(w, s, listed)


@kernel
def become_ready(w: Record, t: int) -> None:
    """A task can be started from now on, or, where it is not to start before a time that is to come, once that is here."""
    state = task_of(w, t)
    if state.ready_time > w.time:
        state.status = _RETRYING
        retrying_of(w, w.num_retrying).task = t
        w.num_retrying += 1
        return
    state.status = _READY
    state.ready_time = w.time
    task = facts_of(w, t)
    for o in range(task.option0, task.option0 + task.options):
        agent = agent_of(w, option_of(w, o).agent)
        agent.queue += option_of(w, o).nominal
        agent.queued += 1
    set_listed(w, t, True)
    rec.record(w, rec.READY, NONE, task.job, t, 0.0)


@kernel
def leave_ready(w: Record, t: int) -> None:
    """A task is started or abandoned."""
    task = facts_of(w, t)
    for o in range(task.option0, task.option0 + task.options):
        agent = agent_of(w, option_of(w, o).agent)
        agent.queued -= 1
        agent.queue = agent.queue - option_of(w, o).nominal if agent.queued else 0.0
    set_listed(w, t, False)


@kernel
def leave_future(w: Record, task: Record) -> None:
    """A task of a submitted job is done or abandoned."""
    agent = agent_of(w, task.primary)
    agent.futures -= 1
    agent.future = agent.future - task.nominal if agent.futures else 0.0
