"""The event logs of many worlds, as they grow, and who has read how far."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

import numpy as np
from numpy.typing import NDArray

from envs.engine.layout import Records
from envs.events import EventKind, EventLog

Callback = Callable[[int, EventLog], object]
"""Takes the number of a world and its new events."""


class EventLogs:
    """One log per world, in the pieces in which it was written: what is new is found without looking at what is old."""

    def __init__(self, world: Records, log: Records) -> None:
        """Take what the kernels write: records [B] of worlds, with ``log_size``, and of events [B, most]."""
        self._world, self._log = world, log
        self.pieces: list[list[Records]] = [[] for _ in range(len(world))]
        self.before = [0] * len(world)
        """Pieces that nobody is told as news: what had happened when a world was put where it stood."""
        self.episode = [0] * len(world)
        """Counts the logs that were begun."""
        self._reader = _Reader(self)
        self._subscriptions: list[_Subscription] = []

    def begin(self, b: int, *before: Records) -> None:
        """Begin the log of world b anew, with what happened before."""
        self.pieces[b] = list(before)
        self.before[b] = len(before)
        self.episode[b] += 1

    def drain(self, b: int) -> None:
        """Take what the kernels have written about world b."""
        size = int(self._world["log_size"][b])
        if size:
            self.pieces[b].append(self._log[b, :size].copy())
            self._world["log_size"][b] = 0

    def since(self, b: int, first: int = 0) -> EventLog:
        """Return the log of world b from its piece ``first`` on, in arrays of its own."""
        self.drain(b)
        pieces = self.pieces[b][first:]
        events = np.concatenate(pieces) if pieces else np.zeros(0, self._log.dtype)
        return EventLog(*(np.ascontiguousarray(events[name]) for name in EventLog._fields))

    def news(self, b: int) -> EventLog:
        """Return what world b has logged since the last call."""
        return self._reader.news(b)

    def subscribe(self, callback: Callback, kinds: Collection[EventKind] | None) -> Callable[[], None]:
        """Have a callback told from now on; return what ends it."""
        subscription = _Subscription(self, callback, kinds)
        self._subscriptions.append(subscription)
        return partial(self._subscriptions.remove, subscription)

    def tell(self, worlds: range) -> None:
        """Hand news of worlds to the callbacks."""
        for subscription in tuple(self._subscriptions):
            for b in worlds:
                subscription.tell(b)


class _Reader:
    """Somebody who reads logs as they grow, each event once."""

    def __init__(self, logs: EventLogs) -> None:
        """Begin where the logs stand."""
        self._logs = logs
        for b in range(len(logs.pieces)):
            logs.drain(b)
        self._read = [(logs.episode[b], len(pieces)) for b, pieces in enumerate(logs.pieces)]

    def news(self, b: int) -> EventLog:
        """Return what world b has logged since the last call; where a new episode began since then, its events."""
        episode, first = self._read[b]
        if episode != self._logs.episode[b]:
            first = self._logs.before[b]
        log = self._logs.since(b, first)
        self._read[b] = self._logs.episode[b], len(self._logs.pieces[b])
        return log


class _Subscription:
    """A callback that is handed what is new, and of which kinds."""

    def __init__(self, logs: EventLogs, callback: Callback, kinds: Collection[EventKind] | None) -> None:
        self._reader, self._callback = _Reader(logs), callback
        self._kinds: NDArray[np.int32] | None = None if kinds is None else np.array(sorted(kinds), np.int32)

    def tell(self, b: int) -> None:
        """Call back, if there is anything."""
        log = self._reader.news(b)
        if self._kinds is not None and len(log.time):
            wanted = np.isin(log.kind, self._kinds)
            log = EventLog._make(column[wanted] for column in log)
        if len(log.time):
            self._callback(b, log)
