"""What ``parley run`` costs: a thousand commands that do nothing, beside GNU make and a plain pool of asyncio."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from omegaconf import DictConfig
from tqdm import tqdm

from agents.operation.deciding.decision import DecisionEngine
from agents.operation.execution.jobs_file import cores
from agents.operation.execution.runner import Runner
from agents.operation.site.situation import Situation
from experiments.performance.timing import Goal, Measurement, numbers, sheet, take_turns
from experiments.plumbing import cli
from experiments.reports.outcome import Outcome

COMMANDS: Final = 1000
JOBS: Final = 50
"""Over which they are spread; the tasks of a job may run side by side."""
MOST_REPEATS: Final = 100
POLICIES: Final = ("wsrpt,urgency", "policies/shared_cluster")
OVERHEAD: Final = 10.0
"""Milliseconds a task that are allowed."""


def site(workers: int) -> Situation:
    """Return a thousand commands that do nothing."""
    built = Situation.new()
    for worker in range(workers):
        built.agent(f"worker-{worker + 1}")
    for job in range(JOBS):
        built.job(f"job-{job}")
        for task in range(COMMANDS // JOBS):
            built.task(f"task-{task}", 0.01, command=["true"])
    return built.build()


def by_parley(policy: str, workers: int, cpu: list[float]) -> float:
    """Seconds that a run takes, from its first decision to its end; those that its own process computes are added to ``cpu``."""
    engine = DecisionEngine.load(policy)
    with tempfile.TemporaryDirectory(prefix="parley-") as folder:
        runner = Runner.begin(Path(folder, "run"), site(workers), Path(folder), policy)
        try:
            began, own = time.perf_counter(), time.process_time()
            execution = runner.run(engine, log_limit=None)
            took = time.perf_counter() - began
            cpu.append(time.process_time() - own)
        finally:
            runner.close()
    if not execution.ok:
        raise RuntimeError(f"{execution.done} of {execution.total} commands done")
    return took


def by_make(workers: int) -> float:
    """Seconds that make takes."""
    with tempfile.TemporaryDirectory(prefix="parley-") as folder:
        names = [f"t{k}" for k in range(COMMANDS)]
        rules = "".join(f"{name}:\n\t@true\n" for name in names)
        Path(folder, "Makefile").write_text(f".PHONY: all {' '.join(names)}\nall: {' '.join(names)}\n{rules}")
        began = time.perf_counter()
        subprocess.run(["make", "-s", f"-j{workers}", "all"], cwd=folder, check=True)
        return time.perf_counter() - began


def by_pool(workers: int) -> float:
    """Seconds that as many coroutines take that start one command after the other."""

    async def work(left: list[int]) -> None:
        while left:
            left.pop()
            process = await asyncio.create_subprocess_exec("true", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            await process.wait()

    async def pool() -> None:
        left = list(range(COMMANDS))
        await asyncio.gather(*(work(left) for _ in range(workers)))

    began = time.perf_counter()
    asyncio.run(pool())
    return time.perf_counter() - began


def benchmark(config: DictConfig) -> Outcome:
    """Measure all, in turn.

    Raises:
        UsageError: for settings out of bounds, or where there is no make.
    """
    repeats = cli.integer(config, "repeats", 1, MOST_REPEATS)
    if shutil.which("make") is None:
        raise cli.UsageError("suite=run is compared with GNU make, which is not installed")
    workers = cores()
    tasks: dict[str, Callable[[], float]] = {
        "GNU make": lambda: by_make(workers),
        "asyncio pool": lambda: by_pool(workers),
    }
    cpu: dict[str, list[float]] = {policy: [] for policy in POLICIES}
    for policy in POLICIES:
        tasks[f"parley run, {policy}"] = partial(by_parley, policy, workers, cpu[policy])
    with tqdm(unit="run", disable=None) as bar:
        took = take_turns(tasks, repeats, bar)
    found = [Measurement(name, "tasks/s", [COMMANDS / each for each in seconds]) for name, seconds in took.items()]
    for policy in POLICIES:
        more = [
            (run - made) / COMMANDS * 1e3
            for run, made in zip(took[f"parley run, {policy}"], took["GNU make"], strict=True)
        ]
        found.append(Measurement(f"overhead of parley run, {policy}", "ms a task", more, Goal(OVERHEAD, True, "ours")))
        own = [seconds / COMMANDS * 1e3 for seconds in cpu[policy]]
        found.append(Measurement(f"CPU of the runner, {policy}", "ms a task", own))
    notes = [
        f"{COMMANDS} times true in {JOBS} jobs, {workers} at once. Each repeat runs all four in turn.",
        "parley run decides after every end, keeps a journal that survives its death, and gives every command a log, a session, and a "
        "shell that writes down how it ended; make and the pool start it and no more.",
        "Overhead: wall time beyond that of make in the same repeat, a task. CPU: of the runner's own process.",
    ]
    return Outcome(
        "Running commands", [sheet("Running commands", found)], notes, {"measurements": numbers(found), "notes": notes}
    )
