"""The life of tasks and agents: arrive, start, end, fail, retry, interrupt, abandon, break down, recover."""

from __future__ import annotations

import math

from envs.engine import draws
from envs.engine import recorder as rec
from envs.engine.codes import NONE, Status
from envs.engine.compiled import Record, kernel
from envs.engine.knowledge import expected_length, observe_duration
from envs.engine.memory import (
    agent_of,
    belief_of,
    demand_of,
    edge_of,
    facts_of,
    job_facts_of,
    job_of,
    option_of,
    params_of,
    pool_of,
    retrying_of,
    running_of,
    speed_of,
    task_of,
    units_of,
)
from envs.engine.objective import charge_abandonment, enter_system, leave_system
from envs.engine.queues import (
    become_ready,
    enter_order,
    estimate_again,
    leave_future,
    leave_order,
    leave_ready,
    list_soon,
    running_predecessor,
    set_listed,
)

_PENDING, _READY, _RUNNING, _RETRYING, _DONE, _ABANDONED = (int(s) for s in Status)


@kernel
def _move_units(w: Record, a: int, t: int, sign: int) -> bool:
    """Take (+1) or return (-1) the units of a task; say whether any of them are shared."""
    leases = False
    for r in range(w.num_resources):
        units = demand_of(w, t, r)
        if units == 0:
            continue
        if units_of(w, a, r).capacity > 0:
            units_of(w, a, r).free -= sign * units
        else:
            pool_of(w, r).free -= sign * units
            units_of(w, a, r).leased += sign * units
            agent_of(w, a).leased += sign * units
            leases = True
    return leases


@kernel
def start(w: Record, o: int, paid: float) -> None:
    """Start the task of option o there; it must be READY and fit."""
    par = params_of(w)
    option = option_of(w, o)
    t, a = option.task, option.agent
    task = facts_of(w, t)
    state = task_of(w, t)
    leave_ready(w, t)
    attempt = state.starts
    state.starts += 1
    run = running_of(w, w.num_running)
    run.full = option.nominal * task.ratio / speed_of(w, a, task.kind) * draws.noise(par.sigma, w.seed, t, attempt)
    length = run.full * (1.0 - state.progress)
    run.fails = par.fail > 0.0 and draws.uniform(w.seed, draws.FAILS, t, attempt) < par.fail
    if run.fails:
        length = length * draws.uniform(w.seed, draws.FAILS_AT, t, attempt)
    run.began = w.time
    run.ends = w.time + length
    run.expected = w.time + expected_length(w, option)
    run.option, run.task, run.agent = o, t, a
    state.status = _RUNNING
    state.slot = w.num_running
    w.num_running += 1
    enter_order(w, state.slot)
    list_soon(w, t, True)
    if _move_units(w, a, t, 1):
        rec.record(w, rec.ALLOCATION, a, task.job, t, paid)
    rec.record(w, rec.START, a, task.job, t, run.expected)


@kernel
def _stop(w: Record, slot: int) -> bool:
    """Free the slot and the units of a running task; the caller sets its next status."""
    run = running_of(w, slot)
    t, a = run.task, run.agent
    leases = _move_units(w, a, t, -1)
    task_of(w, t).slot = NONE
    w.num_running -= 1
    leave_order(w, slot)
    if slot != w.num_running:
        last = running_of(w, w.num_running)
        run.ends, run.expected, run.began, run.full = last.ends, last.expected, last.began, last.full
        run.option, run.task, run.agent, run.fails = last.option, last.task, last.agent, last.fails
        task_of(w, run.task).slot = slot
    return leases


@kernel
def end(w: Record, slot: int) -> None:
    """A running task reaches its end, or its failure."""
    run = running_of(w, slot)
    t, a, full, fails = run.task, run.agent, run.full, run.fails
    nominal = option_of(w, run.option).nominal
    task = facts_of(w, t)
    leases = _stop(w, slot)
    if fails:
        _fail(w, t, a, leases)
        return
    rec.record(w, rec.END, a, task.job, t, 0.0)
    if leases:
        rec.record(w, rec.RELEASE, a, task.job, t, 0.0)
    if task_of(w, t).progress == 0.0 and observe_duration(w, a, task.kind, nominal, full):
        estimate_again(w, a, task.kind)
    complete(w, t)


@kernel
def complete(w: Record, t: int) -> None:
    """A task that neither runs nor waits any more is done: its successors and its job take notice."""
    par = params_of(w)
    task = facts_of(w, t)
    task_of(w, t).status = _DONE
    w.tasks_done += 1
    job = job_of(w, task.job)
    job.open -= 1
    job.work = job.work - task.nominal if job.open else 0.0
    leave_future(w, task)
    for k in range(task.edge0, task.edge0 + task.edges):
        s = edge_of(w, k).task
        task_of(w, s).open -= 1
        if task_of(w, s).open == 0:
            become_ready(w, s)
        elif par.reserve and running_predecessor(w, s) != NONE:
            set_listed(w, s, True)
    if job.open == 0:
        job.end = w.time
        leave_system(w, task.job)
        rec.record(w, rec.JOB_DONE, NONE, task.job, NONE, 0.0)


