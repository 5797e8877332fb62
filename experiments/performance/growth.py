"""Whether a decision costs the same with a million jobs as with a thousand, and what a task costs in memory."""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from omegaconf import DictConfig

from agents.evaluation.play import decide
from agents.progress import Progress
from agents.rules import negotiator, prioritizer
from envs.engine.codes import Phase
from envs.scenario import Reservations, Scenario
from envs.workloads.generators.synthetic import SyntheticWorkload
from envs.workloads.instance import Workload
from envs.workloads.readers.swf import SwfWorkload
from envs.workloads.source import MAX_CELLS
from envs.world import World
from experiments.performance.timing import Goal, Measurement, numbers, sheet, take_turns
from experiments.plumbing import cli
from experiments.plumbing.processes import Unmeasured, python
from experiments.reports.outcome import Outcome

LOAD: Final = 0.7
CANDIDATES: Final = 16
RULES: Final = ("wsrpt", "urgency")
SHORT_STREAMS: Final = 16
"""Different streams of few jobs that are played in turn."""
MOST_DECISIONS: Final = 1_000_000_000
TURNS: Final = 10
"""Parts into which the decisions of each side are cut, to take turns."""
WARM_UP: Final = 1000
"""Decisions before anything is measured."""
PROCESSORS: Final = 256
STATUS: Final = Path("/proc/self/status")
"""Where Linux tells a process what it holds and has held; the peak of getrusage would include the parent's."""

TIME_GOAL: Final = Goal(1.5, True, "cost follows the live tasks, not the length of the stream")
MEMORY_GOAL: Final = Goal(400.0, True, "a million jobs fit on a laptop")


class RulePlayer:
    """A rule in one world, which plays one episode after another."""

    def __init__(self, workload: Workload, streams: int = 1) -> None:
        """Draw the streams, set the world up, start the first episode and warm up."""
        self.world = World(
            Scenario(workload, reservations=Reservations(allowed=False), candidates=CANDIDATES), num_instances=streams
        )
        self._policies = prioritizer(RULES[0]), negotiator(RULES[1])
        self._picks = np.zeros(self.world.reset().acting.shape, np.int32)
        self._bids = np.zeros(self._picks.shape)
        self.engine: list[float] = []
        """Microseconds per decision that the engine took in each call of ``time_decisions``."""
        self.time_decisions(WARM_UP)
        self.engine.clear()

    def time_decisions(self, decisions: int) -> float:
        """Make some decisions and return microseconds per decision, the rules' own time included."""
        out = self.world.out
        made, engine = 0, 0.0
        start = time.perf_counter()
        while made < decisions:
            decide(out, *self._policies, self._picks, self._bids)
            made += int(out.acting.sum())
            before = time.perf_counter()
            self.world.step(self._picks, self._bids)
            engine += time.perf_counter() - before
        self.engine.append(1e6 * engine / made)
        return 1e6 * (time.perf_counter() - start) / made

    def done(self) -> float:
        """Share of the jobs of this episode that are done."""
        return 1.0 if self.world.out.phase[0] == Phase.OVER else float(np.isfinite(self.world.job_end(0)).mean())


