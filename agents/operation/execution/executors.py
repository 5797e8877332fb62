"""What runs tasks for an execution: an executor starts and stops attempts, and tells what came of them."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from agents.operation.site.situation import Task


class Attempt(NamedTuple):
    """One try at a task by an agent."""

    place: int
    """The task's number in its run."""
    number: int
    """Of the attempts at the task, from 1 on."""
    job: str
    task: Task
    agent: str
    since: float

    @property
    def name(self) -> str:
        """What calls it apart from every other attempt of its run."""
        return f"{self.place}.{self.number}"


class Ended(NamedTuple):
    """An attempt that ended by itself."""

    attempt: Attempt
    time: float
    ok: bool
    detail: str = ""
    """Why it failed."""
    code: int | None = None
    """What its command returned."""
    final: bool = False
    """No further attempt can do better: there is no such program."""


class Flipped(NamedTuple):
    """An agent that went down, and what it ran with it, or came up again."""

    agent: str
    time: float
    up: bool


Event = Ended | Flipped


class Executor(Protocol):
    """Runs attempts. One run at a time; all calls come from one thread."""

    def now(self) -> float:
        """Return seconds of the run, which never go back."""

    def start(self, attempt: Attempt) -> None:
        """Begin an attempt. What prevents it is told as its end, and not raised."""

    def stop(self, attempt: Attempt) -> None:
        """End an attempt whose result nobody needs any more; nothing more is told of it. One that has ended is passed over."""

    async def wait(self, until: float | None) -> list[Event]:
        """Return what happened, as soon as anything did, in its order; nothing, where nothing did by ``until``."""

    def awaits_something(self) -> bool:
        """Whether anything may happen though nothing runs."""

    async def close(self) -> None:
        """Stop everything that runs, and wait until it is gone."""
