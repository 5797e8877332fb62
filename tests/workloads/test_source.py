"""What all readers share, seen through the simplest of them: files that are packed, damaged, absent or no text."""

from __future__ import annotations

import gzip
import os
import threading
from pathlib import Path

import pytest

from envs import strict_json
from envs.workloads.instance import WorkloadError
from envs.workloads.readers.flexible_job_shop import FlexibleJobShopWorkload
from envs.workloads.readers.job_shop import JobShopWorkload
from envs.workloads.readers.psplib import ProjectWorkload
from envs.workloads.readers.stochastic_job_shop import StochasticJobShopWorkload
from envs.workloads.readers.swf import SwfWorkload
from envs.workloads.readers.wfformat import WfFormatWorkload
from envs.workloads.source import FileWorkload, files_in, precedence, stem

READERS = {
    "a.txt": JobShopWorkload,
    "a.fjs": FlexibleJobShopWorkload,
    "a.npz": StochasticJobShopWorkload,
    "a.sm": ProjectWorkload,
    "a.rcp": ProjectWorkload,
    "a.mm": ProjectWorkload,
    "a.swf": SwfWorkload,
    "a.json": WfFormatWorkload,
}
"""Every reader, by a name that it reads."""

SHOP = "2 3\n0 5 2 1 1 7\n\n1 4 0 2.5 2 0\n"


def write(folder: Path, text: str) -> str:
    """Write the file and return its path."""
    path = folder / "shop.txt"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_compressed_file(tmp_path: Path) -> None:
    """Protects .gz, in which archives come; and a byte order mark and Windows line ends do no harm."""
    path = tmp_path / "shop.txt.gz"
    path.write_bytes(gzip.compress("\ufeff".encode() + SHOP.replace("\n", "\r\n").encode()))
    assert JobShopWorkload(str(path)).instance(0).num_tasks == 6


@pytest.mark.parametrize("name", ["absent.txt", "absent.txt.gz", "."])
def test_unreadable_file(tmp_path: Path, name: str) -> None:
    """Protects users from tracebacks: an absent file, or a folder in its place, is an error that names it."""
    path = str(tmp_path / name)
    with pytest.raises(WorkloadError, match="cannot be read") as caught:
        JobShopWorkload(path).instance(0)
    assert str(caught.value).startswith(f"{path}: ")


