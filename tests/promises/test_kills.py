"""Resume is exact: killed at random instants, also while a checkpoint is being written, a run ends with the bits of one that never was."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agents.learning import checkpoint
from tests.conftest import ROOT
from tests.experiments.test_killed import TINY, scalars
from tests.promises.long import tries

KILLS = tries(2, 20)
KILLED_WRITING = """
import os, signal, sys
from experiments import train

replace, calls, last = os.replace, [], int(sys.argv.pop(1))

def killed(source, target, **options):
    if "checkpoint" in str(target):
        calls.append(target)
        if len(calls) == last:
            os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target, **options)

os.replace = killed
train.main()
"""
"""Kills itself when it would rename a checkpoint that is written, of its own or of those before it."""


def started(*arguments: str) -> subprocess.Popen[bytes]:
    """A process of Python with these arguments, which says nothing."""
    return subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def final(folder: Path) -> tuple[dict[str, list[tuple[int, float]]], dict[str, bytes]]:
    """The curves of a run, and every bit of its last checkpoint and of its best policy."""
    arrays = checkpoint.load(folder / checkpoint.NAME)[0]
    bits = {
        name: array.tobytes() for name, array in arrays.items() if name != "method.world.world"
    }  # that has addresses
    for path in sorted((folder / "policy").rglob("*.safetensors")):
        bits[str(path.relative_to(folder))] = path.read_bytes()
    return scalars(folder), bits


def check_same(folder: Path, whole: Path) -> None:
    """Two runs have left the same curves and the same bits; what differs is named."""
    for found, expected in zip(final(folder), final(whole), strict=True):
        assert found.keys() == expected.keys()
        different = [name for name in expected if found[name] != expected[name]]
        assert not different, different


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """The folder of a run that nobody disturbed, and the seconds that it took."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    began = time.monotonic()
    assert started("-m", "experiments", "train", f"folder={folder}", *TINY).wait(600) == 0
    return folder, time.monotonic() - began


def test_random_kills(whole: tuple[Path, float], tmp_path: Path) -> None:
    """Protects whoever trains on machines that are taken away: where it was killed, and how often, cannot be told from what is left."""
    folder, draw = tmp_path / "run", random.Random(0)
    command = ("-m", "experiments", "train", f"folder={folder}", *TINY)
    kills = 0
    while kills < KILLS:
        process = started(*command)
        try:
            code = process.wait(draw.uniform(0.4, 1.0) * whole[1])
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
        else:  # it came to its end first: what is killed next is a new run
            assert code == 0
            folder = tmp_path / f"run{kills}"
        begun = (folder / checkpoint.NAME).exists()
        command = ("-m", "experiments", "train", f"resume={folder}") if begun else command
        if not begun:
            folder = tmp_path / f"again{kills}"
            command = ("-m", "experiments", "train", f"folder={folder}", *TINY)
    assert started(*command).wait(600) == 0
    check_same(folder, whole[0])


@pytest.mark.parametrize("call", range(1, tries(2, 8)))
def test_killed_while_writing(whole: tuple[Path, float], tmp_path: Path, call: int) -> None:
    """Protects the moment at which most is at stake: between a checkpoint's last byte and its name."""
    folder = tmp_path / "run"
    process = started("-c", KILLED_WRITING, str(call + 3), f"folder={folder}", *TINY)
    assert process.wait(600) == -signal.SIGKILL
    assert started("-m", "experiments", "train", f"resume={folder}").wait(600) == 0
    check_same(folder, whole[0])
    assert not list(folder.glob(".*.tmp")), "what was half written is still there"
