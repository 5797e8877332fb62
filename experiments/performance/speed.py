"""How fast the world is: the engine, its PettingZoo face, learning, and how long it takes to start."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from omegaconf import DictConfig, OmegaConf

from agents.evaluation.play import Episodes
from agents.planning.settings import Search
from agents.policies import load_negotiator, load_prioritizer
from agents.progress import Progress
from agents.protocols import Scorer
from envs.scenario import Scenario
from envs.workloads.generators.random_job_shop import RandomJobShop
from experiments.performance.comparison import Baseline
from experiments.performance.players import PolicyPlayer, SeatPlayer, WorldPlayer
from experiments.performance.timing import SECONDS, Goal, Measurement, numbers, pace, sheet, take_turns
from experiments.plumbing import cli
from experiments.plumbing.building import check
from experiments.plumbing.processes import Unmeasured, python
from experiments.reports.outcome import Outcome

KERNELS: Final = "PARLEY_KERNEL_CACHE"
"""Environment variable of the engine: the folder of its compiled kernels."""
WORLDS: Final = (1, 64, 256)
THREADS: Final = (1, 2)
SHOP, SHOPS = 15, 2
"""Jobs and machines of random job shops that are searched, and how many there are."""
SEARCHES: Final = {
    f"{SHOPS} job shops {SHOP} x {SHOP}, lookahead of 3 choices": Search(choices=3),
    f"{SHOPS} job shops {SHOP} x {SHOP}, beam of 4, 3 choices": Search(choices=3, beam=4),
}
COMPLETING: Final = 64
"""Worlds of completions."""
WARM_UP: Final = 0.3
"""Share of a run that is played before the first: kernels are loaded, and the worlds fall out of step."""
MOST_REPEATS: Final = 1000
MOST_TRAININGS: Final = 3
"""Training runs of each kind: they take many seconds before they begin to learn."""
IMPORT: Final = "import envs"
FIRST_STEP: Final = """
from numpy import int32, zeros
from envs import World, default_scenario
world = World(default_scenario())
out = world.reset()
world.step(out.mask.argmax(axis=2).astype(int32), zeros(out.acting.shape))
"""
TIMED: Final = "import time\nstart = time.perf_counter()\n{}\nprint(time.perf_counter() - start)"

DECISIONS: Final = "decisions/s"
NAMES: Final = {(b, t): f"World, B = {b}, {t} thread{'s' * (t > 1)}" for b in WORLDS for t in THREADS}
STEP: Final = "World.step, B = 1, 1 thread"
PETTINGZOO: Final = "PettingZoo"
COMPLETED: Final = {
    "default scenario": ("default", "policies/shared_cluster", "policies/shared_cluster"),
    "job shop": ("job_shop", "policies/job_shop", "fcfs"),
}
"""Scenarios of the configuration and the policies that play them."""
COMPLETIONS: Final = {
    (
        name,
        compiled,
    ): f"completions under a trained policy, {name}, 1 thread{'' if compiled else ', asked from Python (torch)'}"
    for name in COMPLETED
    for compiled in (True, False)
}
LEARNERS: Final = {"training": "shared_cluster", "training by PPO": "shared_cluster_ppo"}
"""How the lines of training begin, and their experiments."""
TRAINING: Final = {
    (learner, threads): f"{learner}, {threads} torch thread{'s' * (threads > 1)}"
    for learner in LEARNERS
    for threads in THREADS
}
_PACE: Final = "calibration"
WARM_IMPORT: Final = "import, warm"
WARM_START: Final = "import to first step, warm"
COLD_START: Final = "import to first step, cold: all kernels are compiled"

OWN: Final = "ours"
GOALS: Final = {
    NAMES[1, 1]: Goal(230e3, False, "Jumanji's job shop, one environment, both cores"),
    NAMES[64, 1]: Goal(0.8e6, False, OWN),
    NAMES[64, 2]: Goal(1.5e6, False, OWN),
    NAMES[256, 1]: Goal(0.8e6, False, OWN),
    NAMES[256, 2]: Goal(1.5e6, False, OWN),
    STEP: Goal(100e3, False, OWN),
    COMPLETIONS["default scenario", True]: Goal(400e3, False, OWN),
    COMPLETIONS["job shop", True]: Goal(400e3, False, OWN),
    PETTINGZOO: Goal(30e3, False, f"{OWN}; mpe2 simple_spread: 14,500"),
    TRAINING["training", 1]: Goal(25e3, False, OWN),
    TRAINING["training", 2]: Goal(40e3, False, OWN),
    TRAINING["training by PPO", 1]: Goal(100e3, False, OWN),
    TRAINING["training by PPO", 2]: Goal(140e3, False, OWN),
    WARM_IMPORT: Goal(1.0, True, OWN),
    COLD_START: Goal(20.0, True, OWN),
}
"""What we want on two cores, or what peers reach there."""


class Bench:
    """What the parts share: settings, the scenario, the progress bar, and the reasons for what is missing."""

    def __init__(self, config: DictConfig) -> None:
        """Read the settings."""
        self.scenario: Scenario = cli.make_scenario(config)
        self.seconds, self.training_seconds = positive(config, "seconds"), positive(config, "training_seconds")
        self.repeats = cli.integer(config, "repeats", 1, MOST_REPEATS)
        self.notes: list[str] = []
        self.bar = Progress(unit="run")

    def lines(
        self, unit: str, tasks: Mapping[str, Callable[[], float]], repeats: int | None = None
    ) -> list[Measurement]:
        """Measure tasks in turns; where one says that it cannot be measured, all are left out and a note says why."""
        try:
            runs = take_turns({_PACE: pace, **tasks}, repeats or self.repeats, self.bar)
        except Unmeasured as reason:
            self.notes.append(f"Not measured: {', '.join(tasks)}: {reason}.")
            return []
        return [Measurement(name, unit, runs[name], GOALS.get(name), runs[_PACE]) for name in tasks]


def engine(bench: Bench) -> list[Measurement]:
    """Random valid players in batches of worlds, and the cost of a call."""
    players = {key: WorldPlayer(bench.scenario, *key) for key in NAMES}
    for player in players.values():
        player.decisions(WARM_UP * bench.seconds)
    found = bench.lines(
        DECISIONS, {NAMES[key]: partial(player.decisions, bench.seconds) for key, player in players.items()}
    )
    return found + bench.lines("calls/s", {STEP: partial(players[1, 1].calls, bench.seconds)})


def pettingzoo(bench: Bench) -> list[Measurement]:
    """A random valid player of PettingZoo's seats."""
    player = SeatPlayer(bench.scenario)
    player.decisions(WARM_UP * bench.seconds)
    return bench.lines(DECISIONS, {PETTINGZOO: partial(player.decisions, bench.seconds)})


