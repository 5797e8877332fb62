"""Policies that come with the repository: chosen as the median, carded, found by name, and as good as their cards say."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf

from agents import policies
from agents.networks.architecture import PRIORITIZER, Brain, Spec
from agents.networks.artifact import save
from agents.policies import SHIPPED_FOLDER, load_prioritizer
from agents.rules.conditional import SIZE, Conditional, text
from agents.rules.index import FILE
from envs.files import write_text
from experiments import ship
from experiments.plumbing.cli import UsageError
from experiments.reports.cards import CARD, MAX_BYTES, PAGE, TrainingRun
from experiments.suites import public_data

LOGS = {"batch_queue": ["HPC2N", "KTH", "SDSC", "lublin_256.swf"]}
"""By suite: the logs that its shipped policy learned from."""
CARDS = sorted(SHIPPED_FOLDER.glob(f"*/{CARD}"))


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.parent.name)
def test_shipped_policies_are_as_good_as_their_cards_say(path: Path) -> None:
    """Protects users of shipped policies: on the card's episodes each achieves the card's figures again, and is small."""
    card, run = json.loads(path.read_text(encoding="utf-8")), TrainingRun.read(path.parent)
    assert card["roles"] == run.roles
    assert card["suite"] == path.parent.name
    assert sum(file.stat().st_size for file in path.parent.rglob("*")) <= MAX_BYTES
    if "folder" in run.config.workload:
        logs = logs_of(card["suite"])
        if logs is None:
            pytest.skip("the public logs that it learned from are not here")
        run.config.workload.folder = logs
    check = card["check"]
    assert run.score(check["episodes"]) == pytest.approx(
        check["objective"], rel=2e-3
    )  # torch's last bits differ between machines
    assert run.score_of_rules(check["episodes"]) == pytest.approx(check["objective_of_rules"], rel=1e-9)


def logs_of(suite: str) -> str | None:
    """The folder of the logs that a policy learned from, where exactly these are here: with others, other episodes are drawn."""
    try:
        folder = public_data.find(None) / "swf"
    except UsageError:
        return None
    return str(folder) if sorted(path.name.split("-")[0] for path in folder.glob("*.swf")) == LOGS[suite] else None


@pytest.fixture
def trained(tmp_path: Path) -> list[Path]:
    """The folders of three runs that learned nothing of small job shops."""
    with initialize_config_module("conf", version_base="1.3"):
        config = compose(
            "train", ["experiment=job_shop", "workload.jobs_max=10", "workload.jobs_min=4", "workload.machines_min=4"]
        )
    del config.folder
    folders = [tmp_path / f"run-s{seed}" for seed in range(3)]
    for seed, folder in enumerate(folders):
        torch.manual_seed(seed)
        brain = Brain(Spec.default(PRIORITIZER, 4))
        torch.nn.init.normal_(brain.actor.score.weight)  # type: ignore[arg-type, union-attr]  # a prioritizer's
        save(folder / "policy" / PRIORITIZER, brain, {"seed": seed, "seconds": 36.0, "decisions": 1000, "torch": "2"})
        OmegaConf.save(config, folder / "config.yaml", resolve=True)
        (folder / "command.txt").write_text(f"parley train experiment=job_shop seed={seed}\n", encoding="utf-8")
    return folders


def run(monkeypatch: pytest.MonkeyPatch, results: Path, *arguments: str) -> None:
    """Run ``parley ship`` where results are written to another folder."""
    monkeypatch.setattr(policies, "SHIPPED_FOLDER", results)
    monkeypatch.setattr(sys, "argv", ["parley ship", *arguments])
    ship.main()


def test_the_median_is_shipped(trained: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects from shipping the luckiest seed; what is shipped is found by its name and plays as its card says."""
    results = tmp_path / "results"
    run(
        monkeypatch,
        results,
        "suite=job_shop",
        f"runs=[{','.join(map(str, trained))}]",
        "episodes=9",
        "limits='None, really.'",
    )
    folder = results / "job_shop"
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    scores = [TrainingRun.read(path).score(9) for path in trained]
    assert list(card["objective_of_runs"].values()) == scores
    assert card["seed"] == scores.index(sorted(scores)[1])
    assert card["command"] == f"parley train experiment=job_shop seed={card['seed']}"
    shipped = TrainingRun.read(folder)
    assert shipped.score(card["check"]["episodes"]) == card["check"]["objective"]
    assert load_prioritizer("policies/job_shop").training["seed"] == card["seed"]  # type: ignore[attr-defined]
    page = (folder / PAGE).read_text(encoding="utf-8")
    assert "None, really." in page
    assert "jobs_min 4" in page
    assert "parley evaluate prioritizer=policies/job_shop" in page


def test_an_index_is_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects policies that are no networks: one file for both roles, shipped, found by name, and as good as its card says."""
    with initialize_config_module("conf", version_base="1.3"):
        rules = ["learner.episodes.prioritizer=wsrpt", "learner.episodes.negotiator=urgency"]
        config = compose("train", ["experiment=shared_cluster", "workload.jobs=8", *rules])
    del config.folder
    runs = [tmp_path / f"run-s{seed}" for seed in range(3)]
    for seed, folder in enumerate(runs):
        learned = Conditional(np.random.default_rng(seed).standard_normal(SIZE))
        write_text(
            folder / "policy" / FILE, text(learned, {"seed": seed, "seconds": 36.0, "decisions": 1000, "torch": "2"})
        )
        OmegaConf.save(config, folder / "config.yaml", resolve=True)
    run(monkeypatch, tmp_path / "results", "suite=shared_cluster", f"runs=[{','.join(map(str, runs))}]", "episodes=5")
    folder = tmp_path / "results" / "shared_cluster"
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    assert card["roles"] == ["prioritizer", "negotiator"]
    assert list(card["objective_of_runs"].values()) == [TrainingRun.read(path).score(5) for path in runs]
    found = load_prioritizer("policies/shared_cluster")
    assert isinstance(found, Conditional)
    assert np.array_equal(found.flat, load_prioritizer(str(runs[card["seed"]])).flat)  # type: ignore[attr-defined]
    assert TrainingRun.read(folder).score(card["check"]["episodes"]) == card["check"]["objective"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["suite=job_shop"], "runs names 0 training runs, must name 3 or more: what is shipped is their median"),
        (["suite=a/b", "runs=[a,b,c]"], "suite is 'a/b', must be the name of a suite"),
        (["suite=x", "runs=[a,b,c]"], "a is no training run: it has no config.yaml"),
        (["suite=x", "runs=[a,b,c]", "episodes=0"], "episodes is 0, must be an integer in 1..100000"),
    ],
)
def test_mistakes_of_the_user(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Protects users: one line and exit code 2, and nothing is shipped."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        run(monkeypatch, tmp_path / "results", *arguments)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
