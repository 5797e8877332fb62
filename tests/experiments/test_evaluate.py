"""The whole of ``parley evaluate``, from the command line to the file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agents.rules import NEGOTIATORS, PRIORITIZERS
from experiments import evaluate
from experiments.reports import comparison
from tests.conftest import ROOT

SMALL = ["workload.jobs=6", "episodes=3"]
SHOP = "2 2\n0 3 1 2\n1 4 0 1\n"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """Run ``parley evaluate`` with these arguments."""
    monkeypatch.setattr(sys, "argv", ["parley evaluate", *arguments])
    evaluate.main()


def test_every_pair_is_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects the point of it: lists of names per role, every pair in the table and in the file, on the same episodes."""
    out = tmp_path / "new" / "results.json"
    run(monkeypatch, "prioritizer=[wsrpt,wsrpt+r,wsrpt]", "negotiator=[drf,urgency]", f"out={out}", *SMALL)
    printed = capsys.readouterr().out
    document = json.loads(out.read_text(encoding="utf-8"))
    pairs = {(pair["prioritizer"], pair["negotiator"]) for pair in document["pairs"]}
    assert pairs == {(p, n) for p in ("wsrpt", "wsrpt+r") for n in ("drf", "urgency")}
    assert len(document["pairs"]) == 4
    assert all(p in printed and n in printed for p, n in pairs)
    assert len(document["episode_seeds"]) == 3
    assert document["config"]["workload"]["jobs"] == 6
    assert str(out) in printed


def test_equal_commands_give_equal_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects published tables: only wall time differs between two runs."""
    documents = []
    for name in ("a", "b"):
        run(monkeypatch, "prioritizer=random", "negotiator=random", f"out={tmp_path / name}", *SMALL)
        document = json.loads((tmp_path / name).read_text(encoding="utf-8"))
        sheet = document["report"]["sheets"][0]
        assert sheet["header"][-1] == "decisions/s"
        del document["config"]["out"], document["pairs"][0]["seconds"], sheet["rows"][0][-1]
        documents.append(document)
    assert documents[0] == documents[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prioritizer=wsprt"], "unknown prioritizer rule 'wsprt'. Did you mean wspt"),
        (
            ["negotiator=[drf,nosuch]"],
            "unknown negotiator rule 'nosuch'. Known: random, equal, fcfs, drf, urgency, or the folder",
        ),
        (
            ["prioritizer=no/such"],
            "prioritizer no/such: no such folder, must be that of a trained policy or the name of a rule",
        ),
        (["prioritizer=[]"], "prioritizer is an empty list"),
        (["prioritizer=folder"], "no such file; a trained policy is a folder with"),
        (["out=folder"], "out=folder is a folder, must be the file to write"),
        (["episodes=0"], "episodes is 0, must be an integer in 1..100000"),
        (["search=[{samples:0}]"], "search.samples is 0, must be a whole number >= 1"),
        (["search=3"], "search is 3, must be a list such as [{samples:128},{choices:3}]"),
        (["search=[{samples:8}]"], "search: best of 8 plans beforehand, which nobody can in synthetic-"),
        (
            ["search=[{choices:2,ranked:true}]"],
            "search.ranked is true, must be false where several agents play, here 4",
        ),
        (["out=file/results.json"], "out: file/results.json cannot be written: Not a directory"),
        (
            ["scenario.uncertainty.mean_time_between_failures=1e-6"],
            "Uncertainty.mean_time_between_failures is 1e-06, must be >= ",
        ),
        (["seed=-1"], "seed is -1, must be an integer >= 0"),
    ],
)
def test_mistakes_of_the_user(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Protects users: one line, exit code 2, and nothing written, before anything was played."""
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("file").touch()
    with pytest.raises(SystemExit) as exit_:
        run(monkeypatch, "out=results.json", *SMALL, *arguments)
    captured = capsys.readouterr()
    assert exit_.value.code == 2
    assert captured.out == ""
    assert captured.err.startswith("parley evaluate: error: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_what_repeats_itself_is_played_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects from false certainty: 64 times the same episode of a file is one; with noise it is 64, all of one instance."""
    (tmp_path / "shop.txt").write_text(SHOP, encoding="utf-8")
    shop = [
        "scenario=job_shop",
        "workload=job_shop",
        f"workload.path={tmp_path / 'shop.txt'}",
        "prioritizer=[spt,mwkr]",
        "negotiator=fcfs",
    ]
    run(monkeypatch, *shop, f"out={tmp_path / 'once.json'}")
    captured = capsys.readouterr()
    assert "episodes=64: nothing in them is drawn, so that all are the same; one is played" in captured.err
    assert "There is no interval" in captured.out
    assert "[" not in captured.out
    assert len(json.loads((tmp_path / "once.json").read_text(encoding="utf-8"))["episode_seeds"]) == 1
    run(monkeypatch, *shop, f"out={tmp_path / 'noisy.json'}", "scenario.uncertainty.duration_sigma=0.3", "episodes=5")
    assert "All episodes are of one instance" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "noisy.json").read_text(encoding="utf-8"))["episode_seeds"]) == 5


