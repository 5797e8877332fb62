"""What is said while tasks are run: typed, versioned messages of the three protocols of the guide, as JSON in and out.

Task management: submission, status, completion. Resource management: request, allocation, release. Monitoring: metrics, alerts, health.
The same messages go out of a run, a World or a service, and come in where somebody else runs the tasks.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Annotated, Any, Final, Literal, Protocol

from pydantic import Field, TypeAdapter, ValidationError

from agents.operation.site.problems import Problem, SituationError, from_pydantic, read_json, shown
from agents.operation.site.situation import Job, Name, Part, Seconds, Units

VERSION: Final = 1


class Said(Part):
    """What all messages have."""

    version: Literal[1] = VERSION
    time: Seconds
    """When it happened, in seconds since the origin of its source."""
    number: Annotated[int, Field(ge=0)] = 0
    """Ascends by one within a source; who publishes gives it."""
    source: str = ""
    """Who says it: a run, a world, a user's own system."""


class TaskSubmission(Said):
    """A job came."""

    kind: Literal["task_submission"] = "task_submission"
    job: Name
    details: Job | None = None
    """All of it, where who hears of it cannot know it."""


class StatusUpdate(Said):
    """A task, or without one a whole job or the run, changed its state and is not done."""

    kind: Literal["status_update"] = "status_update"
    state: Literal["ready", "reserved", "started", "stopped", "adjusted"]
    """Adjusted: whoever watches over a run has changed something."""
    job: Name | None = None
    task: Name | None = None
    agent: Name | None = None
    expected: Seconds | None = None
    """When it is expected to start, where it is reserved; to end, where it started; to be ready, where it is to be tried again."""
    detail: str = ""


class CompletionNotification(Said):
    """A task, or without one a whole job, is done."""

    kind: Literal["completion_notification"] = "completion_notification"
    job: Name
    task: Name | None = None
    agent: Name | None = None
    took: Seconds | None = None
    """Seconds since it started; of a job, since it came."""


class ResourceRequest(Said):
    """An agent bids for units that others want, too."""

    kind: Literal["resource_request"] = "resource_request"
    job: Name
    task: Name
    agent: Name
    bid: float


class AllocationUpdate(Said):
    """Shared units were given to a task that starts."""

    kind: Literal["allocation_update"] = "allocation_update"
    job: Name
    task: Name
    agent: Name
    units: dict[Name, Units] = Field(default_factory=dict)
    price: float = 0.0
    """In credits."""


class ReleaseNotification(Said):
    """Shared units are free again."""

    kind: Literal["release_notification"] = "release_notification"
    job: Name
    task: Name
    agent: Name
    units: dict[Name, Units] = Field(default_factory=dict)


class MetricStream(Said):
    """Numbers by name, as of now."""

    kind: Literal["metric_stream"] = "metric_stream"
    values: dict[Name, float]
    labels: dict[Name, str] = Field(default_factory=dict)
    """What they are of, where it is not all: ``{"agent": "ada"}``."""


class AlertNotification(Said):
    """Something that somebody may want to look into."""

    kind: Literal["alert_notification"] = "alert_notification"
    alert: Name
    """``failed``, ``interrupted``, ``abandoned``, ``late``, ``straggler`` ..."""
    severity: Literal["info", "warning", "error"] = "warning"
    detail: str = ""
    """A sentence for people."""
    job: Name | None = None
    task: Name | None = None
    agent: Name | None = None
    value: float | None = None
    limit: float | None = None
    """What the value has passed."""
    retry: Seconds | None = None
    """When a failed task will be ready again."""


class HealthStatus(Said):
    """An agent goes down, comes up, or is as it was."""

    kind: Literal["health_status"] = "health_status"
    agent: Name
    up: bool
    detail: str = ""


Message = (
    TaskSubmission
    | StatusUpdate
    | CompletionNotification
    | ResourceRequest
    | AllocationUpdate
    | ReleaseNotification
    | MetricStream
    | AlertNotification
    | HealthStatus
)
_ADAPTER: Final[TypeAdapter[Message]] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])
KINDS: Final[tuple[str, ...]] = tuple(each.model_fields["kind"].default for each in Message.__args__)
"""By the guide's names."""


def read_message(document: str | bytes) -> Message:
    """Read a JSON document.

    Raises:
        SituationError: it is no message; with every problem that was found.
    """
    return message_of(read_json(document))


def message_of(value: Any) -> Message:
    """Check plain data; raises as ``read_message`` does."""
    try:
        return _ADAPTER.validate_python(value)
    except ValidationError as error:
        raise SituationError(from_pydantic(error.errors(include_url=False, include_context=False))) from None


def write_message(message: Message) -> str:
    """Return the JSON document, one line; of what has its default value only kind and version are in it."""
    told = message.model_dump(mode="json", exclude_defaults=True)
    return json.dumps({"kind": message.kind, "version": message.version, **told}, ensure_ascii=False)


class Subscriber(Protocol):
    """Whoever hears messages."""

    def take(self, message: Message) -> None:
        """Hear one; called in the order of their numbers, and to be quick about it."""

    def close(self) -> None:
        """Hear that there are no more."""


class Publisher:
    """Numbers messages, and hands them to subscribers in turn. One that cannot write any more is let go, and the others hear of it."""

    def __init__(self, source: str = "", first: int = 0) -> None:
        """Speak as ``source``; the first message gets number ``first``."""
        self._source, self._number = source, first
        self._subscribers: list[tuple[Subscriber, frozenset[str]]] = []

    def subscribe(self, subscriber: Subscriber, kinds: Collection[str] = KINDS) -> Callable[[], None]:
        """Have someone hear messages of some kinds from now on; return what ends it, without closing the subscriber.

        Raises:
            SituationError: there is no such kind.
        """
        for kind in kinds:
            if kind not in KINDS:
                raise SituationError(
                    [Problem("unknown_kind", "kinds", shown(kind), f"of messages, one of {', '.join(KINDS)}")]
                )
        entry = subscriber, frozenset(kinds)
        self._subscribers.append(entry)

        def end() -> None:
            with suppress(ValueError):  # it was let go before
                self._subscribers.remove(entry)

        return end

    def publish(self, message: Message) -> Message:
        """Tell everybody who wants to hear, and return the message with its number."""
        told = message.model_copy(update={"number": self._number, "source": self._source or message.source})
        self._number += 1
        deaf: list[str] = []
        for entry in tuple(self._subscribers):
            subscriber, kinds = entry
            if told.kind in kinds:
                try:
                    subscriber.take(told)
                except (OSError, sqlite3.Error) as error:  # a full disk must not stop what is being run
                    self._subscribers.remove(entry)
                    deaf.append(f"{type(subscriber).__name__} hears nothing any more: {error}")
        for detail in deaf:
            self.publish(AlertNotification(time=message.time, alert="deaf_subscriber", severity="error", detail=detail))
        return told

    def close(self) -> None:
        """Tell all subscribers that there is no more."""
        for subscriber, _ in self._subscribers:
            subscriber.close()
        self._subscribers.clear()
