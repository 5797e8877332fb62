"""Facts about precedence graphs, against sets in plain Python, and the memory that they take."""

from __future__ import annotations

import resource

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.workloads.graph import count_descendants, topological_order
from envs.workloads.source import precedence

Edges = list[tuple[int, int]]


def counted(tasks: int, edges: Edges, job_first: list[int]) -> list[int]:
    """What the kernel says."""
    first, successor = precedence("p", [str(task) for task in range(tasks)], edges)
    order = topological_order(first, successor)
    return count_descendants(first, successor, order, np.array(job_first, np.int32)).tolist()


def by_sets(tasks: int, edges: Edges) -> list[int]:
    """The same by following every edge from every task."""
    after: list[set[int]] = [set() for _ in range(tasks)]
    for a, b in edges:
        after[a].add(b)
    reached = []
    for task in range(tasks):
        seen, todo = set(after[task]), list(after[task])
        while todo:
            todo += (new := after[todo.pop()] - seen)
            seen |= new
        reached.append(len(seen))
    return reached


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, Edges, list[int]]:
    """Jobs of some tasks each, and edges within them that follow a hidden order."""
    sizes = draw(st.lists(st.integers(1, 12), min_size=1, max_size=3))
    first = [0, *np.cumsum(sizes).tolist()]
    edges: Edges = []
    for low, size in zip(first, sizes, strict=False):
        order = draw(st.permutations(range(low, low + size)))
        pairs = draw(st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=30))
        edges += [(order[min(pair)], order[max(pair)]) for pair in pairs if pair[0] != pair[1]]
    return first[-1], edges, first


@given(graphs())
@settings(max_examples=200, deadline=None)
def test_descendants(drawn: tuple[int, Edges, list[int]]) -> None:
    """Protects a column that policies read: chains, trees and other graphs, in jobs one after another, whatever the order of tasks."""
    tasks, edges, job_first = drawn
    assert counted(tasks, edges, job_first) == by_sets(tasks, edges)


@pytest.mark.parametrize("width", [1, 2])
def test_descendants_take_little(width: int) -> None:
    """Protects memory: of 100,000 tasks in one job, in layers that wait for one another, a bit per pair would be 1.2 GB."""
    layers = 100_000 // width
    edges = [
        (a, b)
        for low in range(0, 100_000 - width, width)
        for a in range(low, low + width)
        for b in range(low + width, low + 2 * width)
    ]
    counted(4, [(0, 1), (0, 2), (1, 3)], [0, 4])  # compiled before memory is looked at
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counts = counted(100_000, edges, [0, 100_000])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 * 1024  # KiB
    assert counts == [width * (layers - 1 - task // width) for task in range(100_000)]
