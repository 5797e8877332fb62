"""Files that are there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from envs.files import write_text


def test_writes_and_replaces(tmp_path: Path) -> None:
    """Protects the new text, in a folder that was not there, readable by others."""
    path = tmp_path / "new" / "file.json"
    write_text(path, "old")
    write_text(path, "né")
    assert path.read_text(encoding="utf-8") == "né"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [p.name for p in path.parent.iterdir()] == ["file.json"]


def test_failure_leaves_the_old_file(tmp_path: Path) -> None:
    """Protects results that are there already from a failure while new ones are written."""
    path = tmp_path / "file"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\udc80")
    assert path.read_text(encoding="utf-8") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
