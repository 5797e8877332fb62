"""Measure speed, growth with a million jobs, rules on public benchmarks, and what is learned.

  parley benchmark                                  speed: engine, PettingZoo, training, start-up
  parley benchmark parts=[engine] seconds=0.2       only a part, and quickly
  parley benchmark compare=results/performance/speed.json   beside an earlier run: what became slower
  parley benchmark suite=growth                     time and memory per task, with a million jobs
  parley benchmark suite=run                        commands that do nothing, beside GNU make and a pool of asyncio
  parley benchmark suite=service requests=20000     parley serve under load: throughput, latencies, memory
  parley benchmark suite=windows                    performance over windows of 24 hours, the shipped policy beside rules
  parley benchmark suite=published data=PATH        rules on job shops, projects, workflows and batch queues
  parley benchmark suite=shared_cluster runs=[A,B,C]    both roles, learned, tuned and by rule
  parley benchmark suite=job_shop                       the shipped policy on job shops, alone and with search, beside rules
  parley benchmark suite=job_shop runs=[A,B,C] path=DIR policies of yours on instances of yours
  parley benchmark suite=flexible_job_shop              the same where operations choose their machines
  parley benchmark suite=stochastic_job_shop            the same where durations are revealed as operations end
  parley benchmark suite=project search=[{samples:1000}]    the same with projects, and the best of 1,000 schedules
  parley benchmark suite=workflow                       recorded workflows on agents of different speed, beside HEFT
  parley benchmark suite=engine data=PATH               episodes by the decision engine, from JSON to JSON, cost what the world's do
  parley benchmark suite=batch_queue path=DIR           batch queues by RLScheduler's protocol, on any logs
  parley benchmark suite=public_logs path=DIR           parley adapt on every log of a folder
  parley benchmark suite=drift                          how fast agents adapt when the work changes
  parley benchmark suite=optimizer                      what the optimizer of parley run is worth under failures
  parley benchmark suite=stability jobs=100000          whether plans, shares and backlogs of long runs stay calm

Speed and growth depend on the machine and on who else uses it; the table says which machine it was. The others
give the same numbers again (but for decisions/s), and check every schedule.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Final

from omegaconf import DictConfig

from envs.files import write_text
from experiments.plumbing import cli
from experiments.plumbing.building import check_writable, did_you_mean, settings
from experiments.plumbing.settings import Benchmark
from experiments.suites import SUITES

DEFAULT: Final = "default"
PRIVATE: Final = ("data", "out")
"""Settings that say nothing about the result; published commands go without them."""


def benchmark(config: DictConfig) -> None:
    """Run a suite, print what it found, and write it where ``config.out`` says."""
    told = settings(config, Benchmark)
    if told.suite not in SUITES:
        raise cli.UsageError(
            f"suite is {told.suite!r}{did_you_mean(told.suite, SUITES)}, must be one of {', '.join(SUITES)}"
        )
    if told.compare is not None and told.suite != "speed":
        raise cli.UsageError(f"compare={told.compare} is for suite=speed, not for suite={told.suite}")
    package = SUITES[config.suite]
    name = told.out
    if name == DEFAULT and told.compare is not None:
        name = None
    elif name == DEFAULT:
        name = str(Path("results", package, f"{config.suite}.json"))
    out = None if name is None else Path(name)
    if out is not None and (out.suffix != ".json" or out.is_dir()):
        raise cli.UsageError(f"out={out} must be the .json file to write; a .md file comes beside it")
    if out is not None:
        check_writable("out", out)
    suite = importlib.import_module(
        f"experiments.{package}.{config.suite}"
    )  # brings numba and torch, which --help does without

    from experiments.reports.outcome import as_json, as_markdown, as_text, machine

    outcome, facts = suite.benchmark(config), machine()
    if not outcome.is_complete:
        print(as_text(outcome, facts))
        raise KeyboardInterrupt("the tables are of the contests that were done; no file was written")
    if out is not None:
        command = cli.typed("benchmark", PRIVATE)
        write_text(out, json.dumps(as_json(outcome, facts, command), indent=1, allow_nan=False) + "\n")
        write_text(out.with_suffix(".md"), as_markdown(outcome, facts, command))
    print(as_text(outcome, facts))
    if out is not None:
        print(f"All numbers are in {out}, the tables in {out.with_suffix('.md')}.")


def main() -> None:
    """Run ``parley benchmark``."""
    cli.run(benchmark, "benchmark")
