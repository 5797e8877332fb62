"""Folders of training runs: each is one run's, and none is lost to a run that broke off."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from experiments.plumbing.cli import UsageError
from experiments.plumbing.processes import ROOT
from experiments.plumbing.training import CONFIG, claim

BREAKS_OFF = (
    "import os, pathlib, sys; from experiments.plumbing.training import claim; "
    "claim(pathlib.Path(sys.argv[1]), False).__enter__(); os._exit(9)"
)


def test_one_folder_one_run(tmp_path: Path) -> None:
    """Protects runs from each other: of two that start at once, and of one that comes later, the second is refused."""
    with claim(tmp_path / "run", False):
        with (
            pytest.raises(UsageError, match="is being written by another run; give another folder"),
            claim(tmp_path / "run", False),
        ):
            pass
        (tmp_path / "run" / CONFIG).touch()
        with pytest.raises(UsageError, match="is being written by another run"), claim(tmp_path / "run", True):
            pass
    with pytest.raises(UsageError, match="holds a run already"), claim(tmp_path / "run", False):
        pass


def test_a_run_that_broke_off_is_taken_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Protects who starts again after a crash: nothing has to be deleted by hand, and what happens is said; a new folder says nothing."""
    assert (
        subprocess.run([sys.executable, "-c", BREAKS_OFF, str(tmp_path / "run")], cwd=ROOT, check=False).returncode == 9
    )
    with claim(tmp_path / "new", False):
        assert capsys.readouterr().out == ""
    with claim(tmp_path / "run", False):
        assert capsys.readouterr().out.count("broke off before it had learned anything") == 1


def test_an_empty_folder_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the current folder from being taken for a run's."""
    done = subprocess.run(
        [sys.executable, "-m", "experiments", "train", "folder="], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "folder is empty" in done.stderr


def test_evolution_ends_with_its_table_and_report(tmp_path: Path) -> None:
    """Protects `make train`: what the default recipe learns is an index, and everything that ends a run knows that."""
    small = (
        "workload.jobs=6",
        "learner.evolution.pairs=4",
        "learner.episodes.number=8",
        "learner.evaluation.episodes=4",
    )
    budget = ("learner.decisions=2000", "learner.seconds=inf", "score.episodes=2", "device=cpu", "score.negotiator=drf")
    done = subprocess.run(
        [sys.executable, "-m", "experiments", "train", f"folder={tmp_path / 'run'}", *small, *budget],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "learned" in done.stdout or "policy" in done.stdout
    for name in ("policy/index.json", "evaluation.json", "schedule.png", "report.html"):
        assert (tmp_path / "run" / name).is_file(), name
