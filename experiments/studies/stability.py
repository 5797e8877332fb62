"""Whether long runs stay calm: decisions that are taken back, shares of agents that swing, jobs that pile up.

Backlogs are those of a World with very many jobs. Decisions and shares are those of shorter executions in simulated time in which things
go wrong, with and without an optimizer: a World cannot take a start back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig

from agents.evaluation.play import record
from agents.operation.deciding.decision import DecisionEngine
from agents.operation.execution.execution import ExecutionManager
from agents.operation.execution.monitor import Monitor
from agents.operation.execution.optimizer import Optimizer
from agents.operation.execution.simulated import SimulatedExecutor
from agents.operation.execution.thresholds import Means, Thresholds
from agents.operation.messages.messages import CompletionNotification, Message, Publisher, StatusUpdate
from agents.operation.messages.subscribers import Memory
from agents.operation.site.moments import situation_of
from agents.policies import load_negotiator, load_prioritizer
from agents.progress import Progress
from envs.events import EventKind, EventLog
from envs.scenario import Scenario, Uncertainty
from experiments.plumbing import cli
from experiments.reports.outcome import Outcome, Sheet
from experiments.reports.report import Cell, Figure
from experiments.studies.optimizer import EVERY, RETRIES, SWITCHES, WORKLOAD

LOADS: Final = (0.7, 0.9)
PARTS: Final = 10
"""Of the time until the last job arrives, in which the backlog is told."""
POLICY: Final = ("wsrpt", "urgency")
LUCK: Final = Uncertainty(0.8, failure_probability=0.05, mean_time_between_failures=3000.0, mean_time_to_repair=300.0)
RUN_SHARE: Final = 100
"""An execution has a hundredth of the jobs."""
SOON: Final = 20
"""Messages within which a start counts as reversed when it is taken back."""
WINDOW: Final = 25
"""Tasks that are done, in one window of shares."""
FEWEST, MOST = 10_000, 1_000_000
OPTIMIZERS: Final[dict[str, Means]] = {
    "no optimizer": SWITCHES["none"],
    "by default": Means(),
    "all three": SWITCHES["all three"],
}


def backlog(log: EventLog, parts: int = PARTS) -> NDArray[np.float64]:
    """[parts] mean numbers of jobs in the system, in equal parts of the time until the last job arrives."""
    moves = np.isin(log.kind, (EventKind.TASK_SUBMISSION, EventKind.JOB_DONE, EventKind.JOB_ABANDONED))
    time, change = log.time[moves], np.where(log.kind[moves] == EventKind.TASK_SUBMISSION, 1, -1)
    edges = np.linspace(0.0, float(time[change > 0][-1]), parts + 1)
    times = np.concatenate([[0.0], time])
    area = np.concatenate([[0.0], np.cumsum(np.diff(times) * np.concatenate([[0], np.cumsum(change)[:-1]]))])
    return np.asarray(np.diff(np.interp(edges, times, area)) / np.diff(edges))


def reversed_starts(messages: Sequence[Message], within: int = SOON) -> tuple[int, int]:
    """Return how many starts were taken back within so many messages, and how many starts there were."""
    begun: dict[tuple[str, str, str], int] = {}
    starts = back = 0
    for place, message in enumerate(messages):
        match message:
            case StatusUpdate(state="started", job=str() as job, task=str() as task, agent=str() as agent):
                begun[job, task, agent] = place
                starts += 1
            case StatusUpdate(state="stopped", job=str() as job, task=str() as task, agent=str() as agent):
                back += place - begun.get((job, task, agent), -within - 1) <= within
    return back, starts


def swing(messages: Sequence[Message], agents: Sequence[str], window: int = WINDOW) -> float:
    """Return by how much an agent's share of what is done changes from one window to the next, in the mean; 0.5: half of it."""
    done = [agents.index(m.agent) for m in messages if isinstance(m, CompletionNotification) and m.task and m.agent]
    whole = len(done) // window
    if whole < 2:
        return float("nan")
    of = np.array(done[: whole * window]).reshape(whole, window)
    shares = np.stack([(of == a).mean(axis=1) for a in range(len(agents))])
    return float(np.abs(np.diff(shares, axis=1)).mean())


def benchmark(config: DictConfig) -> Outcome:
    """Play and run everything; raises UsageError for ``jobs`` out of bounds."""
    return study(cli.integer(config, "jobs", FEWEST, MOST))


