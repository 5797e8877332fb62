"""Who looks at a run while it goes, and may act."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from agents.operation.execution.run_state import RunState
from agents.operation.messages.messages import Message, Subscriber
from agents.operation.site.situation import Part


class Action(Part):
    """What an optimizer wants: to copy a running task, move it away, avoid or trust an agent, weigh a job."""

    what: Literal["copy", "move", "avoid", "trust", "weigh"]
    reason: str
    job: str = ""
    task: str = ""
    agent: str = ""
    """To which it is copied, from which it is moved, or which is avoided or trusted again."""
    factor: float = 1.0


class Overseer(Subscriber, Protocol):
    """Hears all messages of a run, and looks at it after every event: a monitor, an optimizer."""

    def look(self, state: RunState) -> tuple[Sequence[Message], Sequence[Action]]:
        """Return what is to be said, and what is to be done, now."""

    def next_look(self) -> float | None:
        """When it wants to look again though nothing has happened; None: then not."""