def test_damaged_archive(tmp_path: Path) -> None:
    """Protects users from tracebacks of the unpacker: an archive that was cut short, and one that is none."""
    whole = gzip.compress(SHOP.encode())
    for damaged in (whole[: len(whole) // 2], b"no archive"):
        path = tmp_path / "shop.txt.gz"
        path.write_bytes(damaged)
        with pytest.raises(WorkloadError, match="cannot be read"):
            JobShopWorkload(str(path)).instance(0)


def test_no_text_file(tmp_path: Path) -> None:
    """Protects memory: a file without line ends is refused at the first 16 million characters."""
    path = write(tmp_path, "0" * (2**24 + 1))
    with pytest.raises(WorkloadError, match=r":1: line has 16777216 characters or more"):
        JobShopWorkload(path).instance(0)


@pytest.mark.parametrize(("name", "reader"), READERS.items())
def test_what_never_ends(name: str, reader: type[FileWorkload], tmp_path: Path) -> None:
    """Protects from waiting for ever: a device or a pipe under any name is refused unread, by every reader."""
    (tmp_path / name).symlink_to("/dev/zero")
    with pytest.raises(WorkloadError, match=r"cannot be read.*: is no regular file") as caught:
        reader(str(tmp_path / name)).instance(0)
    assert str(caught.value).startswith(str(tmp_path / name))
    pipe = tmp_path / f"pipe{Path(name).suffix}"
    os.mkfifo(pipe)
    refused = threading.Event()

    def read() -> None:
        with pytest.raises(WorkloadError, match="is no regular file"):
            reader(str(pipe)).instance(0)
        refused.set()

    threading.Thread(target=read, daemon=True).start()
    assert refused.wait(10)


@pytest.mark.parametrize(("name", "reader"), [(name, reader) for name, reader in READERS.items() if name != "a.npz"])
@pytest.mark.parametrize("line", ["# nothing\n", "; nothing\n", "\n", " " * 1000])
def test_what_unpacks_to_much_more(name: str, reader: type[FileWorkload], line: str, tmp_path: Path) -> None:
    """Protects time and memory: a file of a few kB that unpacks to many MB of next to nothing is not read to its end."""
    path = tmp_path / f"{name}.gz"
    path.write_bytes(gzip.compress(line.encode() * (8_000_000 // len(line)), 6))
    with pytest.raises(WorkloadError) as caught:
        reader(str(path)).instance(0)
    assert str(caught.value).startswith(str(path))
    if line == ("# nothing\n" if name in ("a.txt", "a.fjs", "a.rcp") else "; nothing\n" if name == "a.swf" else "\n"):
        assert str(caught.value) == f"{path}: unpacks to more than 100 times its size, must be text"


def test_files_of_a_folder(tmp_path: Path) -> None:
    """Protects folders of packed files: they are found, in the folder or below it, once where they lie there unpacked as well."""
    (tmp_path / "below").mkdir()
    for name in ("b.swf", "b.swf.gz", "a.swf.gz", "a.txt.gz", "swf.gz", "below/c.swf", "below/d.swf.gz"):
        (tmp_path / name).touch()
    assert [path.name for path in files_in(tmp_path, ".swf")] == ["a.swf.gz", "b.swf"]
    assert [path.name for path in files_in(tmp_path, ".txt", ".swf", below=True)] == [
        "a.swf.gz",
        "a.txt.gz",
        "b.swf",
        "c.swf",
        "d.swf.gz",
    ]
    assert [stem(path) for path in files_in(tmp_path, ".swf")] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "key 'c' stands twice in one object"),
        ("[NaN]", "NaN is no number of JSON"),
        ('{"a": -Infinity}', "-Infinity is no number of JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": 1', "Expecting ',' delimiter"),
    ],
)
def test_json_that_means_one_thing(text: str, message: str) -> None:
    """Protects from files that readers understand differently: what is refused is named, the same key in two objects is no repeat."""
    with pytest.raises(ValueError, match=message):
        strict_json.loads(text)
    assert strict_json.loads('{"a": {"b": 1}, "c": {"b": [1.5, null]}}') == {"a": {"b": 1}, "c": {"b": [1.5, None]}}


def test_file_is_read_once(tmp_path: Path) -> None:
    """Protects resets: the file is parsed when first needed and the instance kept, whatever the seed."""
    path = write(tmp_path, SHOP)
    workload = JobShopWorkload(path)
    first = workload.instance(0)
    Path(path).unlink()
    assert workload.instance(1) is first


def test_wrong_path() -> None:
    """Protects against a wrong config before any file is opened."""
    with pytest.raises(WorkloadError, match=r"JobShopWorkload.path is '', must be the path of a file"):
        JobShopWorkload("")


def test_precedence_rows() -> None:
    """Protects the compressed rows: sorted, repeats counted once, tasks without successors kept."""
    first, successor = precedence("p", ["a", "b", "c"], [(1, 2), (0, 2), (0, 1), (0, 2)])
    assert first.tolist() == [0, 2, 3, 3]
    assert successor.tolist() == [1, 2, 2]
    first, successor = precedence("p", ["a", "b"], [])
    assert (first.tolist(), successor.tolist()) == ([0, 0, 0], [])


def test_precedence_cycle() -> None:
    """Protects users: a cycle is reported with the file and the name of a task."""
    for edges in ([(1, 2), (2, 1)], [(1, 1)]):
        with pytest.raises(WorkloadError, match="p: the precedence graph has a cycle that task b lies on or waits for"):
            precedence("p", ["a", "b", "c"], edges)
