"""What a suite of the benchmark found: tables for people, numbers for programs, and the machine that they come from."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from experiments.plumbing.processes import ROOT
from experiments.reports import renderers, report
from experiments.reports.report import Report, plain
from experiments.reports.report import Sheet as Sheet

PACKAGES: Final = ("numpy", "numba", "torch")


@dataclass(frozen=True)
class Outcome:
    """Everything that a suite says."""

    title: str
    sheets: list[Sheet]
    notes: list[str]
    """Sentences below the tables."""
    numbers: dict[str, Any] = field(default_factory=dict)
    """The same in full, in the types that JSON has."""
    is_complete: bool = True
    """False: it was interrupted, and is of the contests that were done by then."""


def machine() -> dict[str, Any]:
    """Return what speed depends on: the machine, how busy it is, and the versions of what runs on it."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    facts: dict[str, Any] = {"system": platform.system(), "architecture": platform.machine(), "cores": usable}
    facts["load"] = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    facts["commit"] = commit()
    return facts | {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}}


def commit() -> str | None:
    """The commit that is checked out, with + behind it where files differ from it; None where this is no repository, or git is absent."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
        ).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")) != ROOT:
            return None  # installed somewhere below another repository
        return git("rev-parse", "--short", "HEAD") + (
            "+" if git("status", "--porcelain", "--untracked-files=no") else ""
        )
    except (OSError, subprocess.SubprocessError):
        return None


def as_text(outcome: Outcome, facts: dict[str, Any]) -> str:
    """Lay an outcome out for the screen."""
    return renderers.text(Report(outcome.title, outcome.sheets, [*outcome.notes, _sentence(facts)]))


def as_markdown(outcome: Outcome, facts: dict[str, Any], command: str) -> str:
    """Lay an outcome out for the reader of a repository."""
    return renderers.markdown(
        Report(outcome.title, outcome.sheets, outcome.notes), f"Made by `{command}`. {_sentence(facts)}"
    )


def as_json(outcome: Outcome, facts: dict[str, Any], command: str) -> dict[str, Any]:
    """Return an outcome in the types that JSON has: its report, and every number behind that."""
    told = {"command": command, **{name: str(value) for name, value in facts.items()}}
    shown = report.as_json(Report(outcome.title, outcome.sheets, outcome.notes, facts=told))
    made: dict[str, Any] = plain({"command": command, "machine": facts, "report": shown, **outcome.numbers})
    return made


def _sentence(facts: dict[str, Any]) -> str:
    return "Machine: " + ", ".join(f"{name} {value}" for name, value in facts.items()) + "."
