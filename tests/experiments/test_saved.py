"""Configs that were read from a run, which may come from anybody: plain values, and no code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf

from agents.networks.architecture import PRIORITIZER, Brain, Spec
from agents.networks.artifact import save
from agents.policies import SHIPPED_FOLDER
from experiments.plumbing import saved
from experiments.plumbing.building import ConfigError
from tests.conftest import ROOT

BOMB = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
REFUSED = {
    "anchors": (BOMB, "config.yaml:1: has the YAML anchor or alias 'a', must write its value out"),
    "alias": ("a: *b\n", "config.yaml:1: has the YAML anchor or alias 'b'"),
    "depth": ("[" * 40 + "]" * 40, "is deeper than 32 levels"),
    "deeper": ("[" * 5000 + "]" * 5000, "is deeper than 32 levels|not YAML"),
    "many": ("a: [" + "1," * 200_000 + "]", "has too many values"),
    "large": ("a: " + "x" * 2**20, "has more than 1048576 bytes"),
    "environment": (
        "workload: {name: swf, path: '${oc.env:HOME}/x.swf'}",
        r"workload.path is '\${oc.env:HOME}/x.swf', must be plain",
    ),
    "reference": ("a: [1, {b: '${c}'}]\nc: 1", r"a\[1\].b is '\${c}', must be plain"),
    "key": ("'${oc.env:HOME}': 1", "must be plain"),
    "escaped": ("a: '\\${b}'", "must be plain"),
    "tag": ("a: !!python/object/apply:os.system [true]", "config.yaml:1: has the YAML tag"),
    "list": ("[1, 2]", "is a list"),
    "bytes": ("\udcff", "not YAML"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_refers_to_something_else_is_refused(name: str, tmp_path: Path) -> None:
    """Protects whoever resumes, scores or ships a foreign run: nothing grows when it is read, and nothing is looked up."""
    text, message = REFUSED[name]
    (tmp_path / "config.yaml").write_bytes(text.encode("utf-8", errors="surrogateescape"))
    with pytest.raises(ConfigError, match=message):
        saved.read(tmp_path / "config.yaml")


def test_absent() -> None:
    """Protects the name of the file."""
    with pytest.raises(ConfigError, match=r"no/config.yaml: cannot be read: No such file"):
        saved.read(Path("no/config.yaml"))


@pytest.mark.parametrize("path", sorted(SHIPPED_FOLDER.glob("*/config.yaml")), ids=lambda path: path.parent.name)
def test_what_is_shipped_can_be_read(path: Path) -> None:
    """Protects the policies that come with Parley, whose configs anybody may ship or resume from."""
    assert {"scenario", "workload", "learner", "seed"} <= set(saved.read(path))


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """The folder of a run whose config asks for a module beside it, as those of before registered names could."""
    with initialize_config_module("conf", version_base="1.3"):
        config = compose("train", ["experiment=job_shop"])
    config.folder = str(tmp_path)
    text = OmegaConf.to_yaml(config, resolve=True).replace("name: random_job_shop", "_target_: payload.Payload")
    assert "payload" in text
    for seed, folder in enumerate((tmp_path, tmp_path / "b", tmp_path / "c")):
        facts = {"seed": seed, "seconds": 1.0, "decisions": 1, "torch": "2"}
        save(folder / "policy" / PRIORITIZER, Brain(Spec.default(PRIORITIZER, 4)), facts)
        (folder / "config.yaml").write_text(text, encoding="utf-8")
    payload = "import pathlib\npathlib.Path('ran').touch()\nclass Payload: pass\n"
    for name in ("payload.py", "random_job_shop.py"):
        (tmp_path / name).write_text(payload, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("command", [["train", "resume=."], ["ship", "suite=x", "runs=[.,b,c]"]], ids=["train", "ship"])
@pytest.mark.parametrize("key", ["_target_", "name"])
def test_no_config_runs_code(command: list[str], key: str, foreign: Path) -> None:
    """Protects who resumes or ships a foreign run from within its folder: a module that lies there is never imported."""
    for path in foreign.rglob("config.yaml"):
        path.write_text(
            path.read_text(encoding="utf-8").replace("_target_: payload", f"{key}: payload"), encoding="utf-8"
        )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    run = [sys.executable, "-m", "experiments", *command]
    done = subprocess.run(run, cwd=foreign, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert not (foreign / "ran").exists()
    assert done.returncode == 2, done.stderr
    assert f"workload.{key} is 'payload.Payload', must be" in done.stderr
