"""The journal of a run: the situation that it began with, its messages and its processes, appended to a file of SQLite.

It is written before anything happens that a later runner has to know. ``kill -9`` of the runner loses nothing that was written.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from agents.operation.execution import process_table
from agents.operation.execution.executors import Attempt
from agents.operation.messages.messages import Message, read_message
from agents.operation.messages.subscribers import Sqlite
from agents.operation.site.situation import Situation

FILE: Final = "journal.db"
FORMAT: Final = 1
"""``user_version`` of the file."""
TABLES: Final = (
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE processes (name TEXT PRIMARY KEY, pid INTEGER, ticks INTEGER, boot TEXT)",
    f"PRAGMA user_version = {FORMAT}",
)


class JournalError(ValueError):
    """A file that is no journal, or one that is there already; the message names it."""


class Process(NamedTuple):
    """Where an attempt ran."""

    pid: int
    ticks: int
    """When it started, since the machine did."""
    boot: str


class Journal:
    """A run's file. One process writes to it; several may read."""

    def __init__(self, path: Path) -> None:
        """Open the journal of a run that was begun.

        Raises:
            JournalError: there is none, or it is something else.
        """
        if not path.is_file():
            raise JournalError(f"{path}: no such journal, must be that of a run that parley run has begun")
        self.path = path
        try:
            self._base = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            version = self._base.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.DatabaseError as error:
            raise JournalError(f"{path}: is no journal: {error}") from None
        if version != FORMAT:
            raise JournalError(f"{path}: has version {version}, must be a journal of version {FORMAT}")
        self._base.execute("PRAGMA synchronous = NORMAL")
        self._messages = Sqlite(path)

    @classmethod
    def begin(cls, path: Path, situation: Situation, **facts: str) -> Journal:
        """Begin a journal.

        Raises:
            JournalError: there is one already.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        base = sqlite3.connect(path, isolation_level=None)
        try:
            if base.execute("SELECT 1 FROM sqlite_master").fetchone():
                raise JournalError(f"{path}: exists; go on with it by --resume, or name another folder by --folder")
            base.execute("PRAGMA journal_mode = WAL")
            base.execute("BEGIN IMMEDIATE")
            for statement in TABLES:
                base.execute(statement)
            base.executemany("INSERT INTO facts VALUES (?, ?)", {"situation": situation.write(), **facts}.items())
            base.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            raise JournalError(f"{path}: cannot become a journal: {error}") from None
        finally:
            base.close()
        return cls(path)

    def fact(self, name: str) -> str:
        """Return something that was written when the run began."""
        row = self._base.execute("SELECT value FROM facts WHERE name = ?", [name]).fetchone()
        if row is None:
            raise JournalError(f"{self.path}: does not say {name!r}: the run was killed before it began, begin it anew")
        return str(row[0])

    def begun(self) -> float:
        """Return when the run was first run, in seconds since 1970: now, if it was not."""
        self._base.execute("INSERT OR IGNORE INTO facts VALUES ('begun', ?)", [repr(time.time())])
        return float(self.fact("begun"))

    @property
    def situation(self) -> Situation:
        """What the run began with."""
        return Situation.read(self.fact("situation"))

    def messages(self) -> Iterator[Message]:
        """Yield all messages in their order."""
        for row in self._base.execute("SELECT message FROM messages ORDER BY row").fetchall():
            yield read_message(row[0])

    def take(self, message: Message) -> None:
        """Append a message.

        Raises:
            JournalError: it cannot be written: a run that cannot say what it does must not go on.
        """
        with self._writing():
            self._messages.take(message)

    def record(self, attempt: Attempt, pid: int, ticks: int) -> None:
        """Append a process; raises as ``take`` does."""
        row = (attempt.name, pid, ticks, process_table.boot())
        with self._writing():
            self._base.execute("INSERT OR REPLACE INTO processes VALUES (?, ?, ?, ?)", row)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise JournalError(
                f"{self.path}: cannot be written: {error}; --resume goes on when it can be again"
            ) from None

    def process(self, name: str) -> Process | None:
        """Return where an attempt ran, or None where it never began."""
        row = self._base.execute("SELECT pid, ticks, boot FROM processes WHERE name = ?", [name]).fetchone()
        return None if row is None else Process(*row)

    def close(self) -> None:
        """Close the file."""
        self._messages.close()
        self._base.close()
