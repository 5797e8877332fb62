"""docs/run.md: what it shows works, and what it names is there."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from agents.operation.execution.jobs_file import read_jobs
from agents.operation.execution.monitor import Monitor
from agents.operation.execution.thresholds import Means, Thresholds
from agents.operation.site.situation import Task
from experiments import example, run
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "run.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    """Code of a kind."""
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no shell")
def test_every_command_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects readers: the commands work in their order, and end with everything done."""
    monkeypatch.chdir(tmp_path)
    shown = [line for block in blocks("sh") for line in block.splitlines()]
    assert len(shown) == 3
    for command in shown:
        _, name, *arguments = command.split()
        into = arguments[arguments.index(">") + 1] if ">" in arguments else None
        monkeypatch.setattr(sys, "argv", [name, *(arguments[: arguments.index(">")] if into else arguments)])
        {"example": example, "run": run}[name].main()
        out = capsys.readouterr().out
        if into:
            Path(into).write_text(out, encoding="utf-8")
        else:
            assert out.startswith("11 of 11 tasks done in ")
    assert {path.name for path in Path("jobs.run").iterdir()} >= {"journal.db", "logs", "exits", "result.json"}


def test_what_the_page_shows_is_true(capsys: pytest.CaptureFixture[str]) -> None:
    """Protects readers: the short file is one, the recipe is one, the Python runs, and fields and alerts have their names."""
    (short,) = blocks("json")
    assert read_jobs(short).jobs[0].tasks[0].command == "echo hello"
    (recipe,) = blocks("yaml")
    told = yaml.safe_load(recipe)
    Monitor(Thresholds(**told["monitor"]))
    Means(**told["optimizer"])
    (python,) = blocks("python")
    exec(python, {})
    assert re.fullmatch(r"11 of 11 tasks done after [\d.]+ s\n", capsys.readouterr().out)
    rows = [re.findall(r"`(\w+)`", line)[0] for line in PAGE.splitlines() if re.match(r"\| `\w+` \|", line)]
    assert set(rows) <= set(Task.model_fields) | {field.name for field in fields(Means)}
    source = (ROOT / "agents" / "operation" / "execution" / "monitor.py").read_text(encoding="utf-8")
    alerts = re.search(r"these alerts: (.*?)An alert is raised", PAGE, flags=re.DOTALL)
    assert alerts is not None
    assert set(re.findall(r"`(\w+)`", alerts[1])) == set(re.findall(r'alert="(\w+)"', source)) - {
        "interrupted",
        "failed",
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("monitor: {stragler: 0.9}", "stragler"),
        ("monitor: {straggler: 2}", "monitor.straggler is 2"),
        ("optimizer: {speculate: 3}", "speculate is 3"),
        ("monitor: [", "must be YAML"),
    ],
)
def test_wrong_settings_are_one_line(
    text: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects users of --config: file, key and value, before anything runs."""
    monkeypatch.chdir(tmp_path)
    Path("watch.yaml").write_text(text)
    Path("jobs.json").write_text(json.dumps({"jobs": [{"name": "j", "tasks": [{"name": "t", "command": "true"}]}]}))
    monkeypatch.setattr(sys, "argv", ["run", "jobs.json", "--policy", "fifo,fcfs", "--config", "watch.yaml"])
    with pytest.raises(SystemExit) as stopped:
        run.main()
    err = capsys.readouterr().err
    assert stopped.value.code == 2
    assert err.startswith("parley run: error: watch.yaml: ")
    assert words in err
    assert err.count("\n") == 1
    assert not Path("jobs.run").exists()