def test_rules_are_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects fair comparisons: rules play with the same searches as networks, none is worse for it, and the baseline goes without."""
    shops = [
        "scenario=job_shop",
        "workload=random_job_shop",
        "workload.jobs_max=6",
        "workload.jobs_min=6",
        "workload.machines_max=4",
    ]
    shops += [
        "workload.machines_min=4",
        "prioritizer=[spt,mwkr+r]",
        "negotiator=fcfs",
        "episodes=4",
        f"out={tmp_path / 'out.json'}",
    ]
    run(monkeypatch, *shops, "search=[{samples:8},{choices:2},{choices:2,beam:2}]")
    pairs = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["pairs"]
    costs = {pair["prioritizer"]: pair["episodes"]["objective"] for pair in pairs}
    assert set(costs) == {
        p + how for p in ("spt", "mwkr+r") for how in ("", ", best of 8", ", lookahead 2", ", beam 2, 2 choices")
    }
    for rule in ("spt", "mwkr+r"):
        for how in (", best of 8", ", lookahead 2", ", beam 2, 2 choices"):
            assert all(found <= alone for found, alone in zip(costs[rule + how], costs[rule], strict=True))
        assert sum(costs[f"{rule}, lookahead 2"]) < sum(costs[rule])
    assert [pair["prioritizer"] for pair in pairs if pair["baseline"]] in (["spt"], ["mwkr+r"])


def test_ctrl_c_leaves_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects who stops a long comparison: the pairs that are done are told, exit code 130, and no file is written."""
    played, left = comparison.play, [1]

    def play(*arguments: Any, **settings: Any) -> Any:
        if not left.pop():
            raise KeyboardInterrupt
        left.append(0)
        return played(*arguments, **settings)

    monkeypatch.setattr(comparison, "play", play)
    monkeypatch.setattr("experiments.plumbing.cli.signal.signal", lambda *_: None)
    with pytest.raises(SystemExit) as exit_:
        run(monkeypatch, "prioritizer=[spt,wsrpt]", "negotiator=drf", f"out={tmp_path / 'x.json'}", *SMALL)
    told = capsys.readouterr()
    assert exit_.value.code == 130
    assert "spt" in told.out
    assert "the table is of the first 1 of 2 pairs" in told.err
    assert list(tmp_path.iterdir()) == []


def test_help() -> None:
    """Protects --help: it names every rule, and needs neither torch nor numba to do so."""
    command = [sys.executable, "-X", "importtime", "-m", "experiments", "evaluate", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    imported = {
        line.rsplit("|", 1)[1].strip().split(".")[0]
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert imported.isdisjoint({"torch", "numba", "stable_baselines3", "hydra"})
    for group in ("scenario", "workload"):
        assert (
            f"{group}    {' '.join(sorted(path.stem for path in (ROOT / 'conf' / group).glob('*.yaml')))}\n"
            in done.stdout
        )
    assert "learner" not in done.stdout
    for rules in (PRIORITIZERS, NEGOTIATORS):
        assert " ".join(rules) in done.stdout
