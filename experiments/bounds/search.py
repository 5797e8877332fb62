"""Everything that can be known of an instance in a time limit."""

from __future__ import annotations

import math
import time
from dataclasses import replace

from envs.scenario import Objective
from envs.workloads.instance import Instance
from experiments.bounds.analytic import lower_bound
from experiments.bounds.answers import Answer, cost_of, digest_of
from experiments.bounds.cpsat import solve


def answer(objective: Objective, i: Instance, seconds: float, workers: int, seed: int) -> Answer:
    """Bound an instance analytically and, where there are ``seconds``, by CP-SAT, whose schedule the independent checker must accept.

    Raises:
        ScheduleError: where it does not, which is a defect.
    """
    began = time.perf_counter()
    bound, cost, agents, starts = lower_bound(objective, i), None, [], []
    if seconds:
        found = solve(objective, i, seconds, workers, seed)
        bound = max(bound, found.bound)
        if found.schedule is not None:
            cost = cost_of(objective, i, found.schedule)
            agents, starts = found.schedule.agent.tolist(), found.schedule.start.tolist()
            bound = min(bound, cost)  # the two differ in their last digits where they are equal
    return Answer(i.name, digest_of(i), bound, cost, time.perf_counter() - began, agents, starts)


def better(one: Answer, other: Answer) -> Answer:
    """Return what two answers say together of one instance."""
    best = min(one, other, key=lambda each: math.inf if each.cost is None else each.cost)
    return replace(best, bound=max(one.bound, other.bound), seconds=one.seconds + other.seconds)
