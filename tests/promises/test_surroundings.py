"""Wherever it runs, training and evaluation do the same, or say in one line what is wrong before work is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.experiments.test_killed import TINY

if sys.platform == "win32":
    pytest.skip("cores and rights are set as posix does it", allow_module_level=True)

STRANGE = {"LANG": "C", "LC_ALL": "C", "TERM": "dumb", "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
"""All of the environment: no HOME, no DISPLAY, no encoding."""


def parley(*arguments: str, folder: Path = ROOT, strange: bool = False) -> subprocess.CompletedProcess[bytes]:
    """Run a command there, without a terminal; in strange surroundings on one core."""
    environment = (
        {**STRANGE, **{k: v for k, v in os.environ.items() if k.startswith("NUMBA")}} if strange else dict(os.environ)
    )

    def one_core() -> None:
        if strange and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    return subprocess.run(
        [sys.executable, "-m", "experiments", *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=600,
        check=False,
        preexec_fn=one_core,
    )


def test_strange_surroundings(tmp_path: Path) -> None:
    """Protects servers and containers: no HOME, display, terminal or locale, one core, another folder with spaces and umlauts."""
    there = tmp_path / "Übung mit Leerzeichen, 'Zeichen' und = Gleichheit"
    there.mkdir()
    plain = parley("train", f"folder={tmp_path / 'plain'}", *TINY)
    assert plain.returncode == 0, plain.stderr
    strange = parley("train", "folder=der Lauf", *TINY, folder=there, strange=True)
    assert strange.returncode == 0, strange.stderr
    strange.stderr.decode("ascii")
    for name in ("policy/prioritizer", "policy/negotiator"):
        weights = Path(name) / "weights.safetensors"
        assert (there / "der Lauf" / weights).read_bytes() == (tmp_path / "plain" / weights).read_bytes()
    again = parley("train", "resume=der Lauf", "learner.decisions=700", folder=there, strange=True)
    assert again.returncode == 0, again.stderr
    compared = ("prioritizer=[der Lauf/policy]", "negotiator=urgency", "episodes=2", "workload.jobs=8")
    scored = parley("evaluate", *compared, folder=there, strange=True)
    assert scored.returncode == 0, scored.stderr
    assert "der Lauf" in scored.stdout.decode("utf-8")


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    """Protects hours: a place that cannot hold the results is named before anything is learned."""
    (tmp_path / "file").write_text("no folder")
    places = [tmp_path / "file" / "run"]
    if os.geteuid():
        (tmp_path / "locked").mkdir(mode=0o555)
        places.append(tmp_path / "locked" / "run")
    for place in places:
        refused = parley("train", f"folder={place}", *TINY)
        told = refused.stderr.decode().strip().splitlines()[-1]
        assert refused.returncode == 2, refused.stderr
        assert f"{place}/config.yaml cannot be written" in told
        assert b"decisions" not in refused.stdout


@pytest.mark.parametrize(
    ("package", "command", "install"),
    [("ortools", ("bound", "workload.jobs=6", "episodes=1", "seconds=1", "out=OUT"), "pip install ortools")],
)
def test_optional_packages(package: str, command: tuple[str, ...], install: str, tmp_path: Path) -> None:
    """Protects who installed the core alone: what is missing is named with how to get it."""
    code = f"import sys; sys.modules[{package!r}] = None; from experiments.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *(part.replace("OUT", str(tmp_path / "out.json")) for part in command)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert install in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr
