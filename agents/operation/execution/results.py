"""What came of a run."""

from __future__ import annotations

from typing import Literal

from agents.operation.execution.run_state import RunState, TaskState
from agents.operation.site.situation import Part


class TaskResult(Part):
    """How a task ended."""

    job: str
    task: str
    state: Literal["waiting", "running", "done", "failed", "blocked"]
    agent: str | None
    since: float | None
    until: float | None
    attempts: int
    detail: str
    """Why it is not done."""


class Execution(Part):
    """What came of a run."""

    kind: Literal["execution"] = "execution"
    began: float
    ended: float
    policy: str
    decisions: int
    interrupted: bool
    """It was stopped, and can be resumed."""
    done: int
    """Tasks,"""
    total: int
    """of so many."""
    tasks: list[TaskResult]

    @property
    def ok(self) -> bool:
        """Whether everything is done."""
        return self.done == self.total

    def write(self, indent: int | None = None) -> str:
        """Return the JSON document."""
        return self.model_dump_json(indent=indent)


def told(state: RunState, began: float, policy: str, decisions: int, *, interrupted: bool) -> Execution:
    """Return what came of a run that has ended where it stands."""
    tasks = []
    for each in state.tasks.values():
        detail = "" if each.state == "done" else each.detail
        if each.state == "waiting" and not interrupted:
            detail = _why_waiting(state, each)
        tasks.append(
            TaskResult(
                job=each.job,
                task=each.task.name,
                state=each.state,
                agent=each.agent,
                since=each.since,
                until=each.until,
                attempts=each.attempts,
                detail=detail,
            )
        )
    return Execution(
        began=began,
        ended=state.now,
        policy=policy,
        decisions=decisions,
        interrupted=interrupted,
        done=sum(each.state == "done" for each in tasks),
        total=len(tasks),
        tasks=tasks,
    )


def _why_waiting(state: RunState, task: TaskState) -> str:
    may = state.first.options.of(task.task)
    if not any(state.up[name] for name in may):
        return f"nobody who may run it is up: {', '.join(list(may)[:5])}"
    return f"comes after {', '.join(task.task.predecessors)}" if task.task.predecessors else "could not be started"
