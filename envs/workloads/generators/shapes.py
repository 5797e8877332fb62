"""Precedence graphs of random jobs, by shape. The tasks of a job are numbered so that edges only lead upwards."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numba import njit

from envs.workloads.graph import FloatArray, IntArray


class Shape(IntEnum):
    """How the tasks of one job depend on each other."""

    CHAIN = 0
    """One after the other."""
    FORK_JOIN = 1
    """The first, then all others at once, then the last."""
    LAYERED = 2
    """About as many layers as tasks per layer; a task waits for one or two tasks of the layer before."""
    TREE = 3
    """Each task waits for one random earlier task (random recursive tree)."""


_FORK_JOIN, _LAYERED, _TREE = int(Shape.FORK_JOIN), int(Shape.LAYERED), int(Shape.TREE)


@njit(cache=True, nogil=True)
def connect(job_first: IntArray, shape: IntArray, draws: FloatArray) -> tuple[IntArray, IntArray]:
    """Return ``successor_first`` [T+1] and ``successor`` [E] of jobs with the given shapes.

    Args:
        job_first: [J+1] first task of each job.
        shape: [J] a Shape.
        draws: [T] uniform in [0, 1); they choose whom a task waits for.
    """
    tasks = job_first[-1]
    source = np.empty(2 * tasks, np.int32)  # no shape has more than two edges per task
    target = np.empty(2 * tasks, np.int32)
    edges = 0
    for j in range(shape.size):
        start, end = job_first[j], job_first[j + 1]
        width = int(np.ceil(np.sqrt(end - start)))
        for t in range(start + 1, end):
            low, high = t - 1, t  # waits for the tasks [low, high): a chain
            if shape[j] == _FORK_JOIN:
                last = t == end - 1 and end - start > 2
                low, high = (start + 1, t) if last else (start, start + 1)
            elif shape[j] == _TREE:
                low = start + int(draws[t] * (t - start))
                high = low + 1
            elif shape[j] == _LAYERED:
                before = t - (t - start) % width - width
                place = draws[t] * width
                low = before + int(place)
                second = place % 1.0 < 0.5 and low + 1 < before + width
                high = low + 2 if second else low + 1
            for s in range(max(low, start), high):  # the first layer looks before the job's start and finds nobody
                source[edges], target[edges] = s, t
                edges += 1
    first = np.zeros(tasks + 1, np.int32)
    for e in range(edges):
        first[source[e] + 1] += 1
    for t in range(tasks):
        first[t + 1] += first[t]
    place_of = first[:-1].copy()
    successor = np.empty(edges, np.int32)
    for e in range(edges):  # targets ascend, so the successors of each task do
        successor[place_of[source[e]]] = target[e]
        place_of[source[e]] += 1
    return first, successor


@njit(cache=True, nogil=True)
def critical_path(
    job_first: IntArray, successor_first: IntArray, successor: IntArray, duration: FloatArray
) -> FloatArray:
    """Return the longest path of each job [J] in seconds, where edges only lead upwards; ``duration`` [T] in seconds."""
    start = np.zeros(duration.size)
    longest = np.zeros(job_first.size - 1)
    for j in range(longest.size):
        for t in range(job_first[j], job_first[j + 1]):
            end = start[t] + duration[t]
            longest[j] = max(longest[j], end)
            for e in range(successor_first[t], successor_first[t + 1]):
                start[successor[e]] = max(start[successor[e]], end)
    return longest
