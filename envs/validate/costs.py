"""What an episode cost, by the times at which its jobs and leases ended: the definitions, not the integral of rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from envs.scenario import Objective
from envs.workloads.graph import topological_order
from envs.workloads.instance import FloatArray, Instance

TERMS: Final = ("flow", "tardiness", "slowdown", "makespan", "lease", "abandonment")
SHORTEST_JOB: Final = 10.0
"""Seconds: the bound of the bounded slowdown (Feitelson et al. 1997)."""


def job_lengths(i: Instance) -> FloatArray:
    """[J] seconds: the longest path through each job at the durations that the source knows, on the fastest agents."""
    length = (np.minimum.reduceat(i.option_nominal, i.option_first[:-1]) * i.task_ratio).tolist()
    first, successor = i.successor_first.tolist(), i.successor.tolist()
    for t in reversed(topological_order(i.successor_first, i.successor).tolist()):
        length[t] += max((length[s] for s in successor[first[t] : first[t + 1]]), default=0.0)
    lengths: FloatArray = np.maximum.reduceat(np.array(length), i.job_first[:-1])
    return lengths


def episode_costs(
    objective: Objective,
    i: Instance,
    over: Mapping[int, float],
    abandoned: Sequence[int],
    leased: Sequence[float],
    end: float,
) -> tuple[dict[str, float], FloatArray]:
    """Return the team's totals by term (see ``Report.costs``) and the weighted cost of every agent.

    Args:
        objective: the weights of the terms.
        i: the jobs.
        over: when each job was done or abandoned, in seconds; the others are charged until ``end``.
        abandoned: jobs.
        leased: [A] unit-seconds of shared resources held.
        end: seconds.
    """
    until = np.full(i.num_jobs, end)
    until[list(over)] = list(over.values())
    bound = np.maximum(job_lengths(i), SHORTEST_JOB)
    given_up = np.zeros(i.num_jobs)
    given_up[list(abandoned)] = i.job_weight[list(abandoned)]
    of_jobs = {
        "flow": i.job_weight * np.maximum(0.0, until - i.job_release),
        "tardiness": i.job_weight * np.maximum(0.0, until - np.maximum(i.job_due, i.job_release)),
        "slowdown": np.maximum(0.0, until - (i.job_release + bound)) / bound,
        "abandonment": given_up,
    }
    of_agents = {
        term: np.bincount(i.job_owner, cost, i.num_agents).astype(np.float64) for term, cost in of_jobs.items()
    }
    of_agents["lease"] = np.array(leased)
    of_agents["makespan"] = np.zeros(i.num_agents)
    np.maximum.at(
        of_agents["makespan"], i.job_owner, until
    )  # an agent pays until the last of its jobs is over, the team only once
    totals = {term: float(of_agents[term].sum()) for term in TERMS} | {"makespan": float(until.max())}
    weights = {term: getattr(objective, term) for term in TERMS}
    own: FloatArray = np.sum([weights[term] * of_agents[term] for term in TERMS], axis=0)
    return totals | {"team": sum(weights[term] * totals[term] for term in TERMS)}, own
