"""Jobs of a sweep: a folder each, a value for the sweeper, and nothing left behind; and one number of threads for every command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from agents.learning.config import locate
from experiments import train
from experiments.__main__ import COMMANDS, OWN_TASKS
from experiments.plumbing import cli
from tests.conftest import ROOT

REQUIRED = {"bound": ["out=x.json"], "ship": ["suite=x"]}
TINY = [
    "learner.decisions=200",
    "learner.worlds=2",
    "learner.rollout=200",
    "learner.network.guide=null",
    "learner.network.width=4",
    "learner.episodes.number=4",
    "learner.episodes.prioritizer=wsrpt",
    "learner.episodes.negotiator=urgency",
    "learner.imitation.decisions=0",
    "learner.evaluation.episodes=2",
    "score={prioritizer:[wsrpt],negotiator:[urgency],episodes:2,seed:0}",
    "workload.jobs=6",
]


def sweep(task: Any, name: str, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a task as a command with these arguments."""
    monkeypatch.setattr(sys, "argv", [f"parley {name}", *arguments])
    cli.run(task, name)


def test_every_job_has_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects jobs that start in the same second, also those that differ in nothing but their number; a single run has a plain name."""
    monkeypatch.chdir(tmp_path)
    folders: list[Path] = []

    def task(config: DictConfig) -> None:
        folders.append(train.new_folder(config, list(HydraConfig.get().overrides.task)))

    sweep(task, "train", "--multirun", "learner.update.entropy=0,0.1,0.1", "seed=0", monkeypatch=monkeypatch)
    assert len(folders) == len(set(folders)) == 3
    sweep(task, "train", "seed=4", monkeypatch=monkeypatch)
    sweep(task, "train", "learner.update.entropy=0.1", "seed=4", monkeypatch=monkeypatch)
    assert folders[3].name.endswith("-s4")
    assert folders[4].name.startswith(folders[3].name[:11])
    assert folders[3].name.partition("-s")[2] != folders[4].name.partition("-s")[2]
    assert {folder.parent for folder in folders} == {Path("results/shared_cluster")}
    assert list(tmp_path.iterdir()) == []


def test_one_bad_job_of_a_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects the other jobs: they are run, then the error is told in a line with the job's settings, exit code 2."""
    monkeypatch.chdir(tmp_path)
    done = []

    def task(config: DictConfig) -> None:
        cli.integer(config, "seed", 0)
        done.append(config.seed)

    with pytest.raises(SystemExit) as exit_:
        sweep(task, "train", "--multirun", "seed=-1,1,2", monkeypatch=monkeypatch)
    told = capsys.readouterr().err
    assert exit_.value.code == 2
    assert done == [1, 2]
    assert "parley train: error: seed is -1, must be an integer >= 0" in told
    assert "seed=-1" in told
    assert "Traceback" not in told


def test_a_sweeper_gets_a_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects sweepers such as Optuna's: each job's value is the mean objective of what it learned, and runs of a sweep do not meet."""
    monkeypatch.chdir(tmp_path)
    values: list[float] = []

    def task(config: DictConfig) -> float:
        values.append(train.train(config))
        return values[-1]

    sweep(task, "train", "--multirun", "learner.update.entropy=0,0.1", *TINY, monkeypatch=monkeypatch)
    assert len(values) == 2
    assert all(value > 0 for value in values)
    assert len(list((tmp_path / "results" / "shared_cluster").iterdir())) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["results"]
    printed = capsys.readouterr().out
    assert all(f"{value:,.0f}" in printed or f"{value:,.1f}" in printed for value in values)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["seed=1"], None),
        (["scenario=job_shop", "seed=1"], "job_shop"),
        (["scenario=default"], "shared_cluster"),
        (["scenario=job_shop", "experiment=project"], "project"),
        (["scenario=job_shop", "~experiment"], "~experiment"),
        (["--multirun", "scenario=job_shop", "seed=0,1"], "job_shop"),
        (["--cfg", "job", "scenario=nosuch"], "~experiment"),
    ],
)
def test_a_scenario_brings_its_experiment(arguments: list[str], expected: str | None) -> None:
    """Protects who names a scenario alone: the default experiment is for its own, and its settings go nowhere else."""
    found = [
        argument.removeprefix("experiment=")
        for argument in train.with_experiment(arguments)
        if "experiment" in argument
    ]
    assert found == ([] if expected is None else [expected])


def test_swept_scenarios_are_refused() -> None:
    """Protects from jobs of one scenario with the experiment of another."""
    with pytest.raises(cli.UsageError, match="sweep experiment=NAME,NAME instead"):
        train.with_experiment(["--multirun", "scenario=job_shop,project"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["learner=self_label", "scenario=job_shop"],
        ["scenario=job_shop", "workload.jobs_max=15"],
        ["workload=lublin"],
        ["~experiment"],
        ["~experiment", "scenario=project"],
        ["workload=job_shop", "workload.path=nosuch.txt"],
        *(["scenario=" + path.stem] for path in sorted((ROOT / "conf" / "scenario").glob("*.yaml"))),
    ],
    ids=" ".join,
)
def test_commands_of_the_docs_compose(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects every scenario, learner and workload that is named on the command line from the settings of another's experiment."""
    from experiments.plumbing.building import make

    built = []

    def task(config: DictConfig) -> None:
        built.append((cli.make_scenario(config), locate(make(config, "learner"))))

    sweep(task, "train", *train.with_experiment(arguments), monkeypatch=monkeypatch)
    assert len(built) == 1


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in OWN_TASKS])
def test_one_thread_for_every_command(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Protects speed on busy machines: torch computes with one thread, or with as many as asked for, whatever the environment says."""
    monkeypatch.chdir(tmp_path)
    before, seen = torch.get_num_threads(), []
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("MKL_NUM_THREADS", "7")
    torch.set_num_threads(3)
    try:
        sweep(
            lambda config: seen.append(torch.get_num_threads()), name, *REQUIRED.get(name, []), monkeypatch=monkeypatch
        )
        if name != "bound":
            sweep(
                lambda config: seen.append(torch.get_num_threads()),
                name,
                "threads=2",
                *REQUIRED.get(name, []),
                monkeypatch=monkeypatch,
            )
    finally:
        torch.set_num_threads(before)
    assert seen == ([1] if name == "bound" else [1, 2])


def test_threads_before_torch_is_imported() -> None:
    """Protects commands that import torch late: what was set holds then, too."""
    code = "from experiments.plumbing import cli; cli.set_threads(1); import torch; print(torch.get_num_threads())"
    environment = {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1"