@kernel
def _fail(w: Record, t: int, a: int, leases: bool) -> None:
    par = params_of(w)
    task = facts_of(w, t)
    state = task_of(w, t)
    state.failures += 1
    state.progress = 0.0
    list_soon(w, t, False)
    belief_of(w, a, task.kind).failures += 1
    given_up = state.failures >= par.max_failures
    again = math.inf if given_up else w.time + par.retry_delay
    rec.record(w, rec.FAILED, a, task.job, t, again)
    if leases:
        rec.record(w, rec.RELEASE, a, task.job, t, 0.0)
    if given_up:
        state.status = _PENDING
        _abandon(w, task.job)
    else:
        state.status = _RETRYING
        state.ready_time = again
        retrying_of(w, w.num_retrying).task = t
        w.num_retrying += 1


@kernel
def _abandon(w: Record, j: int) -> None:
    par = params_of(w)
    facts = job_facts_of(w, j)
    for t in range(facts.task0, facts.task0 + facts.tasks):
        state = task_of(w, t)
        if state.status == _DONE:
            continue
        if state.status == _RUNNING:
            a = running_of(w, state.slot).agent
            leases = _stop(w, state.slot)
            rec.record(w, rec.INTERRUPTED, a, j, t, state.progress)
            if leases:
                rec.record(w, rec.RELEASE, a, j, t, 0.0)
        elif state.status == _READY:
            leave_ready(w, t)
        elif state.status == _RETRYING:
            _forget_retry(w, t)
        elif par.reserve:
            set_listed(w, t, False)
        state.status = _ABANDONED
        leave_future(w, facts_of(w, t))
    job = job_of(w, j)
    job.open = 0
    job.work = 0.0
    job.abandoned = True
    leave_system(w, j)
    rec.record(w, rec.JOB_ABANDONED, NONE, j, NONE, 0.0)
    charge_abandonment(w, j)


@kernel
def _forget_retry(w: Record, t: int) -> None:
    for k in range(w.num_retrying):
        if retrying_of(w, k).task == t:
            w.num_retrying -= 1
            retrying_of(w, k).task = retrying_of(w, w.num_retrying).task
            return


@kernel
def retry(w: Record, t: int) -> None:
    """The delay after a failure is over."""
    _forget_retry(w, t)
    become_ready(w, t)


@kernel
def arrive(w: Record) -> None:
    """The next job enters the system."""
    j = w.submitted
    facts = job_facts_of(w, j)
    w.submitted += 1
    w.sum_tasks += facts.tasks
    w.sum_work += facts.total
    w.sum_weight += facts.weight
    w.mean_weight = w.sum_weight / w.submitted
    w.scale = w.sum_work / w.sum_tasks if w.sum_work > 0.0 else 1.0
    rec.record(w, rec.SUBMISSION, NONE, j, NONE, 0.0)
    enter_system(w, j)
    for t in range(facts.task0, facts.task0 + facts.tasks):
        task = facts_of(w, t)
        agent = agent_of(w, task.primary)
        agent.future += task.nominal
        agent.futures += 1
    for t in range(facts.task0, facts.task0 + facts.tasks):
        if task_of(w, t).open == 0:
            become_ready(w, t)


@kernel
def recover(w: Record, a: int) -> None:
    """An agent is up again; draw its next breakdown."""
    par = params_of(w)
    agent = agent_of(w, a)
    agent.up = True
    agent.flip = w.time + draws.exponential(par.uptime, w.seed, draws.BREAKDOWN, a, agent.breakdowns)
    rec.record(w, rec.UP, a, NONE, NONE, 0.0)


@kernel
def break_down(w: Record, a: int) -> None:
    """The agent fails; its running tasks, lowest first, are interrupted and ready again."""
    par = params_of(w)
    agent = agent_of(w, a)
    rec.record(w, rec.DOWN, a, NONE, NONE, 0.0)
    agent.up = False
    agent.flip = w.time + draws.exponential(par.repair, w.seed, draws.REPAIR, a, agent.breakdowns)
    agent.breakdowns += 1
    while True:
        slot = NONE
        for k in range(w.num_running):
            run = running_of(w, k)
            if run.agent == a and (slot == NONE or run.task < running_of(w, slot).task):
                slot = k
        if slot == NONE:
            return
        run = running_of(w, slot)
        t = run.task
        state = task_of(w, t)
        if run.full > 0.0:
            state.progress = state.progress + par.kept * ((w.time - run.began) / run.full)
        job = facts_of(w, t).job
        leases = _stop(w, slot)
        list_soon(w, t, False)
        rec.record(w, rec.INTERRUPTED, a, job, t, state.progress)
        if leases:
            rec.record(w, rec.RELEASE, a, job, t, 0.0)
        become_ready(w, t)
