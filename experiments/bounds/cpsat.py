"""The best schedule that CP-SAT finds in a time limit, and what it proves that no schedule can beat."""

from __future__ import annotations

import importlib.util
import time
from collections import defaultdict
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.events import NONE
from envs.scenario import Objective
from envs.schedule import Pool, Schedule, capacity, pool_of, realised, schedule
from envs.workloads.graph import topological_order
from envs.workloads.instance import Instance
from experiments.bounds.charges import Late, late, leased
from experiments.bounds.grid import Grid, Ticks, joined
from experiments.plumbing.cli import UsageError

EXTRA: Final = "bounds"
"""The optional extra of this project that brings ortools."""
LARGEST: Final = 2**60
"""CP-SAT counts costs in 64 bits."""


class Found(NamedTuple):
    """What a search came to."""

    schedule: Schedule | None
    """The best one; None: none was found in time."""
    bound: float
    """No schedule costs less."""


def check_installed() -> None:
    """Raise UsageError where ortools is absent."""
    if importlib.util.find_spec("ortools") is None:
        raise UsageError(
            f"CP-SAT needs ortools, which is not installed: pip install ortools, or this project with [{EXTRA}]"
        )


def solve(objective: Objective, i: Instance, seconds: float, workers: int, seed: int) -> Found:
    """Search for the cheapest schedule of an instance whose durations are as they are realised without noise.

    Where they have no small common unit, CP-SAT gets them rounded down, and due dates up. Its bound holds all the same: from a
    schedule with starts s and durations p, starts floor(s) and durations floor(p) make one that costs no more and overlaps no more,
    since floor(s) + floor(p) <= floor(s + p) and who shares a tick [x, x + 1) then was under way just before x + 1. Its schedule is made
    one of the real durations by taking its order and agents.
    """
    from ortools.sat.python import cp_model

    began = time.perf_counter()
    model = _Model(objective, i, cp_model)
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = max(0.01, seconds - (time.perf_counter() - began))
    solver.parameters.num_workers = workers
    solver.parameters.random_seed = seed
    status = solver.solve(model.model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE, cp_model.UNKNOWN):
        raise RuntimeError(
            f"{i.name}: CP-SAT says {solver.status_name(status)} of a model that has a solution: {model.model.validate()}"
        )
    bound = max(0.0, solver.best_objective_bound * model.price)
    return Found(None if status == cp_model.UNKNOWN else model.read(solver), bound)


