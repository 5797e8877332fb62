"""Measure: speed, growth with a million jobs, and rules on public benchmarks. ``--help`` shows how."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Final

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from experiments.plumbing import cli
from experiments.plumbing.building import check
from experiments.plumbing.files import check_writable, write_text

PROBLEMS: Final = ("job_shop", "flexible_job_shop", "stochastic_job_shop", "project", "batch_queue", "shared_cluster", "workflow")
MEASURED: Final = ("speed", "growth", "decisions", "calibration")
SUITES: Final = dict.fromkeys(MEASURED, "performance") | dict.fromkeys(("published", *PROBLEMS), "suites")
"""Names of modules, and the package beside this module that has them; each has ``measure(config) -> Outcome``."""
DEFAULT: Final = "default"
PRIVATE: Final = ("data", "out")
"""Settings that say nothing about the result; published commands go without them."""


def benchmark(config: DictConfig) -> None:
    """Run a suite, print what it found, and write it where ``config.out`` says."""
    if config.suite not in SUITES:
        raise cli.UsageError(f"suite is {config.suite!r}, must be one of {', '.join(SUITES)}")
    package = SUITES[config.suite]
    name = check(config.out, str | None, "out")
    if name == DEFAULT:
        name = str(Path("results", package, f"{config.suite}.json"))
    out = None if name is None else Path(name)
    if out is not None and (out.suffix != ".json" or out.is_dir()):
        raise cli.UsageError(f"out={out} must be the .json file to write; a .md file comes beside it")
    if out is not None:
        check_writable("out", out)
    suite = importlib.import_module(f"experiments.{package}.{config.suite}")  # brings numba and torch, which --help does without

    from experiments.reports.outcome import as_json, as_markdown, as_text, machine

    outcome, facts = suite.measure(config), machine()
    if out is not None:
        said = [override for override in HydraConfig.get().overrides.task if override.split("=")[0] not in PRIVATE]
        command = " ".join(["python -m experiments.benchmark", *said])
        write_text(out, json.dumps(as_json(outcome, facts, command), indent=1, allow_nan=False) + "\n")
        write_text(out.with_suffix(".md"), as_markdown(outcome, facts, command))
    print(as_text(outcome, facts))
    if out is not None:
        print(f"All numbers are in {out}, the tables in {out.with_suffix('.md')}.")


def main() -> None:
    """Run ``parley-benchmark``."""
    cli.run(benchmark, "benchmark")


if __name__ == "__main__":
    main()
