"""Files of SQLite that are of one kind, and say so: opened or begun, and refused where they are something else."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Database:
    """A file with some tables, to which several processes may append."""

    path: Path
    application: int
    """``application_id`` of the file: no other kind has it."""
    version: int
    """``user_version`` of the file."""
    tables: str
    """What makes a new one."""
    what: str
    """What it holds, for messages."""
    error: type[ValueError]
    """Raised where the file is something else."""

    def begin(self) -> None:
        """Make the tables, where the file is new; raise ``error`` where it is something else."""
        with self.open() as base:
            names = ("user_version", "application_id")
            version, application = (base.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
            if version == 0 and not base.execute("SELECT 1 FROM sqlite_master").fetchone():
                marks = f"PRAGMA user_version = {self.version}; PRAGMA application_id = {self.application};"
                base.executescript(f"BEGIN IMMEDIATE; {self.tables} {marks} COMMIT;")
            elif application != self.application:
                raise self.error(f"{self.path}: must hold {self.what} of version {self.version}, or be a new file")
            elif version != self.version:
                raise self.error(
                    f"{self.path}: holds {self.what} of version {version}, must be {self.version}: another version of Parley wrote it"
                )

    def open(self) -> closing[sqlite3.Connection]:
        """Open it for as long as a ``with`` lasts; raise ``error`` where it is no database."""
        try:
            base = sqlite3.connect(self.path, timeout=10.0)
            try:
                base.execute("PRAGMA schema_version").fetchone()
            except sqlite3.Error:
                base.close()
                raise
        except sqlite3.Error as error:
            raise self.error(f"{self.path}: must hold {self.what}: {error}") from None
        return closing(base)
