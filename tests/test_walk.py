"""How far a reader has to go: the files that a config enters on its way from ``parley train`` to the first finished iteration."""

from __future__ import annotations

import re
import sys
from functools import cache
from itertools import groupby
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
from omegaconf import DictConfig
from stable_baselines3.common.logger import Logger

import agents.operation.site.play_rules  # noqa: F401  # the scenario that it makes on import is not the one that walks
from agents.learning.loop import Training
from experiments import train
from tests.conftest import ROOT

SMALL = (
    "workload.jobs=6",
    "learner.worlds=4",
    "learner.episodes.number=4",
    "learner.evaluation.episodes=4",
    "learner.evolution.pairs=2",
    "score.prioritizer=wsrpt",
    "score.negotiator=drf",
)
CONFIGS = ("envs.scenario", "envs.workloads.generators.", "agents.learning.config", "experiments.plumbing.settings")
"""Modules of the dataclasses that say what a run is to be: beside Hydra's config, what is made of it."""
PACKAGES = ("envs", "agents", "experiments")
FUNCTION = 1
"""Flag of code with local variables: no module and no class body, which run when something is imported."""


class Finished(Exception):  # it is no error
    """The first iteration is over."""


class Walk:
    """The files of this project whose functions are called with a config, in their order."""

    def __init__(self) -> None:
        """Start nowhere."""
        self.entered: list[str] = []

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        """See what a profiler sees."""
        if event == "call" and (file := file_of(frame.f_code)):
            code = frame.f_code
            given = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
            if any(is_config(frame.f_locals.get(name)) for name in given):
                self.entered.append(file)

    @property
    def visits(self) -> list[str]:
        """The same, but each once where it is entered several times on end."""
        return [file for file, _ in groupby(self.entered)]


@cache
def file_of(code: CodeType) -> str:
    """The file of this project that has a function; nothing of other code."""
    path = Path(code.co_filename)
    ours = code.co_flags & FUNCTION and any(ROOT / package in path.parents for package in PACKAGES)
    return path.relative_to(ROOT).as_posix() if ours else ""


def is_config(value: Any) -> bool:
    """Whether that says what a run is to be."""
    return isinstance(value, DictConfig) or type(value).__module__.startswith(CONFIGS)


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], list[str]]:
    """The visits until a run is assembled, and until its first iteration is finished, of ``parley train`` as it is without a recipe."""
    walked, assembled = Walk(), 0
    init, iterate = Training.__init__, Training.iterate

    def assemble(self: Training, *arguments: Any, **options: Any) -> None:
        nonlocal assembled
        init(self, *arguments, **options)
        assembled = len(walked.visits)

    def once(self: Training, logger: Logger) -> dict[str, float]:
        iterate(self, logger)
        raise Finished

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Training, "__init__", assemble)
        patch.setattr(Training, "iterate", once)
        patch.setattr(sys, "argv", ["parley train", f"folder={tmp_path_factory.mktemp('walk') / 'run'}", *SMALL])
        before = sys.getprofile()
        sys.setprofile(walked)
        try:
            with pytest.raises(Finished):
                train.main()
        finally:
            sys.setprofile(before)
    return walked.visits[:assembled], walked.visits


def test_the_walk_is_as_short_as_told(walk: tuple[list[str], list[str]]) -> None:
    """Protects readers of ``parley train``: in how many files a config is handed around, and how often it comes back to one."""
    page = " ".join((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split())
    told = re.search(
        r"a config enters (\d+) Python files until the run is assembled, and comes back to one that it had left (\d+) times; "
        r"until the first iteration is finished, (\d+) and (\d+)",
        page,
    )
    assert told is not None
    found = [count for visits in walk for count in (len(set(visits)), len(visits) - len(set(visits)))]
    assert found == [int(number) for number in told.groups()], "\n".join(walk[1])


def test_the_walk_is_seen(walk: tuple[list[str], list[str]]) -> None:
    """Protects the count from counting nothing: the files that have to be on the way are."""
    assembly, whole = walk
    assert assembly[:2] == ["experiments/plumbing/cli.py", "experiments/train.py"]
    assert {"envs/scenario.py", "agents/learning/config.py", "agents/learning/loop.py", "envs/world.py"} <= set(whole)
