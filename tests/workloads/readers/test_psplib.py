"""The reader of projects: both formats against each other, dummies, wrong files, and the real ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from envs.workloads.graph import topological_order
from envs.workloads.instance import Instance, WorkloadError
from envs.workloads.readers.psplib import ProjectWorkload

RCP = """5 2
4 3

0 0 0 2 2 3
5 4 1 1 4
2 0 3 1
4
3 1 0 1 5
0 0 0 0
"""

SM = """************************************************************************
file with basedata            : j3.bas
initial value random generator: 1
************************************************************************
projects                      :  1
jobs (incl. supersource/sink ):  5
horizon                       :  10
RESOURCES
  - renewable                 :  2   R
  - nonrenewable              :  0   N
  - doubly constrained        :  0   D
************************************************************************
PROJECT INFORMATION:
pronr.  #jobs rel.date duedate tardcost  MPM-Time
    1      3      1        8       2        8
************************************************************************
PRECEDENCE RELATIONS:
jobnr.    #modes  #successors   successors
   1        1          2           2   3
   2        1          1           4
   3        1          1           4
   4        1          1           5
   5        1          0
************************************************************************
REQUESTS/DURATIONS:
jobnr. mode duration  R 1  R 2
------------------------------------------------------------------------
  1      1     0       0    0
  2      1     5       4    1
  3      1     2       0    3
  4      1     3       1    0
  5      1     0       0    0
************************************************************************
RESOURCEAVAILABILITIES:
  R 1  R 2
    4    3
************************************************************************
"""


def write(folder: Path, text: str, name: str = "p.rcp") -> str:
    """Write the file and return its path."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def check_work(i: Instance) -> None:
    """Check all but the dates of the small project, which both formats tell alike."""
    assert (i.resources, i.shared.tolist(), i.num_agents) == (("R1", "R2"), [False, False], 1)
    assert i.local_capacity.tolist() == [[4, 3]]
    assert i.speed.tolist() == [[1]]
    assert (i.job_weight.tolist(), i.job_owner.tolist(), i.job_first.tolist()) == ([1], [0], [0, 3])
    assert i.task_names == ["2", "3", "4"]
    assert i.task_kind.tolist() == [0, 0, 0]
    assert i.task_demand.tolist() == [[4, 1], [0, 3], [1, 0]]
    assert i.task_ratio.tolist() == [1, 1, 1]
    assert (i.option_first.tolist(), i.option_agent.tolist()) == ([0, 1, 2, 3], [0, 0, 0])
    assert i.option_nominal.tolist() == [5, 2, 3]
    assert (i.successor_first.tolist(), i.successor.tolist()) == ([0, 1, 2, 2], [2, 2])


def test_every_field_of_rcp(tmp_path: Path) -> None:
    """Protects the mapping of a project, its dummies dropped; numbers may stand on any line."""
    workload = ProjectWorkload(write(tmp_path, RCP))
    i = workload.instance(0)
    check_work(i)
    assert i.name == "p.rcp"
    assert (i.job_release.tolist(), i.job_due.tolist()) == ([0], [np.inf])
    assert workload.report() == ()


def test_every_field_of_sm(tmp_path: Path) -> None:
    """Protects the other format, which tells the same and the dates."""
    i = ProjectWorkload(write(tmp_path, SM, "P.SM")).instance(0)
    check_work(i)
    assert (i.job_release.tolist(), i.job_due.tolist()) == ([1], [8])
    late = ProjectWorkload(write(tmp_path, SM.replace("      1        8 ", "      1        0 "), "p.sm"))
    assert late.instance(0).job_due.tolist() == [np.inf]


