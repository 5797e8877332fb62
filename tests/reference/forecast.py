"""Who will run what is live: the list schedule of docs/world.md, section 8."""

from __future__ import annotations

from dataclasses import dataclass

from tests.reference.state import State, Status, Task


@dataclass
class Shelf:
    """The last shelf of an agent: tasks that start together, or later if they are not ready."""

    start: float
    end: float
    room: float
    """Share of the agent's units."""


def forecast(state: State) -> dict[int, tuple[int, float]]:
    """Each live task that an agent takes: which one, and seconds until it is over."""
    shelves = [_running(state, a) for a in range(state.num_agents)]
    taken: dict[int, tuple[int, float]] = {}
    reserved = {reservation.task: reservation.agent for reservation in state.reservations}
    live = [task for task in state.tasks if task.fact.index not in reserved and _is_live(state, task)]
    for t, a in reserved.items():
        taken[t] = a, _end(state, a, state.tasks[t], shelves[a])
        _give(state, a, state.tasks[t], shelves[a], taken[t][1])
    for task in sorted(live, key=lambda task: (-task.fact.tail, task.fact.index)):
        offers = [(_end(state, a, task, shelves[a]), a) for a in task.fact.options if state.agents[a].up]
        if offers:
            end, a = min(offers)
            taken[task.fact.index] = a, end
            _give(state, a, task, shelves[a], end)
    return taken


def _is_live(state: State, task: Task) -> bool:
    return task.status is Status.READY or (
        state.scenario.reservations.allowed and state.running_predecessor(task) is not None
    )


def _running(state: State, a: int) -> Shelf:
    capacity, free = state.facts.local_capacity[a], state.agents[a].free
    room = min((free[r] / capacity[r] for r in range(len(capacity)) if capacity[r] > 0), default=1.0)
    ends = [state.remaining_end(task) - state.now for task in state.running() if task.agent == a]
    return Shelf(0.0, max(ends, default=0.0), room)


def _part(state: State, a: int, task: Task) -> float:
    capacity = state.facts.local_capacity[a]
    return max((task.fact.demand[r] / capacity[r] for r in range(len(capacity)) if capacity[r] > 0), default=0.0)


def _end(state: State, a: int, task: Task, shelf: Shelf) -> float:
    predecessor = state.running_predecessor(task)
    ready = 0.0 if predecessor is None else state.remaining_end(predecessor) - state.now
    start = shelf.start if _part(state, a, task) <= shelf.room else shelf.end
    return max(ready, start) + state.estimate(a, task)


def _give(state: State, a: int, task: Task, shelf: Shelf, end: float) -> None:
    part = _part(state, a, task)
    if part > shelf.room:
        shelf.start, shelf.room = shelf.end, 1.0
    shelf.room -= part
    shelf.end = max(shelf.end, end)
