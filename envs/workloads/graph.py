"""Static facts about precedence graphs, computed once per instance by compiled code.

Graphs come as compressed rows: the successors of task t are ``successor[first[t]:first[t + 1]]``.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

IntArray = NDArray[np.int32]
FloatArray = NDArray[np.float64]

NO_TASK = -1


@njit(cache=True, nogil=True)
def topological_order(first: IntArray, successor: IntArray) -> IntArray:
    """Return the tasks in an order that respects precedence; shorter than T where the graph has a cycle (Kahn 1962)."""
    tasks = first.size - 1
    open_count = np.zeros(tasks, np.int32)
    for e in range(successor.size):
        open_count[successor[e]] += 1
    order = np.empty(tasks, np.int32)
    filled = 0
    for t in range(tasks):
        if open_count[t] == 0:
            order[filled] = t
            filled += 1
    head = 0
    while head < filled:
        t = order[head]
        head += 1
        for e in range(first[t], first[t + 1]):
            s = successor[e]
            open_count[s] -= 1
            if open_count[s] == 0:
                order[filled] = s
                filled += 1
    return order[:filled]


@njit(cache=True, nogil=True)
def find_cycle(first: IntArray, successor: IntArray) -> int:
    """Return the lowest task that lies on or behind a cycle, or NO_TASK."""
    tasks = first.size - 1
    order = topological_order(first, successor)
    if order.size == tasks:
        return NO_TASK
    seen = np.zeros(tasks, np.bool_)
    for k in range(order.size):
        seen[order[k]] = True
    for t in range(tasks):
        if not seen[t]:
            return t
    return NO_TASK


@njit(cache=True, nogil=True)
def count_descendants(first: IntArray, successor: IntArray, order: IntArray, job_first: IntArray) -> IntArray:
    """Return how many tasks come after each one, directly or not; tasks of a job are contiguous."""
    counts = np.zeros(first.size - 1, np.int32)
    if successor.size == 0:
        return counts
    position = np.empty(first.size - 1, np.int32)
    for k in range(order.size):
        position[order[k]] = k
    for j in range(job_first.size - 1):
        low, high = job_first[j], job_first[j + 1]
        if first[low] == first[high]:
            continue
        words = (high - low + 63) // 64
        reach = np.zeros((high - low, words), np.uint64)
        tasks = np.arange(low, high).astype(np.int32)
        by_order = tasks[np.argsort(position[low:high])]
        for k in range(by_order.size - 1, -1, -1):
            t = by_order[k]
            for e in range(first[t], first[t + 1]):
                s = successor[e] - low
                reach[t - low, s // 64] |= np.uint64(1) << np.uint64(s % 64)
                for x in range(words):
                    reach[t - low, x] |= reach[s, x]
            for x in range(words):
                counts[t] += _bits(reach[t - low, x])
    return counts


@njit(cache=True, nogil=True)
def _bits(word: np.uint64) -> int:
    """Count the set bits (Kernighan)."""
    count = 0
    while word:
        word &= word - np.uint64(1)
        count += 1
    return count
