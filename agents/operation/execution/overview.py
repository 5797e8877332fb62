"""What a monitor shows of a run at a glance."""

from __future__ import annotations

from typing import Literal

from agents.operation.messages.messages import AlertNotification
from agents.operation.planning.planning import JobPlan
from agents.operation.site.situation import Part


class JobProgress(Part):
    """How far a job is."""

    job: str
    state: Literal["coming", "waiting", "running", "done", "failed"]
    done: int
    failed: int
    """And blocked."""
    running: int
    total: int
    due: float | None
    forecast: JobPlan | None
    """When it will be done, as of the last forecast."""


class AgentHealth(Part):
    """How an agent is."""

    agent: str
    up: bool
    avoided: bool
    running: int
    done: int
    failed: int
    heard: float
    """When something was heard of it last."""
    utilisation: float
    """Share of the time so far in which it ran something."""


class Overview(Part):
    """Everything at a glance."""

    kind: Literal["overview"] = "overview"
    time: float
    jobs: list[JobProgress]
    agents: list[AgentHealth]
    in_use: dict[str, float]
    """Share of the units of each shared resource."""
    alerts: list[AlertNotification]
    """That stand."""