@pytest.mark.parametrize(
    ("text", "names", "successors"),
    [
        ("3 1\n2\n1 0 1 2\n1 1 1 3\n0 0 0\n", ["1", "2"], [1]),  # the first takes time
        ("3 1\n2\n0 1 1 2\n1 1 1 3\n0 1 0\n", ["1", "2", "3"], [1, 2]),  # both hold units
        (
            "3 1\n2\n0 0 0\n1 1 1 1\n0 0 1 2\n",
            ["1", "2", "3"],
            [0, 1],
        ),  # numbered backwards: neither marks start or end
        ("1 1\n2\n1 1 0\n", ["1"], []),
    ],
)
def test_only_dummies_are_dropped(tmp_path: Path, text: str, names: list[str], successors: list[int]) -> None:
    """Protects work at the ends of a project, and precedence that runs through them."""
    i = ProjectWorkload(write(tmp_path, text)).instance(0)
    assert i.task_names == names
    assert i.successor.tolist() == successors


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": the numbers end before activities, which must be an integer in 1..10000000"),
        ("9000000 2\n", ": 9000000 activities x 2 resources make 18000000, must be at most 10000000"),
        ("2 1\n3\n0 0 1 2\n0 0 0\n", ": has no activity beside the dummies, must have at least one"),
        ("3 1\n3\n0 0 1 2\n4 4 1 3\n0 0 0\n", ":4: field 2 (demand of R1) is '4', must be an integer in 0..3"),
        ("3 1\n3\n0 0 1 2\n4 -1 1 3\n0 0 0\n", ":4: field 2 (demand of R1) is '-1', must be an integer in 0..3"),
        ("3 1\n3\n0 0 1 2\n-4 1 1 3\n0 0 0\n", ":4: field 1 (duration) is '-4', must be a number in 0..1e+15"),
        ("3 1\n3\n0 0 1 2\n4 1 1 9\n0 0 0\n", ":4: field 4 (successor) is '9', must be an integer in 1..3"),
        ("3 1\n3\n0 0 1 2\n4 1 9 3\n0 0 0\n", ":4: field 3 (number of successors) is '9', must be an integer in 0..3"),
        ("3 1\n3\n0 0 1 2\n4 1 1 2\n0 0 0\n", ": the precedence graph has a cycle that task 2 lies on or waits for"),
        (
            "3 1\n3\n0 0 1 2\n4 1 1 3\n0 0\n",
            ":5: the numbers end before number of successors, which must be an integer in 0..3",
        ),
        (
            "3 1\n3\n0 0 1 2\n4 1 1 3\n0 0 0 7\n",
            ":5: field 4 (left over) is '7', must be absent: the last of 3 activities ended before it",
        ),
    ],
)
def test_wrong_rcp(tmp_path: Path, text: str, message: str) -> None:
    """Protects users: whatever is wrong with a project is said with file, line, field, value and what would be right."""
    path = write(tmp_path, text)
    with pytest.raises(WorkloadError) as caught:
        ProjectWorkload(path).instance(0)
    assert str(caught.value) == path + message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("jobs (incl", "tasks (incl", ": has no 'jobs': is this a PSPLIB file?"),
        ("REQUESTS/DURATIONS", "REQUESTS", ": has no 'REQUESTS/DURATIONS': is this a PSPLIB file?"),
        ("0   N", "2   N", ":10: has 2 nonrenewable resources, must have 0: multi-mode projects, whose"),
        ("0   D", "1   D", ":11: has 1 doubly constrained resources, must have 0: multi-mode projects, whose"),
        ("2   R", "3   R", ":36: the numbers end before capacity of R3, which must be an integer >= 0"),
        ("2   R", "1   R", ":36: field 2 (left over) is '3', must be absent: the capacities ended before it"),
        ("sink ):  5", "sink ):  6", ":23: the numbers end before jobnr., which must be an integer in 6..6"),
        ("sink ):  5", "sink ):  4", ":22: field 4 (successor) is '5', must be an integer in 1..4"),
        (
            "    1      3      1        8 ",
            "    1      3      1       -8 ",
            ":15: field 4 (duedate) is '-8', must be a number in 0..1e+15",
        ),
        (
            "   2        1          1",
            "   2        3          1",
            ":20: job 2 has 3 modes, must have 1: multi-mode projects, whose",
        ),
        (
            "   2        1          1",
            "   9        1          1",
            ":20: field 1 (jobnr.) is '9', must be an integer in 2..2",
        ),
        ("  3      1     2 ", "  3      1     x ", ":30: field 3 (duration) is 'x', must be a number in 0..1e+15"),
        ("       0    3\n", "       0    4\n", ":30: field 5 (demand of R2) is '4', must be an integer in 0..3"),
        (
            "   4        1          1           5",
            "   4        1          1           2",
            ": the precedence graph has a cycle that task 2",
        ),
    ],
)
def test_wrong_sm(tmp_path: Path, old: str, new: str, message: str) -> None:
    """Protects users of the other format in the same way; projects of other kinds than RCPSP are refused, not misread."""
    assert SM.count(old) == 1
    path = write(tmp_path, SM.replace(old, new), "p.sm")
    with pytest.raises(WorkloadError) as caught:
        ProjectWorkload(path).instance(0)
    assert str(caught.value).startswith(path + message)


