"""A run that is watched, told by hand: commands with names that mean harm."""

from __future__ import annotations

from agents.operation.execution.monitor import Monitor
from agents.operation.execution.run_state import RunState
from agents.operation.messages.messages import (
    AlertNotification,
    CompletionNotification,
    HealthStatus,
    Message,
    ResourceRequest,
    StatusUpdate,
    TaskSubmission,
)
from agents.operation.site.situation import Situation
from experiments.reports.live.execution import Commands
from tests.experiments.reports.episodes import HOSTILE

NAME = HOSTILE[:150]


class Told:
    """A run, its monitor, and what shows it."""

    def __init__(self) -> None:
        """Begin: one job of three tasks that need a licence, two agents."""
        tasks = [{"name": f"{NAME}{k}", "duration": 9.0, "demands": {NAME: 1}} for k in range(3)]
        self.situation = Situation.of(
            {
                "time": 0.0,
                "resources": [{"name": NAME, "capacity": 2}],
                "agents": [{"name": f"{NAME}a"}, {"name": f"{NAME}b"}],
                "jobs": [{"name": NAME, "due": 12.0, "tasks": tasks}],
            }
        )
        self.state = RunState(self.situation)
        self.monitor = Monitor()
        self.commands = Commands(self.situation, "jobs.run", "rules").watching(self.monitor)

    def say(self, *messages: Message) -> None:
        """Have something happen."""
        for message in messages:
            self.state.apply(message)
            self.monitor.take(message)
            self.commands.take(message)
        self.monitor.look(self.state)
        self.commands.look(self.state)

    def start(self, time: float, task: int, agent: str) -> None:
        """Start a task."""
        self.say(
            StatusUpdate(time=time, state="started", job=NAME, task=f"{NAME}{task}", agent=f"{NAME}{agent}", expected=9)
        )

    def done(self, time: float, task: int, agent: str) -> None:
        """End one well."""
        self.say(CompletionNotification(time=time, job=NAME, task=f"{NAME}{task}", agent=f"{NAME}{agent}", took=2.0))

    def play(self) -> None:
        """Have all kinds of things happen; what is left to do is task 1, which runs, and task 2."""
        self.say(TaskSubmission(time=0.0, job=NAME))
        self.start(1.0, 0, "a")
        self.say(
            StatusUpdate(time=1.0, state="reserved", job=NAME, task=f"{NAME}2", agent=f"{NAME}b", expected=3.0),
            ResourceRequest(time=1.0, job=NAME, task=f"{NAME}1", agent=f"{NAME}b", bid=2.0),
        )
        self.start(2.0, 1, "b")
        self.done(3.0, 0, "a")
        failed = {"job": NAME, "task": f"{NAME}1", "agent": f"{NAME}b", "detail": HOSTILE[:100]}
        self.say(AlertNotification(time=4.0, alert="failed", retry=5.0, **failed))
        self.say(HealthStatus(time=5.0, agent=f"{NAME}b", up=False), HealthStatus(time=6.5, agent=f"{NAME}b", up=True))
        self.start(14.0, 1, "a")
        self.say(HealthStatus(time=15.5, agent=f"{NAME}b", up=False))
