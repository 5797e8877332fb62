"""Where experiences are kept: a file of SQLite that is only appended to; feedback may come later."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from agents.operation.database import Database

FORMAT: Final = 1
"""``user_version`` of the file."""
APPLICATION: Final = 0x45585052
"""``application_id`` of the file: it is neither a history of decisions nor a book of promotions."""
TABLES: Final = """
CREATE TABLE experiences (
    number INTEGER PRIMARY KEY,
    made TEXT NOT NULL,
    policy TEXT NOT NULL,
    source TEXT NOT NULL,
    document TEXT NOT NULL
);
CREATE TABLE feedback (
    number INTEGER PRIMARY KEY,
    made TEXT NOT NULL,
    experience INTEGER NOT NULL REFERENCES experiences (number),
    job TEXT NOT NULL,
    score REAL NOT NULL,
    comment TEXT NOT NULL
);
CREATE TRIGGER never_changed BEFORE UPDATE ON experiences BEGIN SELECT RAISE(ABORT, 'experiences are only appended to'); END;
CREATE TRIGGER never_removed BEFORE DELETE ON experiences BEGIN SELECT RAISE(ABORT, 'experiences are only appended to'); END;
"""


class ExperienceError(ValueError):
    """A file that holds no experiences, or feedback to nothing; the message names it."""


class Experiences:
    """A file of experiences. Several processes may append to it."""

    def __init__(self, path: Path) -> None:
        """Open a file, or begin one.

        Raises:
            ExperienceError: the file is something else.
        """
        self.path = path
        self._base = Database(path, APPLICATION, FORMAT, TABLES, "experiences", ExperienceError)
        self._base.begin()

    def append(self, policy: str, source: str, document: str) -> int:
        """Add an experience and return its number, from 1."""
        insert = "INSERT INTO experiences (made, policy, source, document) VALUES (?, ?, ?, ?)"
        with self._base.open() as base:
            number = base.execute(insert, (_now(), policy, source, document)).lastrowid
            base.commit()
        assert number is not None
        return number

    def score(self, experience: int, job: str, score: float, comment: str = "") -> None:
        """Add what a user says of a job of an experience: 1 as wanted, 0 worth nothing.

        Raises:
            ExperienceError: there is no such experience, or the score is none.
        """
        if not 0.0 <= score <= 1.0:
            raise ExperienceError(f"{self.path}: score of {job} is {score:g}, must be in [0, 1]")
        insert = "INSERT INTO feedback (made, experience, job, score, comment) VALUES (?, ?, ?, ?, ?)"
        with self._base.open() as base:
            if not base.execute("SELECT 1 FROM experiences WHERE number = ?", (experience,)).fetchone():
                raise ExperienceError(f"{self.path}: has no experience {experience}")
            base.execute(insert, (_now(), experience, job, score, comment))
            base.commit()

    def entries(self, after: int = 0) -> Iterator[tuple[int, str, list[tuple[str, float, str]]]]:
        """Yield number, document and later feedback (job, score, comment) of the experiences behind number ``after``."""
        with self._base.open() as base:
            select = "SELECT number, document FROM experiences WHERE number > ? ORDER BY number"
            for number, document in base.execute(select, (after,)).fetchall():
                said = "SELECT job, score, comment FROM feedback WHERE experience = ? ORDER BY number"
                yield number, document, base.execute(said, (number,)).fetchall()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
