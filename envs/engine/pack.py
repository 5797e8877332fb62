"""Packs instances, and the numbers of a scenario, into the arrays that the kernels read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.engine import layout
from envs.engine.codes import NONE
from envs.engine.compiled import entry
from envs.engine.layout import Records
from envs.engine.objective import SLOWDOWN_FLOOR
from envs.workloads.graph import count_descendants, topological_order
from envs.workloads.instance import Instance


@entry
def _fill_paths(order: NDArray[np.int32], task: Records, edge: NDArray[np.int32], length: NDArray[np.float64]) -> None:
    """Compute tails, heads, work behind, the route and, in ``length``, the longest path of what was realised."""
    for k in range(order.size - 1, -1, -1):
        row = task[order[k]]
        longest = realised = row.next_work = 0.0
        next_task = NONE
        for e in range(row.edge0, row.edge0 + row.edges):
            successor = task[edge[e]]
            row.next_work += successor.nominal
            realised = max(realised, length[edge[e]])
            if next_task == NONE or successor.tail > longest:
                longest = successor.tail
                next_task = edge[e]
        row.tail = row.nominal + longest
        length[order[k]] += realised
        row.route[0] = NONE if next_task == NONE else task[next_task].primary
        for step in range(1, row.route.size):
            row.route[step] = NONE if next_task == NONE else task[next_task].route[step - 1]
        row.route_work[0] = 0.0 if next_task == NONE else task[next_task].nominal
        for step in range(1, row.route.size):
            row.route_work[step] = 0.0 if next_task == NONE else task[next_task].route_work[step - 1]
    for k in range(order.size):
        row = task[order[k]]
        row.head += row.nominal  # so far the largest head of a predecessor
        for e in range(row.edge0, row.edge0 + row.edges):
            task[edge[e]].head = max(task[edge[e]].head, row.head)


def _first_positions(counts: NDArray[Any]) -> NDArray[np.int32]:
    first: NDArray[np.int32] = (np.cumsum(counts) - counts).astype(np.int32)
    return first


def _pack_tasks(i: Instance) -> tuple[Records, Records, NDArray[np.int32], NDArray[np.float64]]:
    """Return TASK rows, OPTION rows, predecessors and the realised path lengths of one instance."""
    task = np.zeros(i.num_tasks, layout.FACTS)
    option = np.zeros(i.num_options, layout.OPTION)
    options = np.diff(i.option_first)
    option["nominal"], option["agent"] = i.option_nominal, i.option_agent
    option["task"] = np.repeat(np.arange(i.num_tasks, dtype=np.int32), options)
    # the shortest option, ties to the lowest agent: options ascend by agent and the sort is stable
    best: NDArray[Any] = i.option_first[:-1]
    if i.num_options > i.num_tasks:
        by_task = np.lexsort((option["nominal"], option["task"]))
        best = by_task[i.option_first[:-1]]
    task["nominal"], task["primary"] = option["nominal"][best], option["agent"][best]
    task["ratio"], task["kind"], task["job"] = i.task_ratio, i.task_kind, i.job_of_task()
    task["option0"], task["options"] = i.option_first[:-1], options
    task["edge0"], task["edges"] = i.successor_first[:-1], np.diff(i.successor_first)
    task["units"] = i.task_demand.max(axis=1)
    task["part"] = _parts(i, task["primary"])
    task["befores"] = np.bincount(i.successor, minlength=i.num_tasks)
    task["before0"] = _first_positions(task["befores"])
    source = np.repeat(np.arange(i.num_tasks, dtype=np.int32), task["edges"])
    before = source[np.argsort(i.successor, kind="stable")]
    length = task["nominal"] * task["ratio"]
    order = topological_order(i.successor_first, i.successor)
    _fill_paths(order, task, i.successor, length)
    task["successors"] = count_descendants(i.successor_first, i.successor, order, i.job_first)
    return task, option, before, length


def _parts(i: Instance, agent: NDArray[Any]) -> NDArray[np.float64]:
    """[T] the largest share of an agent's units that each task takes, ``agent`` [T]."""
    capacity = i.local_capacity[agent]
    part: NDArray[np.float64] = np.where(capacity > 0, i.task_demand / np.maximum(capacity, 1), 0.0).max(axis=1)
    return part


