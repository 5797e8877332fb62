"""HEFT (Topcuoglu, Hariri, Wu 2002): a static plan for tasks that several agents may run at different speeds."""

from __future__ import annotations

from bisect import insort
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.evaluation.play import Episodes, Results, play
from agents.rules import negotiator, prioritizer
from envs.scenario import Scenario
from envs.workloads.graph import topological_order
from envs.workloads.instance import Instance


class Assignment(NamedTuple):
    """Who runs what, and when if every duration is as estimated."""

    option: NDArray[np.int32]
    """[T] of the instance: the agent, and the duration there."""
    start: NDArray[np.float64]
    """[T] seconds."""
    end: NDArray[np.float64]
    order: NDArray[np.intp]
    """[T] the tasks by start; of two at the same time on one agent, the one that has to come first."""


class PlanError(ValueError):
    """An instance that cannot be planned like this; the message says why."""


def assignment(i: Instance) -> Assignment:
    """Take tasks by falling upward rank (mean durations), each to the agent that ends it first, in the earliest gap that holds it.

    An agent runs one task at a time, whatever its capacity.

    Raises:
        PlanError: where there is more than one job.
    """
    if i.num_jobs != 1:
        raise PlanError(f"{i.name}: has {i.num_jobs} jobs, a static plan is made of one")
    topological = topological_order(i.successor_first, i.successor)
    by_rank = topological[np.argsort(-upward_rank(i)[topological], kind="stable")]
    place = np.empty(i.num_tasks, np.int64)
    place[by_rank] = np.arange(i.num_tasks)
    ready, start, end = np.full(i.num_tasks, i.job_release[0]), np.zeros(i.num_tasks), np.zeros(i.num_tasks)
    option = np.zeros(i.num_tasks, np.int32)
    busy: list[list[tuple[float, float]]] = [[] for _ in range(i.num_agents)]
    for t in by_rank:
        offers = (
            _offer(i, o, busy[i.option_agent[o]], ready[t]) for o in range(i.option_first[t], i.option_first[t + 1])
        )
        end[t], start[t], option[t] = min(offers)
        insort(busy[i.option_agent[option[t]]], (start[t], end[t]))
        after = i.successor[i.successor_first[t] : i.successor_first[t + 1]]
        ready[after] = np.maximum(ready[after], end[t])
    return Assignment(option, start, end, np.lexsort((place, end, start)))


def upward_rank(i: Instance) -> NDArray[np.float64]:
    """[T] the longest path of mean durations from a task to the end of its job, its own included."""
    rank = np.add.reduceat(i.option_nominal, i.option_first[:-1]) / np.diff(i.option_first)
    for t in topological_order(i.successor_first, i.successor)[::-1]:
        rank[t] += rank[i.successor[i.successor_first[t] : i.successor_first[t + 1]]].max(initial=0.0)
    return rank


def bound_to(i: Instance, planned: Assignment) -> Instance:
    """Return the instance with a plan built in: each task has its one agent, and waits for the one before it there.

    Whoever plays it keeps to the plan's agents and orders, however long tasks take; seeds draw the same noise as before.
    """
    edges = {
        (t, int(s)) for t in range(i.num_tasks) for s in i.successor[i.successor_first[t] : i.successor_first[t + 1]]
    }
    agent = i.option_agent[planned.option]
    for a in range(i.num_agents):
        its = planned.order[agent[planned.order] == a].tolist()
        edges |= set(pairwise(its))
    pairs = np.array(sorted(edges), np.int32).reshape(-1, 2)
    return replace(
        i,
        option_first=np.arange(i.num_tasks + 1, dtype=np.int32),
        option_agent=agent,
        option_nominal=i.option_nominal[planned.option],
        successor_first=np.searchsorted(pairs[:, 0], np.arange(i.num_tasks + 1)).astype(np.int32),
        successor=pairs[:, 1],
    )


def play_heft(scenario: Scenario, episodes: Episodes) -> Results:
    """Plan every instance by its estimates, then play every episode by its plan, each checked; the wall time is that of playing."""
    fixed = [bound_to(instance, assignment(instance)) for instance in episodes.instances]
    return play(scenario, episodes._replace(instances=fixed), prioritizer("fifo"), negotiator("fcfs"))


def _offer(i: Instance, option: int, busy: list[tuple[float, float]], ready: float) -> tuple[float, float, int]:
    """The earliest end and start of an option, from ``ready`` on, when its agent has nothing else to do; and the option."""
    start = ready
    for began, ended in busy:
        if start + i.option_nominal[option] <= began:
            break
        start = max(start, ended)
    return start + i.option_nominal[option], start, option
