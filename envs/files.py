"""Files and folders that are replaced whole: who looks at any moment, even after a crash, finds the old one or the new."""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

CURRENT_FOLDER: Final = -100
"""Linux's AT_FDCWD: paths that are relative are so to it."""
EXCHANGE: Final = 2
"""Linux's RENAME_EXCHANGE."""


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a file in UTF-8; see ``writing``."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file; see ``writing``."""
    with writing(path) as file:
        file.write(data)


@contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Offer a new file that is put in the place of ``path`` when the block ends, and is on the disk by then.

    Folders that are missing are made. A link at ``path`` is replaced, not followed. Where anything fails, what was there stays and
    nothing is left beside it.

    Raises:
        OSError: where it cannot be written; it names ``path``.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    try:
        with naming(path):
            with temporary.open("xb") as file:  # with the rights of any new file, and never through a link
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync(path.parent)


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Offer a new folder that is put in the place of ``folder`` when the block ends; the old one is removed.

    On Linux the two change places at one stroke; elsewhere there is a moment without either between two renamings. Where anything
    fails, the old one stays and nothing is left beside it.

    Raises:
        OSError: where it cannot be written; it names ``folder``.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(folder)
    try:
        with naming(folder):
            temporary.mkdir()
            yield temporary
            for path in (*temporary.rglob("*"), temporary):
                _sync(path)
            _take_place(temporary, folder)
    finally:
        _remove(temporary)  # half of the new one, or all of the old one
    _sync(folder.parent)


@contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Have an OSError name ``path``: that of a full disk names no file, and a temporary one says nothing to anybody."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), os.fspath(path)) from error


def _beside(path: Path) -> Path:
    """A name in the same folder that nobody can guess: none can put a link there first, and two writers do not meet."""
    return path.with_name(f".{secrets.token_hex(8)}.tmp")


def _take_place(new: Path, old: Path) -> None:
    if not os.path.lexists(old):
        new.replace(old)
    elif not _exchanged(new, old):
        aside = _beside(old)
        old.replace(aside)
        try:
            new.replace(old)
        except BaseException:
            aside.replace(old)
            raise
        aside.replace(new)


def _exchanged(one: Path, other: Path) -> bool:
    """Swap two names at one stroke; whether the system and the file system could."""
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None) if sys.platform == "linux" else None
    names = CURRENT_FOLDER, os.fsencode(one), CURRENT_FOLDER, os.fsencode(other)
    return renameat2 is not None and renameat2(*names, EXCHANGE) == 0


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Have the disk keep a file, or the names in a folder, over a power failure."""
    with suppress(OSError):  # some systems and file systems cannot: what is written stands all the same
        file = os.open(path, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
