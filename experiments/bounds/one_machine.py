"""One machine that may interrupt what it does: the relaxations that bounds are made of. n pieces of work; times in seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush

import numpy as np

from envs.workloads.instance import FloatArray


def jackson(head: FloatArray, length: FloatArray, tail: FloatArray) -> float:
    """Return the least makespan where work [n] may begin after its head and is followed by its tail: largest tail first.

    Jackson's preemptive schedule (Jackson 1955; Carlier 1982): the largest, over sets of work, of least head + lengths + least tail.
    """
    after = tail.tolist()
    return max((end + after[k] for k, _, end, _ in _run(head, length, lambda k, left: -after[k])), default=0.0)


def completions(release: FloatArray, length: FloatArray) -> FloatArray:
    """[n], ascending: no schedule has a k-th completion before the k-th of shortest remaining time first (Schrage 1968)."""
    return np.array([end for _, _, end, left in _run(release, length, lambda k, left: left) if left == 0])


def busy(release: FloatArray, length: FloatArray, rate: FloatArray) -> FloatArray:
    """[n] the mean instant at which each is worked on, where the highest rate goes first; lengths are > 0.

    No schedule has a smaller sum of rate x length x that mean (Goemans 1997).
    """
    of = rate.tolist()
    mean = np.zeros(len(length))
    for k, begin, end, _ in _run(release, length, lambda k, left: -of[k]):
        mean[k] += (end - begin) * (begin + end) / 2
    return mean / length


def _run(
    release: FloatArray, length: FloatArray, key: Callable[[int, float], float]
) -> Iterator[tuple[int, float, float, float]]:
    """Work on what has the least key (work, seconds left) among what is there: who, from when, until when, what is then left of it."""
    order = np.argsort(release, kind="stable").tolist()
    there, needs = release.tolist(), length.tolist()
    waiting: list[tuple[float, int, float]] = []
    now, come = 0.0, 0
    while waiting or come < len(order):
        if not waiting:
            now = max(now, there[order[come]])
        while come < len(order) and there[order[come]] <= now:
            k = order[come]
            heappush(waiting, (key(k, needs[k]), k, needs[k]))
            come += 1
        _, k, left = heappop(waiting)
        until = there[order[come]] if come < len(order) else np.inf
        if now + left <= until:
            yield k, now, now + left, 0.0
            now += left
        else:
            left -= until - now
            yield k, now, until, left
            heappush(waiting, (key(k, left), k, left))
            now = until