def completions(bench: Bench) -> list[Measurement]:
    """Policies that are shipped, in the compiled loop and, for comparison, asked round by round."""
    players = {}
    for name, (scenario, prioritizer, negotiator) in COMPLETED.items():
        played = cli.standard_scenario(scenario)
        for compiled in (True, False):
            policies = load_prioritizer(prioritizer), load_negotiator(negotiator)
            players[name, compiled] = PolicyPlayer(played, *policies, COMPLETING, compiled=compiled)
    for player in players.values():
        player.decisions(WARM_UP * bench.seconds)
    found = bench.lines(
        DECISIONS, {COMPLETIONS[key]: partial(player.decisions, bench.seconds) for key, player in players.items()}
    )
    return found + bench.lines(SECONDS, {name: partial(_searched, how) for name, how in SEARCHES.items()})


def _searched(how: Search) -> float:
    """Seconds of a search by the shipped policy on job shops."""
    from agents.planning.plan import plan

    _, prioritizer, negotiator = COMPLETED["job shop"]
    scorer = load_prioritizer(prioritizer)
    if not isinstance(scorer, Scorer):
        raise Unmeasured(f"{prioritizer} does not say how likely its actions are")
    instances = [RandomJobShop(SHOP, SHOP, SHOP, SHOP).instance(seed) for seed in range(SHOPS)]
    episodes = Episodes(instances, np.arange(SHOPS, dtype=np.int32), np.arange(SHOPS, dtype=np.uint64))
    return plan(cli.standard_scenario("job_shop"), episodes, scorer, load_negotiator(negotiator), how).seconds


