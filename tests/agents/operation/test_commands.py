"""Commands about real tasks: every one that docs/decide.md shows, JSON for machines, and one line for mistakes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from agents.operation.deciding.decision import Decision
from agents.operation.planning.planning import ExecutionPlan
from agents.operation.site.example import example
from agents.operation.site.moments import situation_of
from agents.operation.site.play_rules import DEFAULT
from agents.operation.site.situation import Situation
from envs.workloads.generators.random_job_shop import RandomJobShop
from experiments import decide, explain, history, plan, situation, what_if
from experiments import example as example_command
from experiments.__main__ import COMMANDS as COMMANDS_OF
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "decide.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL) for line in block.splitlines()]
MODULES = {module.__name__: module for module in (decide, explain, plan, what_if, situation, history, example_command)}

Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run a command in an empty folder, within this process, and return what it prints."""
    monkeypatch.chdir(tmp_path)

    def call(module: ModuleType, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", [module.__name__, *arguments])
        module.main()
        return capsys.readouterr().out

    return call


def test_every_command_of_the_page_runs(run: Run) -> None:
    """Protects readers of docs/decide.md: what it shows works, in its order, and prints what it says."""
    printed = {}
    for command in COMMANDS:
        parley, name, *arguments = command.split()
        assert parley == "parley"
        module = COMMANDS_OF[name][0]
        into = arguments[arguments.index(">") + 1] if ">" in arguments else None
        out = run(MODULES[module], *(arguments[: arguments.index(">")] if into else arguments))
        if into:
            Path(into).write_text(out, encoding="utf-8")
        printed[command] = out
    assert len(printed) == len(COMMANDS) > 7
    everything = [" ".join(line.split()) for out in printed.values() for line in out.splitlines()]
    for block in re.findall(r"```text\n(.*?)```", PAGE, flags=re.DOTALL):
        for line in block.splitlines():
            assert line.startswith("parley ") or " ".join(line.split()) in everything, line
    assert "0 of them differ" in printed["parley history decisions.db --replay"]


def test_the_python_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Protects whoever copies it."""
    exec(re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)[0], {})
    assert "train" in capsys.readouterr().out


def test_json_is_for_machines(run: Run, tmp_path: Path) -> None:
    """Protects programs: what is written comes back as what it is."""
    file = tmp_path / "tasks.json"
    file.write_text(example().write())
    assert Decision.model_validate_json(run(decide, str(file), "--json")).time == 3600.0
    assert (
        ExecutionPlan.model_validate_json(
            run(plan, str(file), "--json", "--futures", "8", "--rival", "fifo,fcfs")
        ).futures
        == 8
    )
    told = json.loads(run(explain, str(file), "--task", "publish", "--json"))
    assert (told["job"], told["starts"]) == ("forecast", False)
    cases = json.loads(run(what_if, str(file), "--down", "ben", "--json", "--futures", "8"))["plans"]
    assert list(cases) == ["now", "ben down"]
    job = json.loads(run(plan, str(file), "--job", "paper", "--json", "--futures", "8"))
    assert job["position"] == 4
    (tmp_path / "plan.json").write_text(run(plan, str(file), "--json", "--futures", "8"))
    again = ["--previous", str(tmp_path / "plan.json"), "--freeze", "600", "--keep", "1", "--json", "--futures", "8"]
    changed = json.loads(run(plan, str(file), *again))
    assert changed["plan"]["kept"]
    assert {each["what"] for each in changed["difference"]["shifts"]} <= {"later", "earlier"}
    (tmp_path / "plan.json").write_text(json.dumps(changed))
    assert json.loads(run(plan, str(file), *again))["plan"]["kept"]


def test_standard_input_is_read(tmp_path: Path) -> None:
    """Protects pipes."""
    command = [sys.executable, "-m", "experiments", "decide", "-", "--policy", "fifo,fcfs", "--json"]
    done = subprocess.run(
        command, cwd=ROOT, input=example().write().encode(), capture_output=True, timeout=300, check=True
    )
    assert json.loads(done.stdout)["policy"] == "fifo,fcfs"


def problem(name: str, value: Any, words: list[str]) -> Any:
    """A mistake, and what must be told of it."""
    return pytest.param(value, words, id=name)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        problem("no json", "{", ["JSON"]),
        problem("no agents", '{"time": 0, "agents": [], "jobs": []}', ["agents is [], must be of at least 1 item"]),
        problem(
            "unknown resource",
            example().write().replace('"demands":{"gpu":1}', '"demands":{"gpus":1}'),
            ["jobs[3].tasks[0].demands.gpus", "unknown_resource"],
        ),
    ],
)
def test_mistakes_are_one_line(
    document: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects users from tracebacks: one line with the file, exit code 2; with --json all problems as data, too."""
    file = tmp_path / "tasks.json"
    file.write_text(document)
    monkeypatch.setattr(sys, "argv", ["decide", str(file), "--json"])
    with pytest.raises(SystemExit) as stopped:
        decide.main()
    out, err = capsys.readouterr()
    assert stopped.value.code == 2
    assert err.startswith(f"parley decide: error: {file}: ")
    assert err.count("\n") == 1
    assert all(word in err for word in words)
    assert json.loads(out)["problems"][0]["code"]


@pytest.mark.parametrize(
    ("module", "arguments", "message"),
    [
        (decide, ["none.json"], "none.json: No such file"),
        (decide, ["tasks.json", "--policy", "none"], "unknown prioritizer rule 'none'"),
        (explain, ["tasks.json", "--task", "none"], "task is 'none', must be the name of a task that exists"),
        (plan, ["tasks.json", "--futures", "0"], "futures is 0 in 5.0 s"),
        (plan, ["tasks.json", "--job", "none", "--futures", "1"], "job is 'none'"),
        (plan, ["tasks.json", "--log", "tasks.json"], "--log is given, and neither --luck log nor --arrivals"),
        (plan, ["tasks.json", "--arrivals", "10"], "--arrivals is given without --log FILE"),
        (plan, ["tasks.json", "--arrivals", "0", "--log", "tasks.json"], "arrivals is 0, must be a number of seconds"),
        (plan, ["tasks.json", "--luck", "log", "--log", "none.json"], "none.json: No such file"),
        (plan, ["tasks.json", "--keep", "0.1"], "--keep is given without --previous"),
        (plan, ["tasks.json", "--previous", "none.json"], "none.json: No such file"),
        (plan, ["tasks.json", "--previous", "tasks.json"], "tasks.json: no plan as parley plan --json writes it"),
        (plan, ["tasks.json", "--chart", "plan.jpg"], "--chart is 'plan.jpg', must be the name of a .png file"),
        (plan, ["tasks.json", "--chart", "tasks.json/plan.png"], "--chart: tasks.json/plan.png cannot be written"),
        (what_if, ["tasks.json"], "no change is given"),
        (what_if, ["tasks.json", "--down", "none"], "down is 'none'"),
        (what_if, ["tasks.json", "--due", "paper"], "must be JOB=SECONDS"),
        (what_if, ["tasks.json", "--due", "none=3"], "must name a job"),
        (history, ["none.db"], "no such history"),
        (history, ["tasks.json"], "no history"),
        (situation, ["--from", "none.swf"], "none.swf"),
        (situation, ["--from", "tasks.json", "--at", "-1"], "--at is -1.0"),
    ],
)
def test_wrong_arguments_are_one_line(
    module: ModuleType,
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Protects users of every command in the same way."""
    monkeypatch.chdir(tmp_path)
    Path("tasks.json").write_text(example().write())
    monkeypatch.setattr(sys, "argv", [module.__name__, *arguments])
    with pytest.raises(SystemExit) as stopped:
        module.main()
    err = capsys.readouterr().err
    assert stopped.value.code == 2
    assert message in err
    assert err.count("\n") == 1


SHOP = "2 2\n0 3 1 2\n1 4 0 1\n"
LOG = "; MaxProcs: 8\n" + "".join(
    f"{k} {10 * k} 0 {50 + k} 2 -1 -1 2 60 -1 1 {k % 3} 1 -1 1 -1 -1 -1\n" for k in range(1, 6)
)


@pytest.mark.parametrize(("name", "text", "tasks"), [("shop.txt", SHOP, 4), ("log.swf", LOG, 5)])
def test_public_files_become_situations(name: str, text: str, tasks: int, run: Run) -> None:
    """Protects the way from public formats to decisions."""
    Path(name).write_text(text)
    made = Situation.read(run(situation, "--from", name, "--at", "25"))
    assert sum(len(job.tasks) for job in made.jobs) == tasks
    Path("made.json").write_text(made.write())
    assert Decision.model_validate_json(run(decide, "made.json", "--policy", "fifo,fcfs", "--json")).starts


def test_sites_at_a_time_have_what_was_released() -> None:
    """Protects ``situation``: what comes later is announced."""
    made = situation_of(
        RandomJobShop(jobs_min=3, jobs_max=3, machines_min=2, machines_max=2).instance(0), DEFAULT.scenario
    )
    assert [job.arrived for job in made.jobs] == [True] * 3
