"""What one plan has otherwise than another: tasks at other agents, later, earlier, new, gone."""

from __future__ import annotations

from typing import Final, Literal

from agents.operation.planning.planning import ExecutionPlan, TaskPlan
from agents.operation.site.problems import Problem, SituationError
from agents.operation.site.situation import Part

TOLERANCE: Final = 1.0
"""Seconds by which a median start moves without notice."""

What = Literal["moved", "later", "earlier", "new", "gone"]


class Place(Part):
    """Where a plan has a task."""

    agent: str
    start: float
    """Its median, as the end's."""
    end: float


class Shift(Part):
    """A task that two plans have otherwise."""

    job: str
    task: str
    what: What
    """``moved``: to another agent, at whatever time."""
    before: Place | None
    after: Place | None
    by: float | None
    """Seconds that its median start is later."""


class Difference(Part):
    """What changed from one plan to the next."""

    shifts: list[Shift]
    """In the order of starts, as they are now or, of what is gone, were."""
    same: int
    """Tasks of both plans that keep agent and time."""

    def write(self, indent: int | None = None) -> str:
        """Return the JSON document."""
        return self.model_dump_json(indent=indent)


def difference(before: ExecutionPlan, after: ExecutionPlan, tolerance: float = TOLERANCE) -> Difference:
    """Return what changed.

    Raises:
        SituationError: the tolerance is negative.
    """
    if not tolerance >= 0:
        raise SituationError([Problem("out_of_range", "tolerance", f"{tolerance:g}", "a number of seconds >= 0")])
    old, new = ({(each.job, each.task): each for each in plan.tasks} for plan in (before, after))
    shifts, same = [], 0
    for name in {**new, **old}:
        was, now = old.get(name), new.get(name)
        what = _what(was, now, tolerance)
        if what is None:
            same += 1
            continue
        by = now.start.p50 - was.start.p50 if was is not None and now is not None else None
        shifts.append(Shift(job=name[0], task=name[1], what=what, before=_place(was), after=_place(now), by=by))
    return Difference(shifts=sorted(shifts, key=_start), same=same)


def _start(shift: Shift) -> float:
    place = shift.after or shift.before
    return place.start if place is not None else 0.0


def _what(was: TaskPlan | None, now: TaskPlan | None, tolerance: float) -> What | None:
    if was is None:
        return "new"
    if now is None:
        return "gone"
    if was.agent != now.agent:
        return "moved"
    by = now.start.p50 - was.start.p50
    if abs(by) <= tolerance:
        return None
    return "later" if by > 0 else "earlier"


def _place(task: TaskPlan | None) -> Place | None:
    return None if task is None else Place(agent=task.agent, start=task.start.p50, end=task.end.p50)
