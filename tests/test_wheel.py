"""What is installed without the repository: commands, their recipes and the shipped policies come with the wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agents.policies import SHIPPED_FOLDER
from experiments.plumbing.manual import choices
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the wheel is installed, without its dependencies, which are here already."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("envs", "agents", "experiments", "conf"):
        shutil.copytree(ROOT / name, folder / "tree" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "tree" / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = [
        "wheel",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
        "--wheel-dir",
        str(folder),
        str(folder / "tree"),
    ]
    subprocess.run([*pip, *build], check=True, capture_output=True, text=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", "--target", str(folder / "site"), str(wheel)], check=True
    )
    return folder / "site"


def run(installed: Path, folder: Path, *arguments: str) -> str:
    """What Python prints in an empty folder elsewhere, where nothing but the wheel can be imported before what it depends on."""
    environment = os.environ | {"PYTHONPATH": str(installed)}
    command = [sys.executable, "-P", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_commands_and_recipes_are_installed(installed: Path, tmp_path: Path) -> None:
    """Protects who installs Parley: commands have their help, and every recipe is found and builds its config."""
    assert (installed / "bin" / "parley").is_file() or (installed / "Scripts" / "parley.exe").is_file()
    assert "parley train" in run(installed, tmp_path, "-m", "experiments")
    told = run(installed, tmp_path, "-m", "experiments", "train", "--help")
    assert all(name in told for group in ("experiment", "scenario", "workload", "learner") for name in choices(group))
    config = run(
        installed, tmp_path, "-m", "experiments", "train", "scenario=job_shop", "learner.seconds=2", "--cfg", "job"
    )
    assert "name: random_job_shop" in config
    assert str(installed) in run(installed, tmp_path, "-c", "import experiments; print(experiments.__file__)")
    assert list(tmp_path.iterdir()) == []


def test_shipped_policies_are_installed(installed: Path, tmp_path: Path) -> None:
    """Protects who evaluates a shipped policy without the repository: all are there, found by name, with their configs."""
    shipped = installed / SHIPPED_FOLDER.relative_to(ROOT)
    assert {path.relative_to(shipped) for path in shipped.rglob("*") if path.is_file()} == {
        path.relative_to(SHIPPED_FOLDER) for path in SHIPPED_FOLDER.rglob("*") if path.is_file()
    }
    code = "from agents.policies import load_prioritizer as p; print(type(p('policies/job_shop')).__name__)"
    assert run(installed, tmp_path, "-c", code).strip() == "TrainedPrioritizer"
