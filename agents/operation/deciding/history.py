"""Every decision with the situation that it was made from: appended to a file of SQLite, never changed, and made again on request."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from agents.operation.deciding.decision import Decision, DecisionEngine
from agents.operation.deciding.shadow import Shadow, compare
from agents.operation.site.situation import Situation

FORMAT: Final = 1
"""``user_version`` of the file."""
TABLES: Final = """
CREATE TABLE decisions (
    number INTEGER PRIMARY KEY,
    made TEXT NOT NULL,
    time REAL NOT NULL,
    policy TEXT NOT NULL,
    fallback INTEGER NOT NULL,
    starts INTEGER NOT NULL,
    situation TEXT NOT NULL,
    decision TEXT NOT NULL
);
CREATE TRIGGER never_changed BEFORE UPDATE ON decisions BEGIN SELECT RAISE(ABORT, 'a history is only appended to'); END;
CREATE TRIGGER never_removed BEFORE DELETE ON decisions BEGIN SELECT RAISE(ABORT, 'a history is only appended to'); END;
"""
COMPARED: Final = ("starts", "grants", "reservations", "price", "balances")
"""Of a decision: what is done. How long it took and why may differ."""


class HistoryError(ValueError):
    """A file that is no history, or cannot be written; the message names it."""


class Entry(NamedTuple):
    """One decision."""

    number: int
    made: str
    """Wall time, UTC."""
    time: float
    """Of the situation."""
    policy: str
    fallback: bool
    starts: int


class Difference(NamedTuple):
    """What a decision that was made again has otherwise."""

    number: int
    field: str
    before: str
    now: str


class History:
    """A file of decisions. Several processes may append to it."""

    def __init__(self, path: Path) -> None:
        """Open a history, or begin one.

        Raises:
            HistoryError: the file is something else.
        """
        self.path = path
        with self._open() as base:
            version = base.execute("PRAGMA user_version").fetchone()[0]
            empty = not base.execute("SELECT 1 FROM sqlite_master").fetchone()
            if version == 0 and empty:
                base.executescript(f"BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {FORMAT}; COMMIT;")
            elif version != FORMAT:
                raise HistoryError(
                    f"{path}: has version {version}, must be a history of version {FORMAT}, or a new file"
                )

    def append(self, situation: Situation, decision: Decision) -> int:
        """Add a decision and return its number."""
        row = (
            datetime.now(UTC).isoformat(timespec="milliseconds"),
            decision.time,
            decision.policy,
            decision.fallback,
            len(decision.starts),
            situation.write(),
            decision.write(),
        )
        columns = "made, time, policy, fallback, starts, situation, decision"
        with self._open() as base:
            number = base.execute(f"INSERT INTO decisions ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", row).lastrowid
            base.commit()
        assert number is not None
        return number

    def entries(self, *, policy: str | None = None, last: int | None = None) -> list[Entry]:
        """Return decisions in their order, perhaps those of a policy, perhaps the last ones."""
        where, values = ("WHERE policy = ?", [policy]) if policy is not None else ("", [])
        query = (
            f"SELECT number, made, time, policy, fallback, starts FROM decisions {where} ORDER BY number DESC LIMIT ?"
        )
        with self._open() as base:
            rows = base.execute(query, [*values, -1 if last is None else last]).fetchall()
        return [
            Entry(number, made, time, by, bool(fell), starts) for number, made, time, by, fell, starts in reversed(rows)
        ]

    def get(self, number: int) -> tuple[Situation, Decision]:
        """Return what was decided, and about what.

        Raises:
            HistoryError: there is no such number.
        """
        with self._open() as base:
            row = base.execute("SELECT situation, decision FROM decisions WHERE number = ?", [number]).fetchone()
        if row is None:
            raise HistoryError(f"{self.path}: has no decision {number}, see its list")
        return Situation.read(row[0]), Decision.model_validate_json(row[1])

    def replay(self, load: Callable[[str], DecisionEngine] = DecisionEngine.load) -> Iterator[Difference]:
        """Make every decision again by the policy that made it, and tell what differs."""
        engines: dict[str, DecisionEngine] = {}
        for entry in self.entries():
            situation, before = self.get(entry.number)
            engine = engines.get(entry.policy) or engines.setdefault(entry.policy, load(entry.policy))
            yield from _differences(entry.number, before, engine.decide(situation))

    def beside(self, engine: DecisionEngine) -> Shadow:
        """Have another policy decide in the shadow of the decisions that were made."""
        tally = Shadow()
        for entry in self.entries():
            situation, made = self.get(entry.number)
            tally = tally.plus(compare(made, engine.decide(situation)))
        return tally

    def _open(self) -> closing[sqlite3.Connection]:
        try:
            base = sqlite3.connect(self.path, timeout=10.0)
            try:
                base.execute("PRAGMA schema_version").fetchone()
            except sqlite3.Error:
                base.close()
                raise
        except sqlite3.Error as error:
            raise HistoryError(f"{self.path}: no history: {error}") from None
        return closing(base)


def _differences(number: int, before: Decision, now: Decision) -> Iterator[Difference]:
    if now.fallback:
        yield Difference(number, "policy", before.policy, f"{now.policy}: {now.reason}")
    for field in COMPARED:
        old, new = getattr(before, field), getattr(now, field)
        if old != new:
            yield Difference(number, field, _short(old), _short(new))


def _short(value: Any) -> str:
    """A list of parts as their jobs, tasks and agents."""
    if isinstance(value, list):
        return ", ".join(f"{each.job}/{each.task} at {each.agent}" for each in value) or "nothing"
    return str(value)