def benchmark(config: DictConfig) -> Outcome:
    """Play a long stream and short ones of equal load in turns, then weigh fresh processes that hold a long one.

    Raises:
        UsageError: for settings out of bounds.
    """
    jobs, few = cli.integer(config, "jobs", 1000, MAX_CELLS), cli.integer(config, "few_jobs", 100, MAX_CELLS)
    decisions = cli.integer(config, "decisions", TURNS, MOST_DECISIONS)
    notes = []
    with Progress(unit="run") as bar, tempfile.TemporaryDirectory() as folder:
        found, done = time_per_decision(jobs, few, decisions // TURNS, bar)
        log = Path(folder) / "long.swf"
        write_log(log, jobs)
        sources: dict[str, SyntheticWorkload | SwfWorkload] = {
            f"memory, {jobs:,} jobs generated": stream(jobs),
            f"memory, {jobs:,} lines of SWF": SwfWorkload(str(log)),
        }
        try:
            runs = take_turns({name: partial(memory_per_task, source) for name, source in sources.items()}, 1, bar)
            found += [Measurement(name, "bytes/task", runs[name], MEMORY_GOAL) for name in sources]
        except Unmeasured as reason:
            notes.append(f"Memory was not measured: {reason}.")
    notes = [
        f"Jobs are single tasks at load {LOAD}, and nobody reserves.",
        f"{RULES[0]} with {RULES[1]} made {decisions:,} decisions on each side, which finished {100 * done:.0f} % of the long stream.",
        "Engine: the time of World.step; total: with the rules, which are Python.",
        "Memory: peak of a fresh process, reading or generating included, above what it held with a small world; per task.",
        *notes,
    ]
    return Outcome(
        "Growth",
        [sheet("Growth", found)],
        notes,
        {"measurements": numbers(found), "share_of_jobs_done": done, "notes": notes},
    )


def time_per_decision(jobs: int, few: int, part: int, bar: Progress) -> tuple[list[Measurement], float]:
    """Return the measurements, and the share of the long stream that was played to its end."""
    sides = {f"{jobs:,} jobs": RulePlayer(stream(jobs)), f"{few:,} jobs": RulePlayer(stream(few), SHORT_STREAMS)}
    total = take_turns({name: partial(player.time_decisions, part) for name, player in sides.items()}, TURNS, bar)
    engine = {name: player.engine for name, player in sides.items()}
    found = []
    for what, runs in (("engine", engine), ("total", total)):
        found += [Measurement(f"{what}, {name}", "us/decision", runs[name]) for name in sides]
        long, short = (runs[name] for name in sides)
        found.append(Measurement(f"{what}, ratio", "", [a / b for a, b in zip(long, short, strict=True)], TIME_GOAL))
    return found, next(iter(sides.values())).done()


def memory_per_task(workload: SyntheticWorkload | SwfWorkload) -> float:
    """Return the peak of bytes per task in a fresh process that plays a workload; its repr is Python that makes it."""
    names = f"from {type(workload).__module__} import {type(workload).__name__}; from experiments.performance.growth import weigh"
    return float(python("-c", f"{names}; print(weigh({workload!r}))"))


def weigh(workload: Workload) -> float:
    """Return by how many bytes per task this process grows, at its peak, to play a workload; works once per process."""
    RulePlayer(stream(1000))  # loads the kernels
    before = _status("VmRSS")
    player = RulePlayer(workload)
    return (_status("VmHWM") - before) / player.world.instances[0].num_tasks


def stream(jobs: int) -> SyntheticWorkload:
    """Jobs of one task each, at a load that the agents can keep up with."""
    return SyntheticWorkload(jobs=jobs, shape="single", load_min=LOAD, load_max=LOAD)


def write_log(path: Path, jobs: int) -> None:
    """Write a batch log in the Standard Workload Format, of random jobs at the same load."""
    rng = np.random.default_rng(0)
    run = rng.lognormal(6.0, 1.0, jobs).astype(int) + 1
    units = 2 ** rng.integers(0, 6, jobs)
    submit = np.sort(rng.uniform(0, float(run @ units) / (LOAD * PROCESSORS), jobs)).astype(int)
    with path.open("w", encoding="ascii") as file:
        file.write(f"; MaxProcs: {PROCESSORS}\n")
        for job, (s, r, u) in enumerate(zip(submit.tolist(), run.tolist(), units.tolist(), strict=True), start=1):
            file.write(f"{job} {s} -1 {r} {u} -1 -1 {u} {2 * r} -1 1 1 1 -1 -1 -1 -1 -1\n")


def _status(key: str) -> int:
    """Bytes of one line of ``STATUS``."""
    if not STATUS.exists():
        raise Unmeasured(f"this system has no {STATUS}")
    line = next(line for line in STATUS.read_text(encoding="ascii").splitlines() if line.startswith(f"{key}:"))
    return 1024 * int(line.split()[1])