class _Model:
    """The instance in whole numbers; ``model`` is a CpModel, and one unit of its objective costs ``price``."""

    def __init__(self, objective: Objective, i: Instance, cp_model: Any) -> None:
        self.i, self.model = i, cp_model.CpModel()
        of_jobs, seconds = late(objective, i), realised(i)
        longest = np.maximum.reduceat(seconds, i.option_first[:-1])
        self.grid = Grid.of(
            joined([seconds, i.job_release, *(term.due for term in of_jobs)]), float(i.job_release[-1] + longest.sum())
        )
        self.length, release = self.grid.down(seconds), self.grid.down(i.job_release)
        self.horizon = int(release[-1] + np.maximum.reduceat(self.length, i.option_first[:-1]).sum())
        self.users: defaultdict[Pool, list[tuple[Any, int]]] = defaultdict(list)
        """Intervals and demands of each pool."""
        self.start = [self.model.new_int_var(int(release[j]), self.horizon, "") for j in i.job_of_task()]
        self.present: list[Any] = [None] * i.num_options
        self.size, self.end = zip(*[self._task(t) for t in range(i.num_tasks)], strict=True)
        for t in range(i.num_tasks):
            for s in i.successor[i.successor_first[t] : i.successor_first[t + 1]]:
                self.model.add(self.start[s] >= self.end[t])
        for pool, users in self.users.items():
            self._limit(capacity(i, pool), *zip(*users, strict=True))
        self.price = self._minimize(objective, of_jobs)

    def _task(self, t: int) -> tuple[Any, Any]:
        """Have the task take what it demands; return how long, a number or a variable, and until when."""
        i = self.i
        options = range(int(i.option_first[t]), int(i.option_first[t + 1]))
        sizes = [int(self.length[p]) for p in options]
        if len(options) == 1:
            whole = self.model.new_fixed_size_interval_var(self.start[t], sizes[0], "")
            self._use(t, int(i.option_agent[options[0]]), whole, i.task_demand[t] > 0)
            return sizes[0], self.start[t] + sizes[0]
        self.present[options[0] : options[-1] + 1] = present = [self.model.new_bool_var("") for _ in options]
        self.model.add_exactly_one(present)
        size, end = self.model.new_int_var(min(sizes), max(sizes), ""), self._variable()
        self.model.add(size == sum(length * chosen for length, chosen in zip(sizes, present, strict=True)))
        for p, length, chosen in zip(options, sizes, present, strict=True):
            part = self.model.new_optional_fixed_size_interval_var(self.start[t], length, chosen, "")
            self._use(t, int(i.option_agent[p]), part, (i.task_demand[t] > 0) & ~i.shared)
        whole = self.model.new_interval_var(self.start[t], size, end, "")
        self._use(t, NONE, whole, (i.task_demand[t] > 0) & i.shared)
        return size, end

    def _use(self, t: int, agent: int, interval: Any, resources: NDArray[np.bool_]) -> None:
        for r in np.flatnonzero(resources):
            self.users[pool_of(self.i, int(r), agent)].append((interval, int(self.i.task_demand[t, r])))

    def _limit(self, units: int, intervals: tuple[Any, ...], demands: tuple[int, ...]) -> None:
        if 2 * min(demands) > units:
            self.model.add_no_overlap(intervals)
        elif sum(demands) > units:
            self.model.add_cumulative(intervals, demands, units)

    def _minimize(self, objective: Objective, of_jobs: list[Late]) -> float:
        """Minimise the objective; return what one unit of it costs."""
        i, parts = self.i, []
        last = [t for t in range(i.num_tasks) if i.successor_first[t] == i.successor_first[t + 1]]
        job = i.job_of_task()
        if objective.makespan:
            done = self._variable()
            for t in last:
                self.model.add(done >= self.end[t])
            parts.append((objective.makespan, done))
        for term in of_jobs:
            due = self.grid.up(np.minimum(term.due, self.horizon * self.grid.unit))
            over = {int(j): self._variable() for j in np.flatnonzero(np.isfinite(term.due))}
            for t in last:
                if (j := int(job[t])) in over:
                    self.model.add(over[j] >= self.end[t] - int(due[j]))
            parts += [(float(term.weight[j]), excess) for j, excess in over.items()]
        parts += [(float(rate), size) for rate, size in zip(leased(objective, i), self.size, strict=True) if rate]
        weights = np.array([weight for weight, _ in parts])
        scale = Grid.of(weights, float(weights.max()))
        scale = (
            scale
            if scale.down(weights).sum() * self.horizon < LARGEST
            else Grid(float(weights.sum()) * self.horizon / LARGEST, False)
        )
        whole: Ticks = scale.down(weights)
        self.model.minimize(sum(int(weight) * value for weight, (_, value) in zip(whole, parts, strict=True)))
        return scale.unit * self.grid.unit

    def _variable(self) -> Any:
        return self.model.new_int_var(0, self.horizon, "")

    def read(self, solver: Any) -> Schedule:
        """Return what the solver found, at the real durations."""
        i = self.i
        agent = i.option_agent[i.option_first[:-1]].copy()
        for t in range(i.num_tasks):
            for p in range(int(i.option_first[t]), int(i.option_first[t + 1])):
                if self.present[p] is not None and solver.boolean_value(self.present[p]):
                    agent[t] = i.option_agent[p]
        order = topological_order(i.successor_first, i.successor)
        starts = np.array([solver.value(self.start[t]) for t in order])
        return schedule(i, agent, order[np.argsort(starts, kind="stable")])
