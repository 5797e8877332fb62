"""What all readers share, seen through the simplest of them: files that are packed, damaged, absent or no text."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from envs.workloads.instance import WorkloadError
from envs.workloads.readers.job_shop import JobShopWorkload
from envs.workloads.source import precedence

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
