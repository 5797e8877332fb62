"""The reader of job shops: every field of a small one, every way a file can be wrong, and the real files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from envs.workloads.instance import Workload, WorkloadError
from envs.workloads.readers.job_shop import JobShopWorkload

SHOP = "# two jobs on three machines\n2 3\n0 5 2 1 1 7\n\n1 4 0 2.5 2 0\n"


def write(folder: Path, text: str) -> str:
    """Write the file and return its path."""
    path = folder / "shop.txt"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_every_field_of_a_shop(tmp_path: Path) -> None:
    """Protects the mapping of a job shop: machines are agents, jobs are chains, all are there at the start."""
    workload = JobShopWorkload(write(tmp_path, SHOP))
    assert isinstance(workload, Workload)
    i = workload.instance(3)
    assert (i.name, i.resources, i.num_agents, i.num_kinds) == ("shop.txt", ("machine",), 3, 1)
    assert not i.shared.any()
    assert i.local_capacity.tolist() == [[1], [1], [1]]
    assert (i.speed == 1).all()
    assert i.job_release.tolist() == [0, 0]
    assert np.isinf(i.job_due).all()
    assert i.job_weight.tolist() == [1, 1]
    assert i.job_owner.tolist() == [0, 1]
    assert i.job_first.tolist() == [0, 3, 6]
    assert i.task_kind.tolist() == [0] * 6
    assert i.task_demand.tolist() == [[1]] * 6
    assert i.task_ratio.tolist() == [1] * 6
    assert i.option_first.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert i.option_agent.tolist() == [0, 2, 1, 1, 0, 2]
    assert i.option_nominal.tolist() == [5, 1, 7, 4, 2.5, 0]
    assert i.successor_first.tolist() == [0, 1, 2, 2, 3, 4, 4]
    assert i.successor.tolist() == [1, 2, 4, 5]
    assert workload.report() == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": is empty, must start with the numbers of jobs and machines"),
        ("2\n0 1\n", ":1: the numbers end before machines, which must be an integer in 1..10000000"),
        ("0 2\n", ":1: field 1 (jobs) is '0', must be an integer in 1..10000000"),
        ("4000 3000\n", ": 4000 jobs x 3000 machines make 12000000, must be at most 10000000"),
        ("1 2 2\n0 1 1 1\n", ":1: field 3 (left over) is '2', must be absent: the header ended before it"),
        ("2 2\n0 1 1 1\n", ": has lines for 1 jobs, must have 2 as the first line says"),
        ("1 2\n0 1 1 1\n0 1 1 1\n", ": has lines for 2 jobs, must have 1 as the first line says"),
        ("1 2\n0 1 1\n", ":2: the numbers end before duration, which must be a number in 0..1e+15"),
        ("1 2\n0 1 1 1 7\n", ":2: field 5 (left over) is '7', must be absent: job 0 of 2 operations ended before it"),
        ("1 2\n0 1 2 1\n", ":2: field 3 (machine) is '2', must be an integer in 0..1"),
        ("1 2\n-1 1 1 1\n", ":2: field 1 (machine) is '-1', must be an integer in 0..1"),
        ("1 2\n0 -1 1 1\n", ":2: field 2 (duration) is '-1', must be a number in 0..1e+15"),
        ("1 2\n0 nan 1 1\n", ":2: field 2 (duration) is 'nan', must be a number in 0..1e+15"),
        ("1 2\n0 1e999 1 1\n", ":2: field 2 (duration) is '1e999', must be a number in 0..1e+15"),
        ("1 2\n0 1_0 1 1\n", ":2: field 2 (duration) is '1_0', must be a number in 0..1e+15"),
        ("1 2\n0 1 one 1\n", ":2: field 3 (machine) is 'one', must be an integer in 0..1"),
        (
            "1 2\n0 1 " + "9" * 5000 + " 1\n",
            ":2: field 3 (machine) is '" + "9" * 40 + "...', must be an integer in 0..1",
        ),
    ],
)
def test_wrong_shop(tmp_path: Path, text: str, message: str) -> None:
    """Protects users: whatever is wrong with a job shop is said with file, line, field, value and what would be right."""
    path = write(tmp_path, text)
    with pytest.raises(WorkloadError) as caught:
        JobShopWorkload(path).instance(0)
    assert str(caught.value) == path + message


def options(path: str, name: str = "") -> list[tuple[int, float]]:
    """The machine (from 0) and the duration of every operation of a shop, in order."""
    i = JobShopWorkload(path, name).instance(0)
    return list(zip(i.option_agent.tolist(), i.option_nominal.tolist(), strict=True))


TOY = [(0, 2), (1, 1), (2, 3), (1, 3), (0, 2), (2, 1), (2, 1), (1, 2), (0, 3)]
TAILLARDS = "3 3\n2 1 3\n3 2 1\n1 2 3\n1 2 3\n2 1 3\n3 2 1\n"
OR_LIBRARY = """ These are test instances.
 They are called instance by instance, 3 of them.

 instance toy3

 +++++++++++++++++++++++++++++
 three jobs, three machines
 3 3
 0 2 1 1 2 3
 1 3 0 2 2 1
 2 1 1 2 0 3
 +++++++++++++++++++++++++++++
