"""Instances so small that every schedule can be looked at."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np

from envs.schedule import Schedule, lengths, schedule
from envs.workloads.instance import FloatArray, Instance


def small(seed: int, *, whole: bool = True) -> Instance:
    """Draw three jobs of five tasks on two agents: local slots, shared tokens, alternatives, releases, due dates, work of no length."""
    rng = np.random.default_rng(seed)
    edges = [(0, 1), (2, 3)] if rng.random() < 0.5 else [(0, 1)]
    eligible = [[[0], [1], [0, 1]][k] for k in rng.integers(3, size=5)]
    nominal = rng.integers(0, 9, sum(map(len, eligible))) + (0 if whole else rng.random(sum(map(len, eligible))))
    release = np.sort(rng.integers(0, 6, 3))
    return Instance(
        name=f"small-{seed}",
        resources=("slot", "tokens"),
        shared=np.array([False, True]),
        shared_capacity=np.array([0, 3]),
        local_capacity=np.array([[1, 0], [2, 0]]),
        speed=np.ones((2, 1)) if whole else np.array([[0.8], [1.3]]),
        job_release=release,
        job_due=np.where(rng.random(3) < 0.7, release + rng.integers(0, 12, 3), np.inf),
        job_weight=rng.integers(1, 5, 3),
        job_owner=np.array([0, 1, 0]),
        job_first=np.array([0, 2, 4, 5]),
        task_kind=np.zeros(5),
        task_demand=np.stack([np.ones(5, np.int32), rng.integers(0, 4, 5)], axis=1),
        task_ratio=np.ones(5) if whole else rng.uniform(0.5, 2, 5),
        option_first=np.cumsum([0, *map(len, eligible)]),
        option_agent=[agent for agents in eligible for agent in agents],
        option_nominal=nominal,
        successor_first=np.searchsorted([before for before, _ in edges], np.arange(6)),
        successor=[after for _, after in edges],
    )


def every_end(i: Instance) -> FloatArray:
    """[schedules, T] when the tasks end in every schedule in which some order of the tasks starts as early as it can.

    One of them is as good as any, whatever increases with the ends is to be small (Sprecher, Kolisch and Drexl 1995).
    """
    options = [i.option_agent[i.option_first[t] : i.option_first[t + 1]] for t in range(i.num_tasks)]
    before = [
        (t, int(s)) for t in range(i.num_tasks) for s in i.successor[i.successor_first[t] : i.successor_first[t + 1]]
    ]
    orders = [
        order for order in permutations(range(i.num_tasks)) if all(order.index(a) < order.index(b) for a, b in before)
    ]
    made: list[Schedule] = [
        schedule(i, np.array(agents), np.array(order)) for agents in product(*options) for order in orders
    ]
    return np.array([each.start + lengths(i, each.agent) for each in made])
