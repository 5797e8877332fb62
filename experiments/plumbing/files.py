"""Files that are there whole or not at all."""

from __future__ import annotations

import tempfile
from pathlib import Path

from envs.files import write_text
from experiments.plumbing.building import ConfigError

__all__ = ["check_writable", "write_text"]


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
