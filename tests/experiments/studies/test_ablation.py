"""The whole of ``parley ablation``, small: variants that are trained once, scored on the same episodes, and told apart."""

from __future__ import annotations

import json
import math
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_module

from experiments import ablation
from experiments.studies.curves import TRAINING, read, thirds
from experiments.studies.variants import variants
from tests.conftest import ROOT

SMALL = [
    "workload.jobs_min=3",
    "workload.jobs_max=4",
    "workload.machines_min=2",
    "workload.machines_max=3",
    "learner.decisions=300",
    "learner.episodes.number=8",
    "learner.groups.number=4",
    "learner.groups.rollouts=8",
    "learner.evaluation.episodes=4",
    "episodes=6",
]


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> None:
    """Run ``parley ablation`` with runs and results in a folder."""
    monkeypatch.setattr(
        sys, "argv", ["parley ablation", *SMALL, *arguments, f"runs={folder / 'runs'}", f"out={folder / 'found.json'}"]
    )
    ablation.main()


def test_variants_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects the table: a row per variant with what it changes, paired differences to rules and to the first; runs are kept."""
    chosen = ["only=[group,wide,no-reservations]", "seeds=[0,1]"]
    run(monkeypatch, tmp_path, *chosen)
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert found["command"] == shlex.join(["parley", "ablation", *SMALL, *chosen])
    assert list(found["variants"]) == ["group", "wide", "no-reservations"]
    for each in found["variants"].values():
        assert all(300 <= made < 3000 for made in each["decisions"])  # the budget, and at most one iteration more
        assert [len(costs) for costs in each["objective"]] == [6, 6]
    assert found["variants"]["group"] != found["variants"]["no-reservations"]
    page = (tmp_path / "found.md").read_text(encoding="utf-8")
    assert "| decisions played | iterations | s of learning |" in page
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith(("| group", "| wide", "| no-res"))]
    assert next(row[2] for row in rows) == "= 0"
    assert [row[-1].strip(" |") for row in rows] == [
        "nothing",
        "learner.network.width=128",
        "scenario.reservations.allowed=False",
    ]
    assert "42 schedules, every one checked" in page
    assert (tmp_path / "found.png").read_bytes().startswith(b"\x89PNG")
    curve = read(tmp_path / "runs" / "group-s0", TRAINING)
    assert " to " in rows[0][4]
    assert len(curve[0]) == len(curve[1]) > 1
    capsys.readouterr()
    run(monkeypatch, tmp_path, *chosen)
    assert "runs to train" not in capsys.readouterr().out
    assert json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["variants"] == found["variants"]
    run(monkeypatch, tmp_path, "+variants.large={workload:{jobs_min:4}}", "only=[large,group]", "seeds=[0,1]")
    again = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert (
        again["variants"]["group"] == found["variants"]["group"] != again["variants"]["large"]
    )  # whatever it learned from


def test_thirds_of_a_curve() -> None:
    """Protects the columns that say whether learning goes on: means by decisions, not by points; nothing where nothing was logged."""
    assert thirds((np.array([1.0, 2.0, 3.0, 8.0, 9.0]), np.array([4.0, 2.0, 0.0, -1.0, -3.0]))) == (2.0, -2.0)
    assert thirds((np.array([30.0, 60.0]), np.array([5.0, 1.0]))) == (5.0, 1.0)
    assert np.isnan(thirds((np.zeros(0), np.zeros(0)))).all()


def test_every_variant_has_the_same_budget() -> None:
    """Protects comparisons: in every problem that is shipped, all variants play the same number of decisions, and no clock stops one."""
    problems = sorted(path.stem for path in (ROOT / "conf" / "problem").glob("*.yaml"))
    assert problems
    with initialize_config_module("conf", version_base="1.3"):
        for problem in problems:
            config = compose("ablation", [f"problem={problem}", "runs=runs", "out=out.json"])
            budgets = {(v.config.learner.decisions, v.config.learner.seconds) for v in variants(config)}
            assert len(budgets) == 1, problem
            assert budgets.pop()[1] == math.inf


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("only=[nosuch]", "only has 'nosuch', must be some of group, "),
        ("seeds=[]", "seeds is [], must be a list of different integers >= 0"),
        ("episodes=1", "episodes is 1, must be an integer in 2..100000"),
        ("problem=nosuch", "nosuch"),
        ("rules.prioritizer=nosuch", "unknown prioritizer rule 'nosuch'"),
        ("rules=null", "rules is None, must be a mapping with prioritizer and negotiator"),
        ("variants=null", "variants is None, must be a mapping"),
        ("+variants.bad={learner:{nonsense:1}} only=[group,bad]", "variants.bad: learner.nonsense is unknown"),
    ],
)
def test_mistakes_of_the_user(
    argument: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects users: one line and exit code 2, before anything is trained."""
    with pytest.raises(SystemExit) as exit_:
        run(monkeypatch, tmp_path, *argument.split())
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
