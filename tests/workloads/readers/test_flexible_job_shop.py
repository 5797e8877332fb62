"""The reader of flexible job shops: every field of a small one, every way a file can be wrong, and the real files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from envs.workloads.instance import WorkloadError
from envs.workloads.readers.flexible_job_shop import FlexibleJobShopWorkload

FLEXIBLE = "2 3 1.5\n2 2 3 9 1 5  1 2 7\n1 3 2 4 1 6 3 8\n"


def write(folder: Path, text: str) -> str:
    """Write the file and return its path."""
    path = folder / "shop.txt"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_every_field_of_a_flexible_shop(tmp_path: Path) -> None:
    """Protects the numbering of machines and the order of options, which the file need not sort."""
    i = FlexibleJobShopWorkload(write(tmp_path, FLEXIBLE)).instance(0)
    assert i.num_agents == 3
    assert i.job_first.tolist() == [0, 2, 3]
    assert i.option_first.tolist() == [0, 2, 3, 6]
    assert i.option_agent.tolist() == [0, 2, 1, 0, 1, 2]
    assert i.option_nominal.tolist() == [5, 9, 7, 6, 4, 8]
    assert i.successor_first.tolist() == [0, 1, 1, 1]
    assert i.successor.tolist() == [1]
    assert i.job_owner.tolist() == [0, 1]


def test_machines_from_zero(tmp_path: Path) -> None:
    """Protects collections that count machines from 0, and the hint to those who forget to say so."""
    path = write(tmp_path, "1 2\n2 1 0 3 2 0 1 1 2\n")
    assert FlexibleJobShopWorkload(path, first_machine=0).instance(0).option_agent.tolist() == [0, 0, 1]
    with pytest.raises(
        WorkloadError, match=r"shop.txt:2: field 3 \(machine\) is '0', must be in 1..2 \(set first_machine to 0"
    ):
        FlexibleJobShopWorkload(path).instance(0)


def test_repeated_machine_keeps_the_shortest(tmp_path: Path) -> None:
    """Protects options from repeating an agent: the shortest stays, and the report says so."""
    workload = FlexibleJobShopWorkload(write(tmp_path, "1 2\n1 4 1 9 2 5 1 3 1 4\n"))
    assert workload.instance(0).option_nominal.tolist() == [3, 5]
    assert workload.report() == ("dropped 2 of 4 options: the operation has a shorter one on the same machine",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2 x\n1 1 1 1\n", ":1: field 3 (alternatives per operation) is 'x', must be a number in 0..1e+15"),
        ("1 2 1 1\n1 1 1 1\n", ":1: field 4 (left over) is '1', must be absent: the header ended before it"),
        ("1 2\n0\n", ":2: field 1 (operations) is '0', must be an integer in 1..10000000"),
        ("1 2\n1 0\n", ":2: field 2 (alternatives) is '0', must be an integer in 1..10000000"),
        ("1 2\n1 10000000 1 1\n", ":2: the numbers end before machine, which must be an integer >= 0"),
        ("1 2\n2 1 1 5\n", ":2: the numbers end before alternatives, which must be an integer in 1..10000000"),
        ("1 2\n1 1 1 5 5\n", ":2: field 5 (left over) is '5', must be absent: job 0 of 1 operations ended before it"),
        ("1 2\n1 1 1 -5\n", ":2: field 4 (duration) is '-5', must be a number in 0..1e+15"),
        ("2 2\n1 1 1 5\n", ": has lines for 1 jobs, must have 2 as the first line says"),
    ],
)
def test_wrong_flexible_shop(tmp_path: Path, text: str, message: str) -> None:
    """Protects users of flexible shops in the same way."""
    path = write(tmp_path, text)
    with pytest.raises(WorkloadError) as caught:
        FlexibleJobShopWorkload(path).instance(0)
    assert str(caught.value) == path + message


def test_real_flexible_shops(data_dir: Path) -> None:
    """Protects the reader against real files: the numbers of operations and alternatives are the published ones."""
    known = json.loads((data_dir / "fjsp" / "bks_dev.json").read_text())["instances"]
    paths = sorted((data_dir / "fjsp" / "instances").glob("*.fjs"))
    assert len(paths) == 17
    for path in paths:
        workload = FlexibleJobShopWorkload(str(path))
        i = workload.instance(0)
        facts = known[path.stem]
        assert (i.num_jobs, i.num_agents) == (facts["jobs"], facts["machines"])
        assert (i.num_tasks, i.num_options) == (facts["operations"], facts["alternatives"])
        assert workload.report() == ()


def test_wrong_parameter() -> None:
    """Protects against a wrong config before any file is opened."""
    with pytest.raises(WorkloadError, match=r"FlexibleJobShopWorkload.first_machine is 2, must be 0 or 1"):
        FlexibleJobShopWorkload("x", first_machine=2)
