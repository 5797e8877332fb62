"""Folders of training runs: each is one run's, and none is lost to a run that broke off."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from experiments.plumbing.cli import UsageError
from experiments.plumbing.processes import ROOT
from experiments.train import CONFIG, claim

BREAKS_OFF = (
    "import os, pathlib, sys; from experiments.train import claim; "
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
