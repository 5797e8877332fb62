"""The whole of ``parley tune``, small: an index that is written, found by its name, and plays."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from agents import policies
from agents.evaluation.play import draw_episodes, play
from agents.policies import SHIPPED_FOLDER, load_negotiator, load_prioritizer
from agents.rules import Index
from envs.default_scenario import default_scenario
from experiments import tune
from experiments.plumbing.building import make

SMALL = [
    "workload.jobs=8",
    "search.population=4",
    "search.elite=2",
    "search.generations=2",
    "search.episodes=2",
    "score.episodes=2",
]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """Run ``parley tune`` with these arguments."""
    monkeypatch.setattr(sys, "argv", ["parley tune", *arguments])
    tune.main()


@pytest.mark.parametrize("folder", ["shared_cluster_index", "large_tasks_index"])
def test_published_indices_are_what_they_say(folder: str) -> None:
    """Protects a committed index: on the first of the episodes that it names it is far ahead of the rules that it names."""
    facts = json.loads((SHIPPED_FOLDER / folder / "index.json").read_text(encoding="utf-8"))["training"]
    scenario = replace(default_scenario(), workload=make(OmegaConf.create(facts), "workload"))
    episodes = draw_episodes(scenario, 16, facts["score"]["seed"])
    name, rules = f"policies/{folder}", facts["score"]
    mean = play(scenario, episodes, load_prioritizer(name), load_negotiator(name)).objective.mean()
    of_rules = play(
        scenario, episodes, load_prioritizer(rules["prioritizer"]), load_negotiator(rules["negotiator"])
    ).objective.mean()
    assert mean / of_rules - 1 < facts["difference"]["high"] < 0


def test_an_index_is_tuned_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects what is published: weights, what they were tuned on, and the name by which commands find them in both roles."""
    monkeypatch.setattr(policies, "SHIPPED_FOLDER", tmp_path)
    run(monkeypatch, *SMALL, f"folder={tmp_path / 'mine'}")
    written = json.loads((tmp_path / "mine" / "index.json").read_text(encoding="utf-8"))
    for load in (load_prioritizer, load_negotiator):
        loaded = load("policies/mine")
        assert isinstance(loaded, Index)
        assert loaded.weights == written["weights"]
    assert written["weights"]["wsrpt"] == 1.0
    assert written["training"]["workload"]["load_max"] == 1.6
    assert written["training"]["command"] == " ".join(["parley tune", *SMALL])
    assert "On 2 fresh episodes its mean objective is" in capsys.readouterr().out


def test_policies_are_not_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects shipped policies: an index is not written beside one, where it would be taken for it."""
    (tmp_path / "prioritizer").mkdir()
    with pytest.raises(SystemExit):
        run(monkeypatch, *SMALL, f"folder={tmp_path}")
    assert "must be a folder of its own" in capsys.readouterr().err
    assert not (tmp_path / "index.json").exists()


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("search.elite=1", "search.elite is 1, must be in 2..48"),
        ("search.elite=many", "search.elite is 'many', must be an integer"),
        ("score.episodes=1", "score.episodes is 1, must be an integer in 2..100000"),
        ("columns=[wsrpt]", "columns is ['wsrpt'], must name two at least, each once"),
        ("columns=[-wsrpt,wsrpt]", "must name two at least, each once"),
        ("columns=[wsrpt,foo]", "columns has 'foo', must be among wsrpt, "),
        ("columns=[wsrpt,-wait]", "columns has '-wait', must be among"),
        ("columns=wsrpt", "columns is 'wsrpt', must be a list"),
        ("score.prioritizer=nosuch", "unknown prioritizer rule 'nosuch'"),
    ],
)
def test_mistakes_of_the_user(
    argument: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects users: one line and exit code 2, before anything is played."""
    with pytest.raises(SystemExit) as exit_:
        run(monkeypatch, argument, f"folder={tmp_path / 'mine'}")
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
