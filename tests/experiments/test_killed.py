"""Runs whose process is killed, or whose disk is full: what a user finds then, and how it goes on."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from agents.learning import checkpoint
from experiments.reports.page import html
from experiments.reports.sources import read
from experiments.reports.windows import execution
from experiments.reports.windows.page import performance
from tests.conftest import ROOT

if sys.platform == "win32":
    pytest.skip("signals and limits are of posix", allow_module_level=True)

import resource

TINY = (
    "experiment=shared_cluster_ppo",
    "workload.jobs=8",
    "learner.worlds=4",
    "learner.rollout=100",
    "learner.decisions=600",
    "learner.checkpoint_every=1",
    "learner.update.batch=64",
    "learner.network.width=4",
    "learner.network.critic_width=4",
    "learner.episodes.number=4",
    "learner.imitation.decisions=0",
    "learner.evaluation.episodes=2",
    "learner.evaluation.every=1",
    "score.episodes=1",
    "score.prioritizer=[wsrpt]",
    "score.negotiator=[urgency]",
    "device=cpu",
)
KILLED = """
import os, signal, sys
from agents.learning import checkpoint
from experiments import train

save, when, calls = checkpoint.save, sys.argv.pop(1), []

def killed(*state):
    calls.append(state)
    if len(calls) < 4 or when == "after":
        save(*state)
    if len(calls) == 4:
        os.kill(os.getpid(), signal.SIGKILL)

checkpoint.save = killed
train.main()
"""
"""Kills itself around its fourth checkpoint; the first is from before it learns."""


def trained(*arguments: str, bytes_per_file: int | None = None) -> subprocess.CompletedProcess[str]:
    """Python with these arguments, where no file may grow larger than that."""

    def limit() -> None:
        if bytes_per_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_per_file, bytes_per_file))

    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        preexec_fn=limit,
    )


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Every curve that TensorBoard shows of a run, but for those that tell the time."""
    events = EventAccumulator(str(folder), {"scalars": 0})
    events.Reload()
    names = [name for name in events.Tags()["scalars"] if name == "time/iteration" or not name.startswith("time/")]
    return {name: [(point.step, point.value) for point in events.Scalars(name)] for name in names}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    done = trained("-m", "experiments", "train", f"folder={folder}", *TINY)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folders of runs that were killed right before and right after a checkpoint; not to be changed."""
    folders = {when: tmp_path_factory.mktemp("runs") / when for when in ("before", "after")}
    for when, folder in folders.items():
        done = trained("-c", KILLED, when, f"folder={folder}", *TINY)
        assert done.returncode == -signal.SIGKILL, done.stderr
    return folders


def test_a_run_ends_with_its_report(whole: Path) -> None:
    """Protects what training ends with: a page that is small and whole, the curves, both schedules, and TensorBoard's table of runs."""
    report = read(whole)
    assert (whole / "report.html").read_text(encoding="utf-8") == html(report)
    assert (whole / "report.html").stat().st_size < 2e6
    assert [len(schedule.bars["start"]) > 0 for schedule in report.schedules] == [True, True]
    assert report.charts[0].title == "Gap to the rules"
    assert report.sheets[0].header[:3] == ["prioritizer", "negotiator", "objective"]
    events = EventAccumulator(str(whole))
    events.Reload()
    assert {"score/objective", "score/gap_percent", "score/mean_slowdown", "score/jain"} <= set(
        events.Tags()["scalars"]
    )
    assert events.Tags()["images"] == ["schedule", "bids"]
    with Image.open(whole / "schedule.png") as picture:
        assert picture.info["Command"] == (whole / "command.txt").read_text(encoding="utf-8").strip()
        assert len(picture.info["Data"].splitlines()) == 1 + len(report.schedules[0].bars["start"])
    assert "config/text_summary" in events.Tags()["tensors"]
    assert "_hparams_/session_start_info" in events.summary_metadata
    told = performance(execution.read(whole, 5), 86_400.0)
    named = {row[1]: str(row[-1]) for row in told.sheets[0].rows}
    assert told.title == f"Performance: {whole.name}"
    assert {name for name, value in named.items() if value == "not measured"} <= {
        "learning rate", "optimisation ability", "error recovery", "time to recover", "loss per failure", "adaptation speed"
    }  # fmt: skip


@pytest.mark.parametrize("when", ["before", "after"])
def test_no_point_is_lost_or_twice(whole: Path, killed: dict[str, Path], tmp_path: Path, when: str) -> None:
    """Protects curves and bits: killed right before a checkpoint or right after it and resumed, a run has every point once."""
    folder = tmp_path / "run"
    shutil.copytree(killed[when], folder)
    assert checkpoint.load_facts(folder / checkpoint.NAME)["iteration"] == (2 if when == "before" else 3)
    resumed = trained("-m", "experiments", "train", f"resume={folder}")
    assert resumed.returncode == 0, resumed.stderr
    expected, found = scalars(whole), scalars(folder)
    assert len(expected["time/iteration"]) >= 5
    assert found == expected
    bits, again = (checkpoint.load(each / checkpoint.NAME)[0] for each in (whole, folder))
    for name in bits.keys() - {"method.world.world"}:  # that one holds addresses in memory
        assert np.array_equal(bits[name], again[name], equal_nan=bits[name].dtype.kind == "f"), name


@pytest.mark.parametrize(("limit", "named"), [(0.5, checkpoint.NAME), (0.0001, "")])
def test_full_disk_is_one_line(killed: dict[str, Path], tmp_path: Path, limit: float, named: str) -> None:
    """Protects who runs out of disk: one line that says which file, exit code 2, nothing half written, and all checkpoints as they were."""
    folder = tmp_path / "run"
    shutil.copytree(killed["after"], folder)
    before = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    size = (folder / checkpoint.NAME).stat().st_size
    full = trained("-m", "experiments", "train", f"resume={folder}", bytes_per_file=int(limit * size))
    assert full.returncode == 2
    assert "Traceback" not in full.stderr
    told = [line for line in full.stderr.split("\n") if "error" in line]
    assert told == [f"parley train: error: {folder / named}: File too large"]
    after = {path for path in folder.rglob("*") if path.is_file() and "tfevents" not in path.name}
    assert after == {path for path in before if "tfevents" not in path.name}
    assert all(
        path.read_bytes() == before[path] for path in after if path.suffix == ".safetensors" and path.parent == folder
    )


def test_full_disk_before_anything_is_learned(tmp_path: Path) -> None:
    """Protects the first moment: where not even the first checkpoint fits, the folder holds nothing but the claim on it."""
    full = trained("-m", "experiments", "train", f"folder={tmp_path / 'run'}", *TINY, bytes_per_file=4096)
    assert full.returncode == 2
    assert (
        full.stderr.strip().split("\n")[-1]
        == f"parley train: error: {tmp_path / 'run' / checkpoint.NAME}: File too large"
    )
    assert "Traceback" not in full.stderr
    assert [path.name for path in (tmp_path / "run").iterdir()] == [".claimed"]
