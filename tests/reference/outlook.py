"""What lies ahead where the makespan counts: docs/world.md, section 8."""

from __future__ import annotations

from tests.reference.state import State, Status, Task, total


def _is_open(state: State, task: Task) -> bool:
    submitted = task.fact.job < state.arrived
    return task.status in (Status.READY, Status.RETRYING) or (task.status is Status.PENDING and submitted)


def part_of(state: State, task: Task) -> float:
    """The largest share of its primary agent's units that a task takes."""
    capacity = state.facts.local_capacity[task.fact.primary]
    return max((d / capacity[r] for r, d in enumerate(task.fact.demand) if capacity[r] > 0), default=0.0)


def line_of(state: State, a: int) -> list[Task]:
    """The open tasks that are shortest at an agent, the one with most behind it first."""
    line = [task for task in state.tasks if task.fact.primary == a and _is_open(state, task)]
    return sorted(line, key=lambda task: (-(task.fact.tail - task.fact.nominal), task.fact.index))


def load(state: State, a: int) -> float:
    """Seconds of work in an agent's line."""
    return total(task.fact.nominal * part_of(state, task) for task in line_of(state, a))


def rest_of(state: State) -> float:
    """The least seconds that all submitted work still takes."""
    paths = [task.fact.tail for task in state.tasks if _is_open(state, task)]
    running = [state.remaining_end(task) - state.now + (task.fact.tail - task.fact.nominal) for task in state.running()]
    loads = [state.avail(a) + load(state, a) for a in range(state.num_agents)]
    return max(0.0, *paths, *running, *loads)


def comers(state: State, a: int) -> list[Task]:
    """What is ready or soon at an agent, and not reserved."""
    reserved = {held.task for held in state.reservations}
    return [
        task
        for task in line_of(state, a)
        if (task.status is Status.READY or state.running_predecessor(task) is not None)
        and task.fact.index not in reserved
    ]


def coming(state: State, a: int) -> float:
    """Seconds of their work."""
    return total(task.fact.nominal for task in comers(state, a))


def job_load(state: State, task: Task) -> tuple[float, float]:
    """The load that the other open tasks of a job meet, over the mean load; and the largest, over the largest load."""
    others = [other for other in state.tasks if other.fact.job == task.fact.job and other is not task]
    loads = [load(state, a) for a in range(state.num_agents)]
    met = [(other.fact.nominal, loads[other.fact.primary]) for other in others if _is_open(state, other)]
    mean = total(loads) / state.num_agents
    below = total(nominal for nominal, _ in met) * mean
    share = total(nominal * here for nominal, here in met) / below if below > 0 else 0.0
    peak = max((here for _, here in met), default=0.0)
    return share, peak / max(loads) if max(loads) > 0 else 0.0


def booked(state: State, a: int) -> float:
    """Seconds until an agent could take another task, its reservations counted."""
    ends = [
        held.expected_start - state.now + state.estimate(a, state.tasks[held.task])
        for held in state.reservations
        if held.agent == a
    ]
    return max(state.avail(a), *ends) if ends else state.avail(a)
