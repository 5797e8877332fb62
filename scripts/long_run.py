"""Keep every promise in full, and write down how that went: ``python -m scripts.long_run`` makes results/promises.md."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any, Final

import pytest

from envs.files import write_text
from experiments.plumbing.processes import ROOT
from experiments.reports.outcome import Outcome, Sheet, as_markdown, machine

TESTS: Final = (
    "tests/promises",
    "tests/workloads/test_any_file.py",
    "tests/test_determinism.py",
    "tests/experiments/test_killed.py",
)
PAGE: Final = Path("results/promises.md")


class Told:
    """Counts what pytest says of each file."""

    def __init__(self) -> None:
        self.files: dict[str, list[float]] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Add a test's phase: how many passed, failed and were skipped, and seconds."""
        counts = self.files.setdefault(report.nodeid.split("::")[0], [0, 0, 0, 0.0])
        if report.when == "call" or (report.when == "setup" and not report.passed):
            counts[("passed", "failed", "skipped").index(report.outcome)] += 1
        counts[3] += report.duration


def main() -> int:
    """Run the tests, write the page whatever came out, and return pytest's exit code."""
    os.environ["PARLEY_LONG"] = "1"
    os.chdir(ROOT)
    told, began = Told(), time.monotonic()
    code = pytest.main([*TESTS, *sys.argv[1:]], plugins=[told])
    rows = [[name, *(f"{count:.0f}" for count in counts)] for name, counts in told.files.items()]
    sheet = Sheet("Every file of tests", ["tests", "passed", "failed", "skipped", "s"], rows)
    notes = [
        f"{'All of them hold' if code == 0 else 'NOT all of them hold'}; {(time.monotonic() - began) / 60:.0f} minutes."
    ]
    outcome = Outcome("What one can rely on, tried for long", [sheet], notes)
    write_text(PAGE, as_markdown(outcome, machine(), "make test-long"))
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
