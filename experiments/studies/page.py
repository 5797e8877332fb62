"""Where a study is written, and the command that it names there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from omegaconf import DictConfig

from experiments.plumbing import cli
from experiments.plumbing.building import check

PRIVATE: Final = ("runs", "out")
"""Settings that say nothing about the result; published commands go without them."""


def place(config: DictConfig, beside: str) -> Path:
    """Return ``config.out``; UsageError where it is no name of a .json file. ``beside`` says what else is written there."""
    out = Path(check(config.out, str, "out"))
    if out.suffix != ".json" or out.is_dir():
        raise cli.UsageError(f"out={out} must be the .json file to write; {beside} beside it")
    return out


def command(name: str) -> str:
    """Return what was typed, without what is PRIVATE."""
    return cli.typed(name, PRIVATE)
