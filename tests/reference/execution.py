"""What can happen to tasks, jobs and agents: docs/world.md, section 4."""

from __future__ import annotations

import math

from envs.events import EventKind
from tests.reference.draws import What, exponential, noise, uniform
from tests.reference.state import Job, State, Status, Task


def become_ready(state: State, task: Task) -> None:
    """Offer a task to its agents, unless it is not to start before a time that is to come."""
    if task.earliest > state.now:
        task.status, task.retry_time = Status.RETRYING, task.earliest
        return
    task.status = Status.READY
    task.ready_time = state.now
    for a, nominal in task.fact.options.items():
        state.agents[a].queue_work.add(nominal)
    state.log_task(EventKind.TASK_READY, task)


def leave_ready(state: State, task: Task) -> None:
    """Withdraw a task from its agents."""
    for a, nominal in task.fact.options.items():
        state.agents[a].queue_work.subtract(nominal)


def _demands_shared(state: State, task: Task) -> bool:
    return any(demand > 0 and shared for demand, shared in zip(task.fact.demand, state.facts.shared, strict=True))


def _move_units(state: State, task: Task, sign: int) -> None:
    agent = state.agents[task.agent]
    for r, demand in enumerate(task.fact.demand):
        if state.facts.shared[r]:
            state.free_shared[r] -= sign * demand
            agent.leased[r] += sign * demand
        else:
            agent.free[r] -= sign * demand


def start(state: State, a: int, task: Task, paid: float = 0.0) -> None:
    """Start a ready task at an agent."""
    uncertainty, seed, t, k = state.scenario.uncertainty, state.seed, task.fact.index, task.starts
    leave_ready(state, task)
    task.status, task.agent, task.began = Status.RUNNING, a, state.now
    task.starts += 1
    speed = state.facts.speed[a][task.fact.kind]
    task.full = task.fact.options[a] * task.fact.ratio / speed * noise(uncertainty.duration_sigma, seed, t, k)
    length = task.full * (1.0 - task.progress)
    probability = uncertainty.failure_probability
    task.will_fail = probability > 0 and uniform(seed, What.FAILS, t, k) < probability
    if task.will_fail:
        length = length * uniform(seed, What.FAILS_AT, t, k)
    task.ends = state.now + length
    task.expected_end = state.now + state.expected_length(a, task)
    _move_units(state, task, +1)
    if _demands_shared(state, task):
        state.log_task(EventKind.ALLOCATION_UPDATE, task, a, paid)
    state.log_task(EventKind.TASK_START, task, a, task.expected_end)


def _return_units(state: State, task: Task) -> None:
    _move_units(state, task, -1)
    if _demands_shared(state, task):
        state.log_task(EventKind.RELEASE_NOTIFICATION, task, task.agent)


def _leave_unfinished(state: State, task: Task) -> None:
    state.agents[task.fact.primary].future_work.subtract(task.fact.nominal)


def end(state: State, task: Task) -> None:
    """End a running task whose time has come."""
    if task.will_fail:
        _fail(state, task)
    else:
        _finish(state, task)


def _finish(state: State, task: Task) -> None:
    state.log_task(EventKind.TASK_END, task, task.agent)
    _return_units(state, task)
    nominal = task.fact.options[task.agent]
    if task.progress == 0 and nominal > 0 and task.full > 0:
        state.agents[task.agent].seen[task.fact.kind].observe(math.log(task.full / nominal))
    complete(state, task)


def complete(state: State, task: Task) -> None:
    """Let the successors and the job of a task notice that it is done."""
    job = state.jobs[task.fact.job]
    task.status = Status.DONE
    job.work.subtract(task.fact.nominal)
    _leave_unfinished(state, task)
    for s in task.fact.successors:
        successor = state.tasks[s]
        successor.open -= 1
        if successor.open == 0:
            become_ready(state, successor)
    if job.work.count == 0:
        state.log(EventKind.JOB_DONE, job=job.fact.index)
        job.end = state.now
        _leave_system(state, job)


def _fail(state: State, task: Task) -> None:
    uncertainty = state.scenario.uncertainty
    task.failures += 1
    task.progress = 0.0
    task.status = Status.RETRYING
    final = task.failures >= uncertainty.max_failures
    task.retry_time = math.inf if final else state.now + uncertainty.retry_delay
    state.log_task(EventKind.TASK_FAILED, task, task.agent, task.retry_time)
    _return_units(state, task)
    if final:
        _abandon(state, state.jobs[task.fact.job])


def _abandon(state: State, job: Job) -> None:
    for t in job.fact.tasks:
        task = state.tasks[t]
        if task.status is Status.DONE:
            continue
        if task.status is Status.RUNNING:
            state.log_task(EventKind.TASK_INTERRUPTED, task, task.agent, task.progress)
            _return_units(state, task)
        elif task.status is Status.READY:
            leave_ready(state, task)
        _leave_unfinished(state, task)
        task.status = Status.ABANDONED
    job.work.value, job.work.count = 0.0, 0
    _leave_system(state, job)
    state.log(EventKind.JOB_ABANDONED, job=job.fact.index)
    charge = state.scenario.objective.abandonment * job.fact.weight
    state.own_cost[job.fact.owner] += charge
    state.team_cost += charge
    state.terms[5] += job.fact.weight


def _leave_system(state: State, job: Job) -> None:
    job.over = True
    owner = state.agents[job.fact.owner]
    owner.flow_rate.subtract(job.fact.weight)
    if job.tardy:
        owner.tardy_rate.subtract(job.fact.weight)
    if job.slow:
        owner.slow_rate.subtract(job.fact.slow_rate)
    if job.seen_slow:
        owner.seen_slow_rate.subtract(job.fact.seen_slow_rate)


def become_tardy(state: State, job: Job) -> None:
    """Let a job of the system count as late."""
    job.tardy = True
    state.agents[job.fact.owner].tardy_rate.add(job.fact.weight)


def recover(state: State, a: int) -> None:
    """Bring an agent back."""
    state.agents[a].up = True
    state.log(EventKind.AGENT_UP, agent=a)
    state.draw_breakdown(a)


def break_down(state: State, a: int) -> None:
    """Take an agent away, and interrupt what it runs."""
    uncertainty, agent = state.scenario.uncertainty, state.agents[a]
    state.log(EventKind.AGENT_DOWN, agent=a)
    agent.up = False
    agent.next_change = state.now + exponential(
        uncertainty.mean_time_to_repair, state.seed, What.REPAIR, a, agent.breakdowns
    )
    agent.breakdowns += 1
    for task in [task for task in state.running() if task.agent == a]:
        if task.full > 0:
            task.progress = task.progress + uncertainty.kept_progress * ((state.now - task.began) / task.full)
        state.log_task(EventKind.TASK_INTERRUPTED, task, a, task.progress)
        _return_units(state, task)
        become_ready(state, task)


def submit(state: State) -> None:
    """Let the next job arrive."""
    arriving = state.jobs[state.arrived]
    job = arriving.fact
    state.log(EventKind.TASK_SUBMISSION, job=job.index)
    state.arrived += 1
    state.tasks_arrived += len(job.tasks)
    state.work_arrived += job.total
    state.weight_arrived += job.weight
    state.agents[job.owner].flow_rate.add(job.weight)
    if job.tardy_at <= state.now:
        become_tardy(state, arriving)
    tasks = [state.tasks[t] for t in job.tasks]
    for task in tasks:
        state.agents[task.fact.primary].future_work.add(task.fact.nominal)
    for task in tasks:
        if task.open == 0:
            become_ready(state, task)
