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
REACH_BYTES = 2**26
"""Memory for what a job's tasks reach, as far as it is looked at at a time; at least 8 bytes per task."""


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
    """Return how many tasks come after each one, directly or not; tasks of a job are contiguous.

    Memory stays near REACH_BYTES: what can be reached is marked for so many tasks at a time as fit. The time is linear in chains and
    trees, in which nobody has two successors, and else, per job, edges x tasks / 64.
    """
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
        tasks = np.arange(low, high).astype(np.int32)
        by_order = tasks[np.argsort(position[low:high])]
        is_tree = True
        for t in range(low, high):
            is_tree = is_tree and first[t + 1] - first[t] <= 1
        if is_tree:
            for k in range(by_order.size - 1, -1, -1):
                t = by_order[k]
                if first[t] < first[t + 1]:
                    counts[t] = 1 + counts[successor[first[t]]]
        else:
            _count_reached(first, successor, by_order, low, counts)
    return counts


@njit(cache=True, nogil=True)
def _count_reached(first: IntArray, successor: IntArray, by_order: IntArray, low: int, counts: IntArray) -> None:
    """Add to ``counts`` what each task of a job reaches, a bit per task of the block in view; ``low`` is the job's first task."""
    tasks = by_order.size
    place = np.empty(tasks, np.int64)
    for k in range(tasks):
        place[by_order[k] - low] = k
    words = max(1, min((tasks + 63) // 64, REACH_BYTES // (8 * tasks)))
    reach = np.zeros((tasks, words), np.uint64)
    for begin in range(0, tasks, 64 * words):
        end = min(tasks, begin + 64 * words)
        reach[:end] = 0
        for k in range(end - 1, -1, -1):  # what comes later in the order than the block reaches nothing in it
            t = by_order[k]
            for e in range(first[t], first[t + 1]):
                s = place[successor[e] - low]
                if s >= end:
                    continue
                if s >= begin:
                    reach[k, (s - begin) // 64] |= np.uint64(1) << np.uint64((s - begin) % 64)
                for x in range(words):
                    reach[k, x] |= reach[s, x]
            for x in range(words):
                counts[t] += _bits(reach[k, x])


@njit(cache=True, nogil=True)
def _bits(word: np.uint64) -> np.int64:
    """Count the set bits: of pairs, of nibbles, of bytes, then all bytes in the highest (Wilkes, Wheeler, Gill 1957)."""
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))