def training(bench: Bench) -> list[Measurement]:
    """Whole training runs as users start them: experience, updates and everything between them."""
    tasks = {
        name: partial(_train, LEARNERS[learner], threads, bench.training_seconds)
        for (learner, threads), name in TRAINING.items()
    }
    return bench.lines(DECISIONS, tasks, min(bench.repeats, MOST_TRAININGS))


def start(bench: Bench) -> list[Measurement]:
    """Fresh processes: with compiled kernels at hand, and without."""
    found = bench.lines(SECONDS, {WARM_IMPORT: partial(_timed, IMPORT), WARM_START: partial(_timed, FIRST_STEP)})
    return found + bench.lines(SECONDS, {COLD_START: _cold_start}, repeats=1)


PARTS: Final = {
    "engine": engine,
    "completions": completions,
    "pettingzoo": pettingzoo,
    "training": training,
    "start": start,
}


def benchmark(config: DictConfig) -> Outcome:
    """Measure the parts that the config names.

    Raises:
        UsageError: for settings out of bounds, or a file to compare with that holds no measurements.
    """
    named = OmegaConf.to_container(config.parts) if OmegaConf.is_list(config.parts) else [config.parts]
    parts = dict.fromkeys(check(named, list[str], "parts"))
    if not parts or not parts.keys() <= PARTS.keys():
        raise cli.UsageError(f"parts is {list(parts)}, must be some of {', '.join(PARTS)}")
    before = None if config.compare is None else Baseline.read(Path(config.compare))
    bench = Bench(config)
    with bench.bar:
        found = [line for part in parts for line in PARTS[part](bench)]
    goals = [f"{line.name}: {line.goal.source}" for line in found if line.goal is not None]
    notes = [*bench.notes, "Decisions are choices of acting seats; forced moves do not count."]
    notes += [f"Goals: {'; '.join(goals)}."] if goals else []
    sheets = [sheet("Speed", found)]
    if before is not None:
        sheets.append(before.sheet(found))
        notes.extend(before.notes(found))
    return Outcome("Speed", sheets, notes, {"measurements": numbers(found), "notes": bench.notes})


def positive(config: DictConfig, key: str) -> float:
    """Return the config's number ``key``. Raises UsageError where it is none, or not above 0."""
    value: float = check(config[key], float, key)
    if not 0 < value < float("inf"):
        raise cli.UsageError(f"{key} is {value!r}, must be a number > 0")
    return value


LEAN: Final = (
    "learner.imitation.decisions=0",
    "learner.evaluation.episodes=1",
    "score.episodes=1",
    "score.prioritizer=[wsrpt]",
    "score.negotiator=[urgency]",
)
"""What a run does before and after it learns, kept short: none of it is measured."""


def _train(experiment: str, threads: int, seconds: float) -> float:
    """Decisions per second of one training run."""
    from agents.learning import checkpoint

    with tempfile.TemporaryDirectory() as folder:
        settings = (f"folder={folder}/run", f"threads={threads}", f"learner.seconds={seconds}", "device=cpu")
        python("-m", "experiments", "train", f"experiment={experiment}", *settings, *LEAN)
        facts = checkpoint.load(Path(folder) / "run" / checkpoint.NAME)[1]
    return float(facts["decisions"] / facts["seconds"])


def _timed(code: str) -> float:
    """Seconds that a fresh process takes for ``code``."""
    return float(python("-c", TIMED.format(code)))


def _cold_start() -> float:
    with tempfile.TemporaryDirectory() as folder:
        seconds = float(python("-c", TIMED.format(FIRST_STEP), **{KERNELS: folder}))
        if not any(Path(folder).iterdir()):
            raise Unmeasured(f"the engine kept no compiled kernels in ${KERNELS}")
    return seconds
