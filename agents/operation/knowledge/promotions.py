"""Which policy is in force, and which were before: a file of SQLite that is only appended to, and has the policies themselves."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple

from agents.operation.database import Database
from agents.operation.site.play_rules import FILE as RULES_FILE
from agents.policies import roles_in
from envs.files import replacing

FORMAT: Final = 1
"""``user_version`` of the file."""
APPLICATION: Final = 0x50524F4D
"""``application_id`` of the file: a history of decisions has none."""
MOST_BYTES: Final = 2**24
"""Of a policy."""
CARD: Final = "card.json"
TABLES: Final = """
CREATE TABLE policies (digest TEXT NOT NULL, name TEXT NOT NULL, content BLOB NOT NULL, PRIMARY KEY (digest, name));
CREATE TABLE promotions (
    number INTEGER PRIMARY KEY,
    made TEXT NOT NULL,
    action TEXT NOT NULL,
    digest TEXT NOT NULL,
    source TEXT NOT NULL,
    reason TEXT NOT NULL
);
CREATE TRIGGER never_changed BEFORE UPDATE ON promotions BEGIN SELECT RAISE(ABORT, 'promotions are only appended to'); END;
CREATE TRIGGER never_removed BEFORE DELETE ON promotions BEGIN SELECT RAISE(ABORT, 'promotions are only appended to'); END;
"""
PROMOTED: Final = "promoted"
ROLLED_BACK: Final = "rolled back"


class PromotionError(ValueError):
    """What cannot be promoted, or gone back to; the message names it and says what would be right."""


class Promotion(NamedTuple):
    """A change of what is in force."""

    number: int
    made: str
    """Wall time, UTC."""
    action: str
    """``promoted`` or ``rolled back``."""
    digest: str
    """SHA-256 of the policy that is in force from here on."""
    source: str
    """The folder that it was promoted from."""
    reason: str


class Promotions:
    """The book of promotions beside the folder that is in force: every command takes that folder for a policy."""

    def __init__(self, book: Path, in_force: Path) -> None:
        """Open a book, or begin one; ``in_force`` is the folder that promotions replace as a whole.

        Raises:
            PromotionError: the file is something else.
        """
        self.book, self.in_force = book, in_force
        book.parent.mkdir(parents=True, exist_ok=True)
        self._base = Database(book, APPLICATION, FORMAT, TABLES, "promotions", PromotionError)
        self._base.begin()

    def promote(self, folder: Path, reason: str) -> Promotion:
        """Put a policy in force, and keep a copy of it.

        Raises:
            PromotionError: the folder holds no policy that can decide outside, or the disk does not take it.
        """
        files = _files(folder)
        digest = hashlib.sha256(b"".join(name.encode() + b"\0" + files[name] for name in sorted(files))).hexdigest()
        return self._put(PROMOTED, digest, str(folder), reason, files)

    def roll_back(self, reason: str) -> Promotion:
        """Put in force again what was before the policy that is in force now; twice in a row goes two steps back.

        Raises:
            PromotionError: there is nothing before it.
        """
        stack: list[Promotion] = []
        for entry in self.entries():
            stack = [*stack, entry] if entry.action == PROMOTED else stack[:-1]
        if len(stack) < 2:
            raise PromotionError(
                f"{self.book}: nothing was in force before, must have two promotions at least to go back"
            )
        before = stack[-2]
        return self._put(ROLLED_BACK, before.digest, before.source, reason, {})

    def entries(self) -> list[Promotion]:
        """Return all changes in their order."""
        with self._base.open() as base:
            columns = ", ".join(Promotion._fields)
            return [Promotion(*row) for row in base.execute(f"SELECT {columns} FROM promotions ORDER BY number")]

    def current(self) -> Promotion | None:
        """Return the last change, None where nothing was ever promoted; where the folder is not what it says, write it again."""
        entries = self.entries()
        if not entries:
            return None
        if not self.in_force.is_dir() or _files(self.in_force) != self._policy(entries[-1].digest):
            self._write(entries[-1].digest)
        return entries[-1]

    def _put(self, action: str, digest: str, source: str, reason: str, files: dict[str, bytes]) -> Promotion:
        made = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._base.open() as base:
            rows = [(digest, name, content) for name, content in files.items()]
            base.executemany("INSERT OR IGNORE INTO policies (digest, name, content) VALUES (?, ?, ?)", rows)
            insert = "INSERT INTO promotions (made, action, digest, source, reason) VALUES (?, ?, ?, ?, ?)"
            number = base.execute(insert, (made, action, digest, source, reason)).lastrowid
            base.commit()
        assert number is not None
        self._write(digest)  # behind the book: who is killed here finds it put right by ``current``
        return Promotion(number, made, action, digest, source, reason)

    def _policy(self, digest: str) -> dict[str, bytes]:
        with self._base.open() as base:
            return dict(base.execute("SELECT name, content FROM policies WHERE digest = ?", (digest,)))

    def _write(self, digest: str) -> None:
        with replacing(self.in_force) as new:
            for name, content in self._policy(digest).items():
                place = new / name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)


def reason_of(folder: Path) -> tuple[bool, str]:
    """Return whether a policy's card says that it is better than the best rule, and the sentence why; False without a card.

    Raises:
        PromotionError: the card is damaged.
    """
    path = folder / CARD
    if not path.is_file():
        return False, "it has no card of parley adapt"
    try:
        told: Any = json.loads(path.read_text(encoding="utf-8"))["verdict"]
        value, low, high = (100 * told["difference"][name] for name in ("value", "low", "high"))
        beside = f"{value:+.1f} % [{low:+.1f}, {high:+.1f}] beside {told['best_rule_of_first_part']}"
        return bool(told["promotes"]), beside
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PromotionError(f"{path}: cannot be read as a card of parley adapt: {error!r}") from None


def _files(folder: Path) -> dict[str, bytes]:
    """The files of a policy, by their names below its folder."""
    if not folder.is_dir() or not roles_in(folder):
        raise PromotionError(f"{folder}: holds no policy, must be the folder of one, such as parley adapt leaves")
    if not (folder / RULES_FILE).is_file():
        raise PromotionError(f"{folder}: has no {RULES_FILE}, must have the rules of play that it was trained under")
    found = {}
    room = MOST_BYTES
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            room -= path.stat().st_size
            if room < 0:
                raise PromotionError(f"{folder}: holds more than {MOST_BYTES} bytes, must be a policy alone")
            found[str(PurePosixPath(path.relative_to(folder)))] = path.read_bytes()
    return found
