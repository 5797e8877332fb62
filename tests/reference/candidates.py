"""Who may pick what: epochs, candidates and the window of docs/world.md, section 5."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from tests.reference.execution import start
from tests.reference.state import Reservation, State, Status, Task


@dataclass
class Choice:
    """What one agent may do in one round."""

    candidates: list[int]
    """Tasks, ascending."""
    startable: set[int]
    shown: list[int]
    """The candidates inside the window, ascending."""
    may_pass: bool
    heads: bool = False
    """Whether something that does not fit may become the head of a queue that blocks."""
    unasked: bool = False
    """Whether the world plays the first of the candidates: behind such a head."""

    def legal(self) -> list[int | None]:
        """Tasks to pick, and None for passing."""
        return [*self.shown, *([None] if self.may_pass else [])]


def open_epoch(state: State) -> None:
    """Let everybody think who is up, and take up the reservations that hold until their task starts."""
    state.rounds = 0
    for agent in state.agents:
        agent.active = agent.up
    standing, state.reservations = state.reservations, []
    if state.scenario.reservations.hold == "event":
        return
    for reservation in standing:
        a, task = reservation.agent, state.tasks[reservation.task]
        ready = task.status is Status.READY
        if not state.agents[a].up or not (ready or state.running_predecessor(task)):
            continue
        if ready and state.fits(a, task):
            start(state, a, task)
        elif state.scenario.reservations.blocking:
            _stand(state, reservation)
        else:
            reserve(state, a, task)


def reserve(state: State, a: int, task: Task) -> None:
    """Block units for a task; with backfill the agent goes on, otherwise it leaves the epoch."""
    _stand(state, Reservation(a, task.fact.index, state.expected_start(a, task)))


def _stand(state: State, reservation: Reservation) -> None:
    state.reservations.append(reservation)
    state.agents[reservation.agent].active = state.scenario.reservations.backfill


def choice(state: State, a: int) -> Choice:
    """The candidates of an agent, were it active."""
    event_to_come = state.event_to_come()
    reserved = {reservation.task for reservation in state.reservations}
    offered = [task for task in state.tasks if a in task.fact.options and task.fact.index not in reserved]
    ready = [task for task in offered if task.status is Status.READY]
    startable = [task for task in ready if state.fits(a, task)]
    reservable: list[Task] = []
    heads = unasked = False
    own = state.own_reservation(a)
    if own is not None and state.scenario.reservations.backfill:
        startable = [task for task in startable if state.is_over_by(a, task, own.expected_start)]
        unasked = state.scenario.reservations.blocking
    elif state.scenario.reservations.allowed and event_to_come:
        reservable = [task for task in ready if task not in startable and (startable or _fits_alone(state, a, task))]
        heads = state.scenario.reservations.blocking and any(_fits_alone(state, a, task) for task in reservable)
        earliest = min((state.now + state.estimate(a, task) for task in startable), default=-math.inf)
        reservable += [
            task for task in offered if (p := state.running_predecessor(task)) and state.remaining_end(p) < earliest
        ]
    candidates = sorted(task.fact.index for task in (*startable, *reservable))
    return Choice(
        candidates=candidates,
        startable={task.fact.index for task in startable},
        shown=_window(state, a, candidates),
        may_pass=state.scenario.allow_pass and event_to_come,
        heads=heads,
        unasked=unasked,
    )


def _fits_alone(state: State, a: int, task: Task) -> bool:
    """Whether the agent's own units would do for a task."""
    return all(
        demand <= state.agents[a].free[r] for r, demand in enumerate(task.fact.demand) if not state.facts.shared[r]
    )


def _window(state: State, a: int, candidates: list[int]) -> list[int]:
    """The candidates that are shown: the best of three orderings in turn."""
    k = state.scenario.candidates
    if len(candidates) <= k:
        return candidates

    def urgency(t: int) -> float:
        task = state.facts.tasks[t]
        job = state.facts.jobs[task.job]
        return (job.due if job.due < math.inf else job.release + job.cp) - task.tail

    keys: list[Callable[[int], tuple[float, int]]] = [
        lambda t: (0.0, t),
        lambda t: (state.estimate(a, state.tasks[t]), t),
        lambda t: (urgency(t), t),
    ]
    taken: list[int] = []
    while len(taken) < k:
        key = keys[len(taken) % len(keys)]
        taken.append(min((t for t in candidates if t not in taken), key=key))
    return sorted(taken)
