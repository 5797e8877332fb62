"""How long a decision about real tasks takes, from JSON to JSON, beside what the bare policy takes in the world."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import torch
from omegaconf import DictConfig
from tqdm import tqdm

from agents.evaluation.play import decide
from agents.operation.deciding.decision import DecisionEngine
from agents.operation.site.situation import Situation
from envs.engine.codes import Phase
from envs.world import World
from experiments.performance.timing import Goal, Measurement, numbers, sheet
from experiments.plumbing import cli
from experiments.reports.outcome import Outcome

NOW: Final = 1000
CHAIN: Final = 0.5
"""Share of tasks that wait for the one before them."""
CHOICE: Final = 4
"""Agents that may run a task."""
CALLS: Final = 100
"""Decisions of a run, of which percentiles are taken."""
POLICIES: Final = ("policies/shared_cluster", "wsrpt,urgency")
MOST_REPEATS: Final = 100


class Size(NamedTuple):
    """Of a situation."""

    jobs: int
    tasks: int
    """Of each job."""
    agents: int
    pools: int
    goals: tuple[float, float]
    """Milliseconds at the median and at the 99th percentile."""


SIZES: Final = (Size(20, 5, 8, 4, (3.0, 10.0)), Size(200, 5, 50, 4, (15.0, 50.0)))


def site(size: Size, seed: int = 0) -> Situation:
    """Return a site at which everything waits and everybody is free."""
    random = np.random.default_rng(seed)
    built = Situation.new(NOW)
    for pool in range(size.pools):
        built.resource(f"pool-{pool}", 64)
    for agent in range(size.agents):
        built.agent(f"agent-{agent}")
    for job in range(size.jobs):
        release, weight = float(random.integers(NOW)), float(random.choice([1.0, 2.0, 4.0]))
        built.job(f"job-{job}", release=release, weight=weight, due=2 * NOW + float(random.integers(5 * NOW)))
        for task in range(size.tasks):
            built.task(
                f"task-{task}",
                float(random.integers(10, 300)),
                eligible=[f"agent-{a}" for a in random.choice(size.agents, CHOICE, replace=False)],
                demands={f"pool-{int(random.integers(size.pools))}": int(random.integers(1, 8))},
                predecessors=[f"task-{task - 1}"] if task and random.random() < CHAIN else [],
            )
    return built.build()


def benchmark(config: DictConfig) -> Outcome:
    """Measure every size with every policy.

    Raises:
        UsageError: for settings out of bounds.
    """
    repeats = cli.integer(config, "repeats", 1, MOST_REPEATS)
    torch.set_num_threads(1)
    found: list[Measurement] = []
    with tqdm(total=len(SIZES) * len(POLICIES), unit="size", disable=None) as bar:
        for size in SIZES:
            for policy in POLICIES:
                found += _lines(size, policy, repeats)
                bar.update()
    notes = [
        f"Each run is {CALLS} decisions in one thread, from the JSON of a situation to that of a decision; all tasks wait and may run at "
        f"{CHOICE} agents, half of them behind another one. CPU: time of the process, without what else runs on the machine.",
        "Bare: the rounds of the same instant in a world that is there already. Garbage that was there before is frozen.",
    ]
    return Outcome("Decisions", [sheet("Decisions", found)], notes, {"measurements": numbers(found), "notes": notes})


def _lines(size: Size, policy: str, repeats: int) -> list[Measurement]:
    name = f"{size.jobs * size.tasks} tasks, {size.agents} agents, {policy}"
    document = site(size).write()
    engine = DecisionEngine.load(policy)
    whole = timed(lambda: engine.decide(Situation.read(document)).write(), repeats)
    situation = Situation.read(document)
    parts = {
        "reading": timed(lambda: Situation.read(document), repeats),
        "bare policy in the world": timed(bare(engine, situation), repeats),
    }
    lines = [
        Measurement(f"{name}: p50", "ms", whole.median, Goal(size.goals[0], True, "ours")),
        Measurement(f"{name}: p99", "ms", whole.worst, Goal(size.goals[1], True, "ours")),
        Measurement(f"{name}: CPU, p50", "ms", whole.cpu),
    ]
    lines += [Measurement(f"{name}: {part}, CPU, p50", "ms", times.cpu) for part, times in parts.items()]
    ratio = [one / other for one, other in zip(whole.cpu, parts["bare policy in the world"].cpu, strict=True)]
    return [*lines, Measurement(f"{name}: CPU, over the bare policy's", "times", ratio)]


class Times(NamedTuple):
    """Milliseconds, one of each per run."""

    median: list[float]
    worst: list[float]
    """The 99th percentile."""
    cpu: list[float]


def timed(task: Callable[[], object], repeats: int) -> Times:
    """Measure a task, CALLS times in each run."""
    task()
    gc.collect()
    gc.freeze()  # as a service does that has loaded its policies
    found = Times([], [], [])
    for _ in range(repeats):
        wall, cpu = np.zeros((2, CALLS))
        for call in range(CALLS):
            began, own = time.perf_counter(), time.process_time()
            task()
            wall[call], cpu[call] = time.perf_counter() - began, time.process_time() - own
        found.median.append(float(np.median(wall)) * 1e3)
        found.worst.append(float(np.quantile(wall, 0.99)) * 1e3)
        found.cpu.append(float(np.median(cpu)) * 1e3)
    gc.unfreeze()
    return found


def bare(engine: DecisionEngine, situation: Situation) -> Callable[[], object]:
    """Return what plays the rounds of an instant in a world that was made before."""
    here, by = engine.take_in(situation), engine.deciders
    world = World(by.rules.scenario, 1, instances=[here.instance], auto_reset=False, record=True)
    picks, bids = np.zeros((1, world.num_agents), np.int32), np.zeros((1, world.num_agents))

    def play() -> None:
        out = world.restore(0, here.snapshot, still=True)
        while out.phase[0] != Phase.OVER:
            decide(out, by.prioritizer, by.negotiator, picks, bids)
            out = world.step(picks, bids)

    return play