def _lines(task: Records) -> NDArray[np.int32]:
    """[T] the tasks by primary agent, those of an agent by what comes behind them, most first; ties to the lower."""
    behind = task["nominal"] - task["tail"]
    return np.lexsort((behind, task["primary"])).astype(np.int32)


def _pack_jobs(i: Instance, task: Records, length: NDArray[np.float64]) -> Records:
    job = np.zeros(i.num_jobs, layout.JOB_FACTS)
    job["release"], job["due"], job["weight"], job["owner"] = i.job_release, i.job_due, i.job_weight, i.job_owner
    job["task0"], job["tasks"] = i.job_first[:-1], np.diff(i.job_first)
    starts = i.job_first[:-1]
    job["path"] = np.maximum.reduceat(task["tail"], starts)
    _sum_in_order(task["nominal"], i.job_first, job["total"])
    job["length"] = np.maximum.reduceat(length, starts)
    job["next_tardy"] = np.argsort(np.maximum(job["due"], job["release"]), kind="stable")
    job["next_slow"] = np.argsort(job["release"] + np.maximum(job["length"], SLOWDOWN_FLOOR), kind="stable")
    job["next_seen_slow"] = np.argsort(job["release"] + np.maximum(job["path"], SLOWDOWN_FLOOR), kind="stable")
    return job


@entry
def _sum_in_order(values: NDArray[np.float64], first: NDArray[np.int32], sums: NDArray[np.float64]) -> None:
    for j in range(first.size - 1):
        for t in range(first[j], first[j + 1]):
            sums[j] += values[t]


class Packed(NamedTuple):
    """Static facts of one instance, in the arrays that its SITE points to; kept alive by whoever holds this."""

    facts: Records
    options: Records
    job_facts: Records
    edges: NDArray[np.int32]
    befores: NDArray[np.int32]
    demands: NDArray[np.int32]
    speeds: NDArray[np.float64]
    locals: NDArray[np.int32]
    pools: NDArray[np.int32]
    firsts: NDArray[np.int32]
    lines: NDArray[np.int32]
    line: NDArray[np.int32]


def _widen(array: NDArray[Any], shape: tuple[int, ...]) -> Any:
    """Pad with zeros behind; an array that already has the shape is used as it is, so that a long trace is held once."""
    if array.shape == shape:
        return array
    wide = np.zeros(shape, array.dtype)
    wide[tuple(slice(n) for n in array.shape)] = array
    return wide


def pack_one(i: Instance, agents: int, resources: int, kinds: int) -> Packed:
    """Pack an instance; agents, resources and kinds are padded to the largest instance of the World."""
    task, option, before, length = _pack_tasks(i)
    per_agent = np.bincount(i.option_agent, minlength=agents)
    return Packed(
        facts=task,
        options=option,
        job_facts=_pack_jobs(i, task, length),
        edges=i.successor,
        befores=before,
        demands=_widen(i.task_demand, (i.num_tasks, resources)),
        speeds=_widen(i.speed, (agents, kinds)),
        locals=_widen(i.local_capacity, (agents, resources)),
        pools=_widen(i.shared_capacity, (resources,)),
        firsts=_first_positions(per_agent),
        lines=np.searchsorted(np.sort(task["primary"]), np.arange(agents + 1)).astype(np.int32),
        line=_lines(task),
    )


class Sites(NamedTuple):
    """Packed instances and the records that point to them."""

    site: Records
    """[N] SITE."""
    packed: list[Packed]


def pack(instances: Sequence[Instance]) -> Sites:
    """Pack the instances of a World."""
    agents = max(i.num_agents for i in instances)
    resources = max(i.num_resources for i in instances)
    kinds = max(i.num_kinds for i in instances)
    packed = [pack_one(i, agents, resources, kinds) for i in instances]
    site = np.zeros(len(instances), layout.SITE)
    for n, (instance, arrays) in enumerate(zip(instances, packed, strict=True)):
        for name, array in arrays._asdict().items():
            site[name][n] = array.ctypes.data
        site["num_tasks"][n], site["num_jobs"][n] = instance.num_tasks, instance.num_jobs
        site["num_agents"][n], site["num_resources"][n] = instance.num_agents, instance.num_resources
    return Sites(site, packed)
