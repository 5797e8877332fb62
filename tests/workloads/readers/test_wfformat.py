"""The reader of workflow executions: every field, every version of the format, wrong files, and the real ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from envs.workloads.instance import WorkloadError
from envs.workloads.readers import wfformat
from envs.workloads.readers.wfformat import WfFormatWorkload


def diamond() -> dict[str, Any]:
    """A workflow of version 1.5: a before b and c, both before d; one edge is named by its parent only, one by both ends."""
    specification = [
        {"id": "a_ID01", "name": "a_ID01", "children": ["b_ID02"]},
        {"id": "b_ID02", "name": "b_ID02", "parents": ["a_ID01"], "children": ["d_ID04"]},
        {"id": "c_ID03", "name": "c_ID03", "parents": ["a_ID01"]},
        {"id": "d_ID04", "name": "d_ID04", "parents": ["b_ID02", "c_ID03"], "children": []},
    ]
    execution = [
        {"id": "d_ID04", "runtimeInSeconds": 0, "command": {"program": "join"}},
        {"id": "c_ID03", "runtimeInSeconds": 2.5, "coreCount": 1.5},
        {"id": "b_ID02", "runtimeInSeconds": 4, "coreCount": 3},
        {"id": "a_ID01", "runtimeInSeconds": 8, "coreCount": 0, "command": {"program": "join"}},
    ]
    return {
        "schemaVersion": "1.5",
        "workflow": {"specification": {"tasks": specification}, "execution": {"tasks": execution}},
    }


def write(folder: Path, content: object) -> str:
    """Write the file, text as it is and all else as JSON, and return its path."""
    path = folder / "flow.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


def test_every_field(tmp_path: Path) -> None:
    """Protects the mapping of a workflow: edges from both ends, cores local to each agent, kinds by program or name."""
    workload = WfFormatWorkload(write(tmp_path, diamond()), agents=2)
    i = workload.instance(5)
    assert (i.name, i.resources, i.shared.tolist()) == ("flow.json", ("cores",), [False])
    assert i.local_capacity.tolist() == [[3], [3]]
    assert i.speed.tolist() == [[1, 1, 1], [1, 1, 1]]
    assert i.job_release.tolist() == [0]
    assert np.isinf(i.job_due).all()
    assert (i.job_weight.tolist(), i.job_owner.tolist(), i.job_first.tolist()) == ([1], [0], [0, 4])
    assert i.task_names == ["a_ID01", "b_ID02", "c_ID03", "d_ID04"]
    assert i.task_kind.tolist() == [0, 1, 2, 0]
    assert i.task_demand.tolist() == [[1], [3], [2], [1]]
    assert i.task_ratio.tolist() == [1, 1, 1, 1]
    assert i.option_first.tolist() == [0, 2, 4, 6, 8]
    assert i.option_agent.tolist() == [0, 1] * 4
    assert i.option_nominal.tolist() == [8, 8, 4, 4, 2.5, 2.5, 0, 0]
    assert i.successor_first.tolist() == [0, 2, 3, 4, 4]
    assert i.successor.tolist() == [1, 2, 3, 3]
    assert workload.report() == ()


def test_copies(tmp_path: Path) -> None:
    """Protects streams of workflows: the copies have own tasks and edges, are released one after another and take turns as owners."""
    i = WfFormatWorkload(write(tmp_path, diamond()), agents=2, copies=3, interarrival=7.5, cores=4).instance(0)
    assert i.local_capacity.tolist() == [[4], [4]]
    assert i.job_release.tolist() == [0, 7.5, 15]
    assert i.job_owner.tolist() == [0, 1, 0]
    assert i.job_first.tolist() == [0, 4, 8, 12]
    assert i.task_demand.ravel().tolist() == [1, 3, 2, 1] * 3
    assert i.task_kind.tolist() == [0, 1, 2, 0] * 3
    assert i.option_nominal.tolist() == [8, 8, 4, 4, 2.5, 2.5, 0, 0] * 3
    assert i.successor_first.tolist() == [0, 2, 3, 4, 4, 6, 7, 8, 8, 10, 11, 12, 12]
    assert i.successor.tolist() == [1, 2, 3, 3, 5, 6, 7, 7, 9, 10, 11, 11]
    assert i.task_names is not None
    assert i.task_names[9] == "b_ID02"


def test_speeds(tmp_path: Path) -> None:
    """Protects what agents know of speeds: either in the nominal durations or hidden, and never in both."""
    path = write(tmp_path, diamond())
    known = WfFormatWorkload(path, agents=3, speed_spread=1.0).instance(0)
    assert known.option_nominal[:3] == pytest.approx([16, 8, 4])
    assert (known.speed == 1).all()
    hidden = WfFormatWorkload(path, agents=3, speed_spread=1.0, speed_known=False).instance(0)
    assert hidden.option_nominal[:3].tolist() == [8, 8, 8]
    assert hidden.speed == pytest.approx(np.array([[0.5] * 3, [1] * 3, [2] * 3]))
    assert (WfFormatWorkload(path, agents=1, speed_spread=1.0, speed_known=False).instance(0).speed == 1).all()
    by_kind = [
        WfFormatWorkload(path, agents=3, kind_spread=1.0, speed_seed=seed, speed_known=False).instance(0)
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(by_kind[0].speed, by_kind[1].speed)
    assert len(np.unique([each.speed for each in by_kind])) == 18
    told = WfFormatWorkload(path, agents=3, kind_spread=1.0).instance(0)
    assert told.option_nominal.reshape(-1, 3)[1] == pytest.approx(4 / by_kind[0].speed[:, 1])


def old(version: str) -> dict[str, Any]:
    """The same workflow as versions up to 1.4 have it: one list, references by name."""
    runtime, tasks = (
        ("runtimeInSeconds", "tasks") if version == "1.4" else ("runtime", "tasks" if version == "1.3" else "jobs")
    )
    listed = [
        {"id": "ID01", "name": "a_ID01", "category": "join", runtime: 8, "parents": []},
        {"id": "ID02", "name": "b_ID02", "category": "b", runtime: 4, "parents": ["a_ID01"], "cores": 3},
        {"id": "ID03", "name": "c_ID03", "category": "c", runtime: 2.5, "parents": ["a_ID01"], "cores": 2},
        {"id": "ID04", "name": "d_ID04", "category": "join", runtime: 0, "parents": ["b_ID02", "c_ID03"]},
    ]
    return {"schemaVersion": version, "workflow": {tasks: listed}}


@pytest.mark.parametrize("version", ["1.2", "1.3", "1.4"])
def test_older_versions(tmp_path: Path, version: str) -> None:
    """Protects older files: the same workflow gives the same instance whatever the version, but for the names."""
    new = WfFormatWorkload(write(tmp_path, diamond())).instance(0)
    same = WfFormatWorkload(write(tmp_path, old(version))).instance(0)
    assert same.task_names == ["ID01", "ID02", "ID03", "ID04"]
    for field in (
        "local_capacity",
        "task_kind",
        "task_demand",
        "option_agent",
        "option_nominal",
        "successor_first",
        "successor",
    ):
        assert getattr(same, field).tolist() == getattr(new, field).tolist(), field


@pytest.mark.parametrize(
    ("names", "kinds"),
    [
        (["split_ID0001", "blast_ID0002", "blast_ID0013"], [0, 1, 1]),
        (["A.B.FASTQC", "A.B.FASTQC", "A.B.TRIM"], [0, 0, 1]),
        (["task1", "task2", "sort-3"], [0, 0, 1]),
        (["1", "2", "s_7_sequence_10_ID4"], [0, 0, 1]),
    ],
)
def test_kinds_from_names(tmp_path: Path, names: list[str], kinds: list[int]) -> None:
    """Protects what agents can learn about: tasks that differ by their number only are of one kind."""
    tasks = [{"id": str(k), "name": name, "runtime": 1} for k, name in enumerate(names)]
    assert WfFormatWorkload(write(tmp_path, {"workflow": {"tasks": tasks}})).instance(0).task_kind.tolist() == kinds


def test_script_is_no_kind(tmp_path: Path) -> None:
    """Protects kinds of Nextflow executions, which hold a script of their own where others hold the program."""
    tasks = [{"id": f"P_{k}", "name": "P", "runtime": 1, "command": {"program": f"cat {k} > x"}} for k in range(3)]
    assert WfFormatWorkload(write(tmp_path, {"workflow": {"tasks": tasks}})).instance(0).num_kinds == 1


def changed(change: Callable[[list[dict[str, Any]], list[dict[str, Any]]], object]) -> dict[str, Any]:
    """The diamond after a change to its specification and execution."""
    content = diamond()
    change(content["workflow"]["specification"]["tasks"], content["workflow"]["execution"]["tasks"])
    return content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", ": is no JSON: Expecting value: line 1 column 1 (char 0)"),
        ('{"workflow": {"tasks": [{"id": "a", "runtime": NaN}]}}', ": is no JSON: NaN is no number of JSON"),
        (
            '{"workflow": {"tasks": [{"id": "a", "runtime": -Infinity}]}}',
            ": is no JSON: -Infinity is no number of JSON",
        ),
        (
            '{"workflow": {"tasks": [{"id": "a", "runtime": 1e999}]}}',
            ": runtime of task 'a' is inf, must be a number in 0..1e+15",
        ),
        ("[" * 200_000, ": is no JSON: nested too deeply"),
        (
            '{"workflow": {"tasks": [{"id": "a", "runtime": 1, "runtime": 2}]}}',
            ": is no JSON: key 'runtime' stands twice in one object",
        ),
        ([], ": the file has no 'workflow' that is an object: is this WfFormat?"),
        (
            {
                "workflow": {
                    "specification": {"tasks": [{"name": "a", "id": "a1", "parents": [], "children": []}], "files": []}
                }
            },
            ": has a specification and no execution, which says how long tasks took; must have "
            "runtimeInSeconds in workflow.execution.tasks",
        ),
        ({"workflow": []}, ": the file has no 'workflow' that is an object: is this WfFormat?"),
        ({"workflow": {}}, ": workflow has no 'tasks' that is a list: is this WfFormat?"),
        ({"workflow": {"specification": 1}}, ": workflow has no 'specification' that is an object: is this WfFormat?"),
        ({"workflow": {"tasks": []}}, ": workflow has no tasks, must have at least one"),
        ({"workflow": {"tasks": [7]}}, ": workflow.tasks[0] has the id None, must be a text"),
        ({"workflow": {"tasks": [{"id": 7}]}}, ": workflow.tasks[0] has the id 7, must be a text"),
        (
            changed(lambda s, _: s.append(s[1])),
            ": workflow.specification.tasks[4] has the id 'b_ID02' of an earlier one, must have its own",
        ),
        (
            changed(lambda _, e: e.append(e[1])),
            ": workflow.execution.tasks[4] has the id 'c_ID03' of an earlier one, must have its own",
        ),
        (changed(lambda _, e: e.pop()), ": runtimeInSeconds of task 'a_ID01' is None, must be a number in 0..1e+15"),
        (
            changed(lambda _, e: e[3].update(runtimeInSeconds=-1)),
            ": runtimeInSeconds of task 'a_ID01' is -1, must be a number in 0..1e+15",
        ),
        (
            changed(lambda _, e: e[3].update(runtimeInSeconds="8")),
            ": runtimeInSeconds of task 'a_ID01' is '8', must be a number in 0..1e+15",
        ),
        (
            changed(lambda _, e: e[3].update(runtimeInSeconds=True)),
            ": runtimeInSeconds of task 'a_ID01' is True, must be a number in 0..1e+15",
        ),
        (
            changed(lambda _, e: e[3].update(coreCount=-2)),
            ": coreCount of task 'a_ID01' is -2, must be a number in 0..2.14748e+09",
        ),
        (
            changed(lambda _, e: e[3].update(coreCount=3e9)),
            ": coreCount of task 'a_ID01' is 3000000000.0, must be a number in 0..2.14748e+09",
        ),
        (
            changed(lambda s, _: s[2].update(parents=["x"])),
            ": task 'c_ID03' has 'x' among its parents, must be the id of a task",
        ),
        (
            changed(lambda s, _: s[2].update(children=[3])),
            ": task 'c_ID03' has 3 among its children, must be the id of a task",
        ),
        (
            changed(lambda s, _: s[2].update(parents="a_ID01")),
            ": parents of task 'c_ID03' is 'a_ID01', must be a list of ids",
        ),
        (
            changed(lambda s, _: s[3].update(children=["b_ID02"])),
            ": the precedence graph has a cycle that task 'b_ID02' lies on or waits for",
        ),
        (
            changed(lambda s, _: s[0].update(children=["a_ID01"])),
            ": the precedence graph has a cycle that task 'a_ID01' lies on or waits for",
        ),
    ],
)
def test_wrong_file(tmp_path: Path, content: object, message: str) -> None:
    """Protects users: whatever is wrong with a workflow is said with file, task, value and what would be right."""
    path = write(tmp_path, content)
    with pytest.raises(WorkloadError) as caught:
        WfFormatWorkload(path).instance(0)
    assert str(caught.value) == path + message


def test_too_few_cores(tmp_path: Path) -> None:
    """Protects liveness: a task that no agent can hold is an error that names it."""
    with pytest.raises(
        WorkloadError, match=r"flow.json: task 'b_ID02' holds 3 cores, must be at most the 2 of an agent"
    ):
        WfFormatWorkload(write(tmp_path, diamond()), cores=2).instance(0)


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects memory: absurd numbers of copies and files of absurd size are refused before anything is allocated."""
    path = write(tmp_path, diamond())
    with pytest.raises(
        WorkloadError, match=r"4 tasks x 1000000 copies x 4 agents make 16000000, must be at most 10000000"
    ):
        WfFormatWorkload(path, copies=10**6).instance(0)
    monkeypatch.setattr(wfformat, "MAX_CHARACTERS", 100)
    with pytest.raises(WorkloadError, match=r"is longer than 100 characters"):
        WfFormatWorkload(path).instance(0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("agents", 0),
        ("cores", -1),
        ("speed_spread", -0.5),
        ("kind_spread", -0.5),
        ("speed_seed", -1),
        ("speed_known", "yes"),
        ("copies", 0),
        ("interarrival", float("inf")),
    ],
)
def test_wrong_parameter(name: str, value: object) -> None:
    """Protects against a wrong config before any file is opened."""
    with pytest.raises(WorkloadError, match=rf"WfFormatWorkload.{name} is .*, must be"):
        WfFormatWorkload("x", **{name: value})  # type: ignore[arg-type]


def test_real_workflows(data_dir: Path) -> None:
    """Protects the reader against real executions: all tasks, all runtimes, all edges from either end."""
    paths = sorted((data_dir / "wfformat" / "instances").glob("*.json"))
    assert len(paths) == 26
    zero = 0
    for path in paths:
        i = WfFormatWorkload(str(path), agents=1).instance(0)
        workflow = json.loads(path.read_text(encoding="utf-8"))["workflow"]
        tasks = workflow["specification"]["tasks"]
        edges = {(parent, task["id"]) for task in tasks for parent in task["parents"]}
        edges |= {(task["id"], child) for task in tasks for child in task["children"]}
        assert (i.num_tasks, i.successor.size) == (len(tasks), len(edges))
        runtimes = [task["runtimeInSeconds"] for task in workflow["execution"]["tasks"]]
        assert i.option_nominal.sum() == pytest.approx(sum(runtimes))
        zero += int((i.option_nominal == 0).sum())
        assert i.num_kinds <= len(tasks)
    assert zero == 19
