"""Files and folders that are replaced whole or not at all."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from envs import files
from envs.files import replacing, write_bytes, write_text, writing


def names_in(folder: Path) -> list[str]:
    """The names in a folder, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


def fill_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the disk be full when what was written is to reach it."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)


def test_full_disk_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects what is there already: the error names the file, which is the old one, and nothing lies beside it."""
    write_text(tmp_path / "file", "old")
    fill_the_disk(monkeypatch)
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_text(tmp_path / "file", "new")
    assert caught.value.filename == str(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "old"
    assert names_in(tmp_path) == ["file"]


def test_links_are_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects files elsewhere: a link in the place of the file is replaced, one in the place of the temporary file refused."""
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    write_bytes(tmp_path / "link", b"new")
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "elsewhere").read_text() == "mine"
    (tmp_path / ".guessed.tmp").symlink_to(tmp_path / "elsewhere")
    monkeypatch.setattr(files.secrets, "token_hex", lambda _: "guessed")
    with pytest.raises(FileExistsError):
        write_bytes(tmp_path / "file", b"new")
    assert (tmp_path / "elsewhere").read_text() == "mine"


def test_temporary_names_differ(tmp_path: Path) -> None:
    """Protects from whoever could put a link there first: no two temporary files have the same name, nor one made of the file's."""
    names: set[str] = set()
    for _ in range(2):
        with writing(tmp_path / "file"):
            names |= set(names_in(tmp_path)) - {"file"}
    assert len(names) == 2
    assert not any("file" in name for name in names)


@pytest.mark.skipif(os.name != "posix", reason="rights are of posix")
@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_umask_is_respected(tmp_path: Path, mask: int) -> None:
    """Protects shared folders and private ones: what is written has the rights that the user gives to new files and folders."""
    before = os.umask(mask)
    try:
        with replacing(tmp_path / "folder") as new:
            write_text(new / "file", "")
    finally:
        os.umask(before)
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o777 & ~mask
    assert (tmp_path / "folder" / "file").stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.parametrize("exchange", [True, False])
def test_folders_are_replaced(tmp_path: Path, exchange: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects both ways to replace: at one stroke, and by two renamings where the system knows no other."""
    if not exchange:
        monkeypatch.setattr(files.sys, "platform", "other")
    for names in (["a", "b"], ["c"]):
        with replacing(tmp_path / "folder") as new:
            for name in names:
                write_text(new / name, name)
        assert names_in(tmp_path / "folder") == names
    with pytest.raises(UnicodeEncodeError), replacing(tmp_path / "folder") as new:
        write_text(new / "half", "\udc80")
    assert names_in(tmp_path / "folder") == ["c"]
    assert names_in(tmp_path) == ["folder"]


def test_failed_renaming_brings_the_old_folder_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the old folder where the new one cannot take its place between the two renamings."""
    with replacing(tmp_path / "folder") as new:
        write_text(new / "old", "")
    monkeypatch.setattr(files.sys, "platform", "other")
    replace, calls = Path.replace, []

    def second_fails(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return replace(self, target)

    with pytest.raises(OSError, match="error"), replacing(tmp_path / "folder"):
        monkeypatch.setattr(Path, "replace", second_fails)
    assert names_in(tmp_path) == ["folder"]
    assert names_in(tmp_path / "folder") == ["old"]


@pytest.mark.skipif(not files.sys.platform.startswith("linux"), reason="elsewhere there is a moment without either")
def test_readers_always_find_a_folder(tmp_path: Path) -> None:
    """Protects who reads while a folder is replaced: at no moment is there none, which two renamings would have."""

    def write(number: int) -> None:
        with replacing(tmp_path / "folder") as new:
            (new / "file").write_text(str(number))

    write(0)
    writer = threading.Thread(target=lambda: [write(number) for number in range(1, 50)])
    writer.start()
    looks = 0
    while writer.is_alive():
        os.stat(tmp_path / "folder" / "file")  # noqa: PTH116  # raises where it is not there
        looks += 1
    writer.join()
    assert looks > 100
    assert (tmp_path / "folder" / "file").read_text() == "49"