"""
NB_OF_JOBS = """Nb of jobs, Nb of Machines, Time seed, Machine seed, Upper bound, Lower bound
          3          3  840612802  398197754        1231       1005
Times
 2 1 3
 3 2 1
 1 2 3
Machines
 1 2 3
 2 1 3
 3 2 1
"""


def test_taillards_layout(tmp_path: Path) -> None:
    """Protects who brings shops as Taillard wrote them: durations, then machines from 1, or from 0 as some have them; and says so."""
    path = write(tmp_path, TAILLARDS)
    assert options(path) == TOY
    assert JobShopWorkload(path).report() == ("read in Taillard's layout: durations, then machines",)
    path = write(tmp_path, "3 3\n2 1 3\n3 2 1\n1 2 3\n0 1 2\n1 0 2\n2 1 0\n")
    assert options(path) == TOY
    assert JobShopWorkload(path).report() == (
        "machines count from 0",
        "read in Taillard's layout: durations, then machines",
    )
    assert options(write(tmp_path, "1 1\n5\n1\n")) == [(0, 5)]
    swapped = write(tmp_path, "2 3\n1 2 3\n2 1 3\n5 5 2\n3 9 1\n")
    for text, message in (
        (
            "2 3\n1 2 3\n2 1 3\n3 3 2\n3 2 1\n",
            ":4: field 2 (machine) is '3', must be another than before: these lines are in Taillard's",
        ),
        (Path(swapped).read_text(), ":4: field 1 (machine) is '5', must be an integer in 1..3"),
        ("1 2\n1 2\n0 2\n", ":3: field 2 (machine) is '2', must be an integer in 0..1"),
        ("1 2\n1 x\n1 2\n", ":2: field 2 (duration) is 'x', must be a number in 0..1e+15"),
        (
            "2 2\n1 2\n1 2 3\n1 2\n1 2\n",
            ":3: field 3 (left over) is '3', must be absent: the durations of 2 operations ended before it",
        ),
        (
            "1 2\n1 2\n1 2 1\n",
            ":3: field 3 (left over) is '1', must be absent: the machines of 2 operations ended before it",
        ),
    ):
        path = write(tmp_path, text)
        with pytest.raises(WorkloadError) as caught:
            JobShopWorkload(path).instance(0)
        assert str(caught.value).startswith(path + message)


def test_machines_from_one(tmp_path: Path) -> None:
    """Protects from a guess: they count from 1 where nothing else is possible, which is said, and an error where nothing is."""
    path = write(tmp_path, "2 3\n1 3 2 2 3 2\n2 2 1 4 3 1\n")
    assert options(path) == [(0, 3), (1, 2), (2, 2), (1, 2), (0, 4), (2, 1)]
    assert JobShopWorkload(path).report() == ("machines count from 1",)
    assert options(write(tmp_path, "1 3\n1 5 2 6 1 7\n")) == [(1, 5), (2, 6), (1, 7)]
    for machine in ("3", "4"):
        path = write(tmp_path, f"1 3\n{0 if machine == '3' else 3} 5 1 6 {machine} 7\n")
        with pytest.raises(
            WorkloadError,
            match=rf":2: field 5 \(machine\) is '{machine}', must be an integer in {'0..2' if machine == '3' else '1..3'}",
        ):
            JobShopWorkload(path).instance(0)


def test_files_of_several_shops(tmp_path: Path) -> None:
    """Protects who brings OR-library's file or Taillard's own: prose and titles are known for what they are, a name chooses."""
    assert options(write(tmp_path, OR_LIBRARY)) == TOY
    assert options(write(tmp_path, NB_OF_JOBS)) == TOY
    two = OR_LIBRARY + OR_LIBRARY[OR_LIBRARY.index(" instance toy") :].replace("toy3", "toy4").replace(
        " 0 2 1 1", " 0 9 1 1"
    )
    path = write(tmp_path, two)
    assert options(path, "toy3") == TOY
    assert options(path, "toy4") == [(0, 9), *TOY[1:]]
    path = write(tmp_path, NB_OF_JOBS + NB_OF_JOBS.replace(" 2 1 3\n 3", " 9 1 3\n 3", 1))
    assert options(path, "2") == [(0, 9), *TOY[1:]]
    for text, name, message in (
        (two, "", ": holds 2 job shops (toy3, toy4); shop is '', must say which"),
        (two, "toy", ": holds 2 job shops (toy3, toy4); shop is 'toy', must say which"),
        (SHOP, "toy", ": holds one job shop without a name; shop is 'toy', must say which, or nothing"),
        (two.replace("toy4", "toy3"), "toy3", ":13: a second shop is called 'toy3', must have a name of its own"),
        (OR_LIBRARY.replace(" 2 1 1 2 0 3\n", ""), "", ": has lines for 2 jobs, must have 3 as the first line says"),
        (
            OR_LIBRARY.replace(" 2 1 1 2 0 3\n", " and so on\n"),
            "",
            ":11: field 1 (machine) is 'and', must be an integer in 0..2",
        ),
        (OR_LIBRARY.replace(" 3 3\n", ""), "", ":8: field 1 (jobs) is '0', must be an integer in 1..10000000"),
        (OR_LIBRARY[: OR_LIBRARY.index(" 3 3")], "", ": is empty, must start with the numbers of jobs and machines"),
    ):
        path = write(tmp_path, text)
        with pytest.raises(WorkloadError) as caught:
            JobShopWorkload(path, name).instance(0)
        assert str(caught.value) == path + message


def test_real_shops(data_dir: Path) -> None:
    """Protects the readers against real files: sizes as published, and no shop beats its lower bound's trivial part."""
    known = json.loads((data_dir / "jsp" / "bks_dev.json").read_text())["instances"]
    paths = sorted((data_dir / "jsp" / "instances").glob("*.txt"))
    assert len(paths) == len(known) == 88
    for path in paths:
        i = JobShopWorkload(str(path)).instance(0)
        facts = known[path.stem]
        assert (i.num_jobs, i.num_agents, i.num_tasks) == (
            facts["jobs"],
            facts["machines"],
            facts["jobs"] * facts["machines"],
        )
        load = np.bincount(i.option_agent, weights=i.option_nominal).max()
        length = np.add.reduceat(i.option_nominal, i.job_first[:-1]).max()
        assert 0 < max(load, length) <= facts["upper_bound"]
