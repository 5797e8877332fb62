"""Who hears messages: memory, files, a database, a terminal, TensorBoard, Prometheus, browsers."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import sys
import threading
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from agents.operation.messages.messages import (
    AlertNotification,
    CompletionNotification,
    HealthStatus,
    Message,
    MetricStream,
    StatusUpdate,
    TaskSubmission,
    read_message,
    write_message,
)
from agents.operation.site.problems import printable
from envs.files import naming


class Memory:
    """Keeps the last messages."""

    def __init__(self, most: int | None = None) -> None:
        """Keep so many, or all."""
        self.messages: deque[Message] = deque(maxlen=most)

    def take(self, message: Message) -> None:
        """Keep one."""
        self.messages.append(message)

    def close(self) -> None:
        """Keep them all the same."""


class JsonLines:
    """Appends to a file, a message a line, each at once: who follows the file sees it, and a crash loses none that was told."""

    def __init__(self, path: str | Path) -> None:
        """Open the file, or begin it; half a line that a crash left is ended first. Raises OSError."""
        self.path = Path(path)
        self._file = self.path.open("a+b", buffering=0)
        size = self._file.seek(0, 2)
        if size:
            self._file.seek(size - 1)
            if self._file.read(1) != b"\n":
                self._write(b"\n")

    def take(self, message: Message) -> None:
        """Append one."""
        self._write(write_message(message).encode() + b"\n")

    def _write(self, line: bytes) -> None:
        with naming(self.path):
            if self._file.write(line) != len(line):  # as a disk does that is nearly full
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_lines(path: str | Path) -> Iterator[Message]:
    """Yield the messages of a file; lines that are none, as a crash leaves them, are passed over. Raises OSError."""
    with Path(path).open("rb") as file:
        for line in file:
            try:
                yield read_message(line)
            except ValueError:
                continue


class Sqlite:
    """Appends to a table ``messages`` of a file of SQLite: number, time, kind, job, task, agent, source, message."""

    def __init__(self, path: str | Path) -> None:
        """Open the file, or begin it.

        Raises:
            sqlite3.Error: it is something else, or cannot be written.
        """
        self._base = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute("PRAGMA synchronous = NORMAL")
        self._base.execute(
            "CREATE TABLE IF NOT EXISTS messages (row INTEGER PRIMARY KEY, number INTEGER, time REAL, kind TEXT, job TEXT, "
            "task TEXT, agent TEXT, source TEXT, message TEXT NOT NULL)"
        )

    def take(self, message: Message) -> None:
        """Append one."""
        about = [getattr(message, name, None) for name in ("job", "task", "agent")]
        row = (message.number, message.time, message.kind, *about, message.source, write_message(message))
        columns = "number, time, kind, job, task, agent, source, message"
        self._base.execute(f"INSERT INTO messages ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def close(self) -> None:
        """Close the file."""
        self._base.close()


class Console:
    """Prints a line for people: what is submitted, started, done or wrong; nothing about units and metrics."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Print to a stream, or to standard error."""
        self._stream = stream

    def take(self, message: Message) -> None:
        """Print one."""
        if line := line_of(message):
            print(line, file=self._stream or sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the stream open: it is somebody else's."""


def line_of(message: Message) -> str | None:
    """A message in words, or None where people need not hear of it."""
    what = "/".join(name for name in (getattr(message, "job", None), getattr(message, "task", None)) if name)
    who = getattr(message, "agent", None)
    at = f" at {who}" if who else ""
    match message:
        case TaskSubmission():
            told = f"{what} came"
        case StatusUpdate(state="ready" | "reserved"):
            return None
        case StatusUpdate():
            told = " ".join(part for part in (f"{what or 'the run'} {message.state}{at}", message.detail) if part)
        case CompletionNotification():
            told = f"{what} done{at}" + (f" in {message.took:.3g} s" if message.took is not None else "")
        case AlertNotification():
            told = f"{message.severity}: {message.alert}: {what}{at}" + (
                f": {message.detail}" if message.detail else ""
            )
        case HealthStatus():
            told = f"{message.agent} is {'up' if message.up else 'down'}" + (
                f": {message.detail}" if message.detail else ""
            )
        case _:
            return None
    return f"{message.time:10.2f} s  {printable(told)}"


class TensorBoard:
    """Writes metrics as scalars, and how many messages of each kind there were; the step is milliseconds of the source's time."""

    def __init__(self, folder: str | Path) -> None:
        """Begin a file of events in a folder. Raises OSError."""
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder))
        self._count = Counter[str]()

    def take(self, message: Message) -> None:
        """Write one."""
        self._count[message.kind] += 1
        values: dict[str, float] = {f"messages/{message.kind}": float(self._count[message.kind])}
        if isinstance(message, MetricStream):
            of = "".join(f"/{value}" for value in message.labels.values())
            values = {f"{name}{of}": value for name, value in message.values.items()}
        for name, value in values.items():
            self._writer.add_scalar(name, value, round(message.time * 1e3))

    def close(self) -> None:
        """Close the file."""
        self._writer.close()


