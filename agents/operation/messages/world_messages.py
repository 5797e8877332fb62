"""What happens in a World, as messages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from agents.operation.messages.messages import (
    AlertNotification,
    AllocationUpdate,
    CompletionNotification,
    HealthStatus,
    Message,
    Publisher,
    ReleaseNotification,
    ResourceRequest,
    StatusUpdate,
    TaskSubmission,
)
from agents.operation.site.moments import task_name
from envs.events import NONE, EventKind, EventLog
from envs.workloads.instance import Instance
from envs.world import World


class Translator:
    """Turns the events of one episode, as they come, into messages; names are those of :mod:`agents.operation.site.moments`."""

    def __init__(self, instance: Instance) -> None:
        """Begin an episode that plays an instance."""
        self._i = instance
        self._job_of = instance.job_of_task()
        self._since: dict[int, float] = {}
        self._shared = [r for r in range(instance.num_resources) if instance.shared[r]]

    def messages(self, log: EventLog) -> Iterator[Message]:
        """Translate what is new."""
        for time, kind, agent, job, task, value in zip(*(column.tolist() for column in log), strict=True):
            yield self._one(time, EventKind(kind), agent, job, task, value)

    def _one(self, time: float, kind: EventKind, a: int, j: int, t: int, value: float) -> Message:
        job, agent = f"job-{j}", f"agent-{a}"
        task = task_name(self._i, t) if t != NONE else ""
        match kind:
            case EventKind.TASK_SUBMISSION:
                return TaskSubmission(time=time, job=job)
            case EventKind.TASK_READY:
                return StatusUpdate(time=time, state="ready", job=job, task=task)
            case EventKind.RESERVATION:
                return StatusUpdate(time=time, state="reserved", job=job, task=task, agent=agent, expected=value)
            case EventKind.TASK_START:
                self._since[t] = time
                return StatusUpdate(time=time, state="started", job=job, task=task, agent=agent, expected=value)
            case EventKind.TASK_END:
                return CompletionNotification(time=time, job=job, task=task, agent=agent, took=time - self._since[t])
            case EventKind.JOB_DONE:
                return CompletionNotification(time=time, job=job, took=time - float(self._i.job_release[j]))
            case EventKind.TASK_FAILED:
                retry = value if math.isfinite(value) else None
                return AlertNotification(time=time, alert="failed", job=job, task=task, agent=agent, retry=retry)
            case EventKind.TASK_INTERRUPTED:
                return AlertNotification(
                    time=time, alert="interrupted", job=job, task=task, agent=agent, detail=f"{value:.0%} of it is kept"
                )
            case EventKind.JOB_ABANDONED:
                return AlertNotification(time=time, alert="abandoned", severity="error", job=job)
            case EventKind.AGENT_DOWN | EventKind.AGENT_UP:
                return HealthStatus(time=time, agent=agent, up=kind == EventKind.AGENT_UP)
            case EventKind.RESOURCE_REQUEST:
                return ResourceRequest(time=time, job=job, task=task, agent=agent, bid=value)
            case EventKind.ALLOCATION_UPDATE:
                return AllocationUpdate(time=time, job=job, task=task, agent=agent, units=self._units(t), price=value)
            case EventKind.RELEASE_NOTIFICATION:
                return ReleaseNotification(time=time, job=job, task=task, agent=agent, units=self._units(t))
            case EventKind.TRUNCATED:
                return StatusUpdate(time=time, state="stopped", detail="the episode was cut off")

    def _units(self, t: int) -> dict[str, int]:
        demand = self._i.task_demand[t]
        return {self._i.resources[r]: int(demand[r]) for r in self._shared if demand[r]}


def follow(world: World, publishers: list[Publisher]) -> Callable[[], None]:
    """Have every world of a World that records say by its publisher what happens in it; return what ends it."""
    translators: dict[int, tuple[int, Translator]] = {}

    def tell(b: int, log: EventLog) -> None:
        seed, known = translators.get(b, (-1, None))
        now = int(world.out.seed[b])
        if known is None or seed != now:
            known = Translator(world.instances[int(world.out.instance[b])])
            translators[b] = now, known
        for message in known.messages(log):
            publishers[b].publish(message)

    return world.subscribe(tell)
