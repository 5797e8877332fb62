"""Messages that come in from elsewhere: each is handed on once, in the order of its source, and what was wrong with them is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from agents.operation.messages.messages import AlertNotification, Message

MOST_WAITING: Final = 1000
"""Messages of a source that wait for an earlier one; then that is taken for lost."""


class Inbox:
    """Puts messages of several sources in order.

    A message whose number was handed on before is a duplicate, and dropped. One that comes before its predecessors waits for them; when
    too many wait, the gap is told as an alert, and they go on. One that comes after its gap was given up is late: it is told, and dropped,
    as whoever listens has moved on.
    """

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        """Expect number 0 of every source first, or whatever comes first."""
        self._most = most_waiting
        self._next: dict[str, int] = {}
        self._waiting: dict[str, dict[int, Message]] = {}
        self._lost: dict[str, set[int]] = {}
        self.counts = Counter[str]()
        """How many were in order, early, duplicate, late; and how many were lost."""

    def take(self, message: Message) -> Iterator[Message]:
        """Take one in; yield what can be handed on now, alerts among it."""
        source, number = message.source, message.number
        expected = self._next.setdefault(source, number)
        waiting = self._waiting.setdefault(source, {})
        if number < expected or number in waiting:
            yield from self._again(message)
            return
        self.counts["in_order" if number == expected else "early"] += 1
        waiting[number] = message
        yield from self._ready(source)
        if len(waiting) > self._most:
            first = min(waiting)
            gap = range(self._next[source], first)
            self._lost.setdefault(source, set()).update(gap)
            self.counts["lost"] += len(gap)
            self._next[source] = first
            yield AlertNotification(
                time=waiting[first].time,
                source=source,
                alert="messages_lost",
                detail=f"{len(gap)} messages did not come, from number {gap.start} on",
                value=float(len(gap)),
            )
            yield from self._ready(source)

    def _ready(self, source: str) -> Iterator[Message]:
        waiting = self._waiting[source]
        while (message := waiting.pop(self._next[source], None)) is not None:
            self._next[source] += 1
            yield message

    def _again(self, message: Message) -> Iterator[Message]:
        lost = self._lost.get(message.source, set())
        if message.number not in lost:
            self.counts["duplicate"] += 1
            return
        lost.discard(message.number)
        self.counts["late"] += 1
        yield AlertNotification(
            time=message.time,
            source=message.source,
            alert="message_late",
            severity="info",
            detail=f"number {message.number}, a {message.kind}, came after it was given up",
        )