def test_wrong_suffix() -> None:
    """Protects users from a file read by the wrong rules."""
    with pytest.raises(
        WorkloadError, match=r"ProjectWorkload.path is 'p.txt', must be a file that ends in .sm or .rcp"
    ):
        ProjectWorkload("p.txt")


@pytest.mark.parametrize("name", ["p.mm", "p.sm"])
def test_multi_mode_projects_are_named(tmp_path: Path, name: str) -> None:
    """Protects users of PSPLIB's other half: they learn that it is the modes that cannot be played, by either ending."""
    first = "  2      1     5       4    1\n"
    modes = SM.replace("   2        1          1", "   2        2          1").replace(
        first, f"{first}         2     7       2    0\n"
    )
    for text, message in (
        (
            modes,
            ":20: job 2 has 2 modes, must have 1: multi-mode projects, whose activities choose between durations and units, cannot",
        ),
        (modes.replace("0   N", "1   N"), ":10: has 1 nonrenewable resources, must have 0: multi-mode projects, whose"),
    ):
        path = write(tmp_path, text, name)
        with pytest.raises(WorkloadError) as caught:
            ProjectWorkload(path).instance(0)
        assert str(caught.value).startswith(path + message)


def critical_path(i: Instance) -> float:
    """The longest path of the project in seconds."""
    start = np.zeros(i.num_tasks)
    for t in topological_order(i.successor_first, i.successor):
        for s in i.successor[i.successor_first[t] : i.successor_first[t + 1]]:
            start[s] = max(start[s], start[t] + i.option_nominal[t])
    return float((start + i.option_nominal).max())


def test_real_projects(data_dir: Path) -> None:
    """Protects the reader against real projects: sizes and critical paths are the published ones."""
    known = json.loads((data_dir / "rcpsp" / "bks_dev.json").read_text())["instances"]
    paths = sorted((data_dir / "rcpsp" / "patterson").rglob("*.rcp"))
    assert len(paths) == len(known) == 29
    for path in paths:
        i = ProjectWorkload(str(path)).instance(0)
        facts = known[path.stem]
        assert (i.num_tasks, i.num_resources) == (facts["activities"], facts["resources"])
        assert critical_path(i) == facts["cpm_lower_bound"]


def test_real_projects_agree(data_dir: Path) -> None:
    """Protects both formats: a project that is there in both is one and the same, and its due date is the published one."""
    known = json.loads((data_dir / "rcpsp" / "bks_dev.json").read_text())["instances"]
    paths = sorted((data_dir / "rcpsp" / "sm").rglob("*.sm"))
    assert len(paths) == 25
    for path in paths:
        sm = ProjectWorkload(str(path)).instance(0)
        rcp = ProjectWorkload(str(data_dir / "rcpsp" / "patterson" / path.parent.name / f"{path.stem}.rcp")).instance(0)
        for field in ("local_capacity", "task_demand", "option_nominal", "successor_first", "successor"):
            assert getattr(sm, field).tolist() == getattr(rcp, field).tolist(), (path.name, field)
        assert sm.job_due.tolist() == [known[path.stem]["due_date_in_sm"]]
