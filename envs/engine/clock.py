"""Moves a world to its next event and applies everything that happens at that instant, in a stated order."""

from __future__ import annotations

import math

from envs.engine import recorder as rec
from envs.engine.codes import NONE
from envs.engine.compiled import Record, kernel
from envs.engine.execution import arrive, break_down, end, recover, retry
from envs.engine.memory import agent_of, job_facts_of, params_of, retrying_of, running_of, task_of
from envs.engine.objective import integrate


@kernel
def _next_time(w: Record) -> float:
    time = math.inf
    for k in range(w.num_running):
        time = min(time, running_of(w, k).ends)
    for k in range(w.num_retrying):
        time = min(time, task_of(w, retrying_of(w, k).task).ready_time)
    if w.submitted < w.num_jobs:
        time = min(time, job_facts_of(w, w.submitted).release)
    for a in range(w.num_agents):
        time = min(time, agent_of(w, a).flip)
    return time


@kernel
def _end_task(w: Record) -> bool:
    """End the lowest of the tasks whose time has come. False: there is none."""
    slot = NONE
    for k in range(w.num_running):
        run = running_of(w, k)
        if run.ends == w.time and (slot == NONE or run.task < running_of(w, slot).task):
            slot = k
    if slot != NONE:
        end(w, slot)
    return slot != NONE


@kernel
def _end_tasks(w: Record) -> None:
    while _end_task(w):
        pass


@kernel
def _flip_agents(w: Record, up: bool) -> None:
    """Recover (up) or break down the agents whose time has come; one that has just recovered is not looked at again."""
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        if agent.flip == w.time and agent.up != up:
            if up:
                recover(w, a)
            else:
                break_down(w, a)


@kernel
def _end_delays(w: Record) -> None:
    while True:
        lowest = NONE
        for k in range(w.num_retrying):
            t = retrying_of(w, k).task
            if task_of(w, t).ready_time == w.time and (lowest == NONE or t < lowest):
                lowest = t
        if lowest == NONE:
            return
        retry(w, lowest)


@kernel
def _apply_all(w: Record) -> None:
    """Apply everything that happens now, in five passes."""
    _end_tasks(w)
    _flip_agents(w, True)
    _flip_agents(w, False)
    while w.submitted < w.num_jobs and job_facts_of(w, w.submitted).release == w.time:
        arrive(w)
    _end_delays(w)


@kernel
def _apply_first(w: Record) -> bool:
    """Apply the first arrival of now, else its first end: a queue that blocks decides after each. False: there is neither."""
    if w.submitted < w.num_jobs and job_facts_of(w, w.submitted).release == w.time:
        arrive(w)
        return True
    return _end_task(w)


@kernel
def advance(w: Record) -> bool:
    """Go to the next event. False: there is none before the time limit (truncated), or none at all (time stands still)."""
    par = params_of(w)
    time = _next_time(w)
    if time > par.max_time:
        integrate(w, par.max_time)
        w.truncated = True
        return False
    if time == math.inf:
        return False
    integrate(w, time)
    if not (par.blocking and _apply_first(w)):
        _apply_all(w)
    w.terminated = w.open_jobs == 0
    return True


@kernel
def has_event_to_come(w: Record) -> bool:
    """Whether something will happen even if nobody starts anything."""
    if w.num_running or w.num_retrying or w.submitted < w.num_jobs:
        return True
    for a in range(w.num_agents):
        if not agent_of(w, a).up:
            return True
    return False


@kernel
def truncate(w: Record) -> None:
    """Cut the episode off."""
    w.truncated = True
    rec.record(w, rec.TRUNCATED, NONE, NONE, NONE, 0.0)
