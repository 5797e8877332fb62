"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from experiments.plumbing.building import ConfigError


def check_writable(key: str, path: Path) -> None:
    """Try to write where ``path`` is to be written later, and leave nothing behind.

    Raises:
        ConfigError: where that fails; the message calls it ``key``.
    """
    if path.is_dir():
        raise ConfigError(f"{key}: {path} is a folder, must be the name of a file to write")
    try:
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        with tempfile.TemporaryFile(dir=folder, prefix=path.name):
            pass
    except OSError as error:
        raise ConfigError(f"{key}: {path} cannot be written: {error.strerror}; must be a place that can") from None


def write_text(path: Path, text: str) -> None:
    """Write ``path`` at one stroke, making its folder: who reads it sees the old text or the new, even after a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