def study(jobs: int, loads: Sequence[float] = LOADS) -> Outcome:
    """Play so many jobs at each load, and run a hundredth of them with every optimizer."""
    with Progress(total=len(loads) + len(OPTIMIZERS), desc="running", unit="run") as bar:
        piles, calm = dict[float, NDArray[np.float64]](), dict[str, dict[str, float]]()
        for load in loads:
            piles[load] = _play(jobs, load)
            bar.update()
        for name, means in OPTIMIZERS.items():
            calm[name] = _run(jobs // RUN_SHARE, means)
            bar.update()
    return _outcome(jobs, piles, calm)


def _play(jobs: int, load: float) -> NDArray[np.float64]:
    workload = replace(WORKLOAD, jobs=jobs, shape="single", load_min=load, load_max=load)
    scenario = Scenario(workload, uncertainty=Uncertainty(duration_sigma=LUCK.duration_sigma))
    prioritizer, negotiator = load_prioritizer(POLICY[0]), load_negotiator(POLICY[1])
    return backlog(record(scenario, workload.instance(0), 0, prioritizer, negotiator))


def _run(jobs: int, means: Means) -> dict[str, float]:
    workload = replace(WORKLOAD, jobs=jobs, shape="single")
    situation = situation_of(workload.instance(1), Scenario(workload))
    memory, publisher = Memory(), Publisher()
    publisher.subscribe(memory)
    monitor = Monitor(Thresholds(every=EVERY, metrics_every=1e9))
    optimizer = Optimizer(monitor, means)
    manager = ExecutionManager(
        DecisionEngine.load(",".join(POLICY)),
        SimulatedExecutor(situation, LUCK, 1),
        publisher=publisher,
        overseers=[monitor, optimizer],
        retries=RETRIES,
    )
    manager.run(situation)
    messages = list(memory.messages)
    back, starts = reversed_starts(messages)
    return {
        "starts": starts,
        "reversed": back,
        "swing": swing(messages, [agent.name for agent in situation.agents]),
        "adjusted": sum(isinstance(m, StatusUpdate) and m.state == "adjusted" for m in messages),
    }


def _outcome(jobs: int, piles: dict[float, NDArray[np.float64]], calm: dict[str, dict[str, float]]) -> Outcome:
    rows: list[list[Cell]] = [
        [f"load {load:g}", *(Figure.of(mean, 3) for mean in pile)] for load, pile in piles.items()
    ]
    header = ["", *(f"{part + 1} of {PARTS}" for part in range(PARTS))]
    sheets = [Sheet("Jobs in the system, by tenths of the time", header, rows)]
    rows = [
        [
            name,
            Figure.of(each["starts"], 6),
            Figure.of(1000 * each["reversed"] / each["starts"], 3),
            Figure.of(100 * each["swing"], 3),
            Figure.of(each["adjusted"], 6),
        ]
        for name, each in calm.items()
    ]
    header = ["", "starts", f"reversed within {SOON} messages, per 1,000", "swing of shares, points", "adjustments"]
    sheets.append(Sheet("Decisions and shares, where things go wrong", header, rows))
    chance = 100 * float(np.sqrt(4 / np.pi * 0.25 * 0.75 / WINDOW))
    notes = [
        f"Backlogs: {jobs:,} jobs of one task of 60 s in the mean for {WORKLOAD.agents} agents, by {' and '.join(POLICY)} in a World, "
        f"durations lognormal around their estimates (sigma {LUCK.duration_sigma:g}). A backlog that is bounded does not grow from tenth "
        "to tenth.",
        f"Decisions: executions of {jobs // RUN_SHARE:,} such jobs at a load of {WORKLOAD.load_min:g}; attempts fail with a chance "
        f"of {LUCK.failure_probability:g} and agents break down every {LUCK.mean_time_between_failures:g} s for "
        f"{LUCK.mean_time_to_repair:g} s. A start is reversed when it is taken back: moved, or outrun by its copy, or the copy itself.",
        f"Swing: the mean change of an agent's share of {WINDOW} tasks to that of the next {WINDOW}. If each task went to one of four by "
        f"chance, it would be {chance:.1f} points.",
    ]
    numbers: dict[str, Any] = {
        "backlogs": {f"{load:g}": pile.tolist() for load, pile in piles.items()},
        "executions": calm,
    }
    return Outcome("Stability", sheets, notes, numbers)