class Prometheus:
    """Counts messages and keeps the last value of every metric, as text in the format that Prometheus scrapes (version 0.0.4)."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self._counts: Counter[tuple[str, str]] = Counter()
        self._gauges: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        self._lock = threading.Lock()

    def take(self, message: Message) -> None:
        """Count one."""
        with self._lock:
            state = getattr(message, "state", None) or getattr(message, "alert", None) or ""
            self._counts[message.kind, state] += 1
            if isinstance(message, MetricStream):
                labels = tuple(sorted(message.labels.items()))
                self._gauges |= {(_identifier(name), labels): value for name, value in message.values.items()}
            elif isinstance(message, HealthStatus):
                self._gauges["agent_up", (("agent", message.agent),)] = float(message.up)

    def close(self) -> None:
        """Keep what was counted."""

    def text(self) -> str:
        """Return what a scrape gets."""
        with self._lock:
            counts, gauges = sorted(self._counts.items()), sorted(self._gauges.items())
        lines = ["# TYPE parley_messages_total counter"]
        lines += [f"parley_messages_total{_labels((('kind', k), ('state', s)))} {n}" for (k, s), n in counts]
        before = ""
        for (name, labels), value in gauges:
            if name != before:
                lines.append(f"# TYPE parley_{name} gauge")
                before = name
            lines.append(f"parley_{name}{_labels(labels)} {value:.10g}")
        return "\n".join(lines) + "\n"


def _identifier(name: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in name)


def _labels(pairs: tuple[tuple[str, str], ...]) -> str:
    told = ",".join(f"{_identifier(name)}={_quoted(value)}" for name, value in pairs if value)
    return f"{{{told}}}" if told else ""


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


class ServerSentEvents:
    """Hands messages to readers, each at its own pace, as server-sent events; what a slow one misses, it is told how much."""

    def __init__(self, most: int = 1000) -> None:
        """Keep at most so many messages for each reader."""
        self._most = most
        self._streams: set[EventStream] = set()
        self._lock = threading.Lock()

    def open(self) -> EventStream:
        """Begin to read: what is said from now on."""
        stream = EventStream(self._most)
        with self._lock:
            self._streams.add(stream)
        return stream

    def leave(self, stream: EventStream) -> None:
        """End the reading of one; it may have left before."""
        with self._lock:
            self._streams.discard(stream)
        stream.end()

    @property
    def readers(self) -> int:
        """How many there are."""
        return len(self._streams)

    def take(self, message: Message) -> None:
        """Hand one on; never waits for a reader."""
        with self._lock:
            streams = tuple(self._streams)
        text = f"id: {message.number}\nevent: {message.kind}\ndata: {write_message(message)}\n\n" if streams else ""
        for stream in streams:
            stream.put(text)

    def close(self) -> None:
        """End all streams."""
        with self._lock:
            streams, self._streams = tuple(self._streams), set()
        for stream in streams:
            stream.end()


class EventStream:
    """One reader's bounded queue; the oldest messages are dropped where it is full."""

    def __init__(self, most: int) -> None:
        """Hold at most so many."""
        self._queue: deque[str] = deque(maxlen=most)
        self.dropped = 0
        """Messages that this reader has missed."""
        self._told = 0
        self._over = False
        self._change = threading.Condition()

    def put(self, text: str) -> None:
        """Add one."""
        with self._change:
            self.dropped += len(self._queue) == self._queue.maxlen
            self._queue.append(text)
            self._change.notify()

    def end(self) -> None:
        """Add no more."""
        with self._change:
            self._over = True
            self._change.notify()

    def next(self, timeout: float | None = None) -> str | None:
        """Return the next text to send, waiting for it: a comment that keeps the line open after ``timeout`` seconds; None at the end."""
        with self._change:
            if not self._queue and not self._over:
                self._change.wait(timeout)
            if self.dropped > self._told:
                missed, self._told = self.dropped - self._told, self.dropped
                return f"event: dropped\ndata: {json.dumps({'dropped': missed})}\n\n"
            if self._queue:
                return self._queue.popleft()
            return None if self._over else ": nothing new\n\n"
