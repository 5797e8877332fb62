"""Hydra's launchers run jobs of a sweep side by side; for joblib's, see docs/clients.md."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.experiments.test_sweeps import TINY


def test_joblib_runs_a_sweep(tmp_path: Path) -> None:
    """Protects sweeps in several processes: each seed learns, in a folder of its own, to the same costs as alone."""
    if importlib.util.find_spec("joblib") is None or importlib.util.find_spec("hydra_plugins") is None:
        pytest.skip("hydra-joblib-launcher is not installed: make test-clients")
    command = [sys.executable, "-m", "experiments", "train"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    launched = ["--multirun", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "seed=0,1"]
    for more, folder in ((launched, "swept"), (["seed=1"], "alone")):
        (tmp_path / folder).mkdir()
        subprocess.run(
            [*command, *more, *TINY], cwd=tmp_path / folder, env=environment, check=True, capture_output=True
        )
    swept, alone = (tmp_path.glob(f"{folder}/results/*/*/evaluation.json") for folder in ("swept", "alone"))
    costs = {read.parent.name.partition("-s")[2][:1]: objectives(read) for read in swept}
    assert set(costs) == {"0", "1"}
    assert costs["0"] != costs["1"] == objectives(next(alone))


def objectives(path: Path) -> list[list[float]]:
    """What episodes cost whom, in an evaluation."""
    return [pair["episodes"]["objective"] for pair in json.loads(path.read_text(encoding="utf-8"))["pairs"]]
