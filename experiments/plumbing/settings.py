"""What each command can be told besides its scenario, workload and learner: types, defaults and bounds. Imports nothing slow.

The string below a field is its line in ``--help``; ``conf/*.yaml`` says only what a recipe changes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

MOST_EPISODES: Final = 100_000
"""That are played in one go: each stays in memory."""
MOST_WORLDS: Final = 65_536
MOST_THREADS: Final = 256
MOST_WORKERS: Final = 1024
MOST_PORT: Final = 65_535
PROBLEM: Final = ("scenario", "workload")
"""Nodes of a config that say what is played."""
LARGEST: Final = 2**53
"""Integers up to here are the same in every file format."""


class SettingError(ValueError):
    """A setting out of its bounds; the message names the setting, its value and the bound."""


def within(name: str, value: int, low: int, high: int = LARGEST) -> None:
    """Raise SettingError where an integer, called ``name``, is not in ``low``..``high``."""
    if not low <= value <= high:
        raise SettingError(
            f"{name} is {value!r}, must be an integer {f'>= {low}' if high == LARGEST else f'in {low}..{high}'}"
        )


@dataclass(frozen=True)
class Score:
    """What a trained policy is compared with at the end, on fresh episodes."""

    prioritizer: Any = field(default_factory=lambda: ["wsrpt", "wsrpt+w", "wsrpt+r"])
    """Rules or folders of policies; one or a list."""
    negotiator: Any = field(default_factory=lambda: ["drf", "urgency"])
    """The same for the other role."""
    episodes: int = 64
    """How many are played."""
    seed: int = 1000
    """Of these episodes."""

    def __post_init__(self) -> None:
        """Raise SettingError for a value out of bounds."""
        within("score.episodes", self.episodes, 1, MOST_EPISODES)
        within("score.seed", self.seed, 0)


@dataclass(frozen=True)
class Threads:
    """What every command that plays can be told."""

    threads: int = 1
    """Of torch. Two next to a busy neighbour can be slower than one; results depend on the number in their last bits."""

    def __post_init__(self) -> None:
        """Raise SettingError for a value out of bounds."""
        within("threads", self.threads, 1, MOST_THREADS)


@dataclass(frozen=True)
class Train(Threads):
    """Of ``parley train``."""

    NODES: ClassVar = (*PROBLEM, "learner")

    folder: str | None = None
    """Where the run goes; null: results/EXPERIMENT/TIME-sSEED, and a mark of its own for each job of a sweep."""
    seed: int = 0
    """Of everything that is drawn in training."""
    device: str = "auto"
    """auto, cpu or cuda."""
    resume: str | None = None
    """Folder of a run to go on with; of its config, only the budget, the device and what it is scored by may be changed."""
    live: int | None = None
    """Port of this machine at which a page shows how it goes, 0: any; --live says that. null: no page."""
    score: Score = field(default_factory=Score)

    def __post_init__(self) -> None:
        """Raise SettingError for a value out of bounds."""
        super().__post_init__()
        within("seed", self.seed, 0)


@dataclass(frozen=True)
class Evaluate(Threads):
    """Of ``parley evaluate``."""

    NODES: ClassVar = PROBLEM

    prioritizer: Any = field(default_factory=lambda: ["wsrpt", "wsrpt+w", "wsrpt+r"])
    """Rules, folders of trained policies, or names of shipped ones (policies/job_shop); one or a list."""
    negotiator: Any = field(default_factory=lambda: ["drf", "urgency"])
    """The same for the other role."""
    episodes: int = 64
    """The k-th episode depends on the seed and k alone."""
    seed: int = 0
    """Of the episodes."""
    worlds: int = 64
    """Episodes in flight at once; more is faster and needs more memory."""
    search: Any = None
    """What every pair plays with as well, as in [{samples:128},{choices:3}]; null: without search."""
    out: str | None = None
    """JSON with every episode's numbers; null: only the table."""

    def __post_init__(self) -> None:
        """Raise SettingError for a value out of bounds."""
        super().__post_init__()
        within("episodes", self.episodes, 1, MOST_EPISODES)
        within("seed", self.seed, 0)
        within("worlds", self.worlds, 1, MOST_WORLDS)


@dataclass(frozen=True)
class Benchmark(Threads):
    """Of ``parley benchmark``."""

    NODES: ClassVar = PROBLEM

    suite: str = "speed"
    """speed, growth, decisions, engine, calibration, windows, run, service, published, public_logs, drift, optimizer,
    stability; or a suite:
    job_shop, flexible_job_shop, stochastic_job_shop, project, batch_queue, shared_cluster, workflow."""
    out: str | None = "default"
    """JSON with all numbers, a Markdown file beside it; default: results/suites/SUITE.json or results/performance/SUITE.json;
    null: only the screen."""
    parts: list[str] = field(default_factory=lambda: ["engine", "pettingzoo", "training", "start"])
    """speed: what is measured."""
    seconds: float = 1.0
    """speed: of each run; what is compared takes turns, because machines are noisy."""
    repeats: int = 5
    """speed: runs, of which the median counts."""
    training_seconds: float = 10.0
    """speed: of each run that learns."""
    compare: str | None = None
    """speed: JSON of an earlier run to set this one beside, as results/performance/speed.json. Then nothing is written by default."""
    jobs: int = 1_000_000
    """growth: jobs of the long stream and lines of the long log; stability: jobs of all runs together."""
    few_jobs: int = 1000
    """growth: jobs of the short stream."""
    decisions: int = 500_000
    """growth: decisions that are timed in each."""
    requests: int = 100_000
    """service: decisions that are asked for in all."""
    clients: int = 50
    """service: that ask at once, each the next time when it has its answer."""
    data: str | None = None
    """Folder of public benchmarks; null: $PARLEY_DATA, else ../shared/data beside the repository."""
    path: str | None = None
    """A folder of instances or logs to play instead of the public ones; best known makespans are read from its bks*.json."""
    default_processors: int = 0
    """batch_queue: processors of logs whose headers do not say how many; 0: such a log is refused."""
    bounds: str | None = None
    """Suites: a file of parley bound, to measure against where no best known value is given; null: bounds without search."""
    runs: Any = field(default_factory=list)
    """Suites: folders of training runs, which should differ in their seeds alone, or of policies; none: the shipped one."""
    search: Any = None
    """Suites: what policy, best rules and index search with, as in [{samples:128},{choices:3}]; null: the suite's own."""
    loads: list[float] = field(default_factory=lambda: [0.8, 1.1, 1.5, 2.0])
    """shared_cluster: offered loads that are played, each combination in so many episodes."""
    agents: list[int] = field(default_factory=lambda: [4, 8, 16])
    """shared_cluster: numbers of agents."""
    tasks: list[str] = field(default_factory=lambda: ["large", "small"])
    """shared_cluster: with "large", some tasks need most of a shared resource."""
    episodes: int = 32
    """shared_cluster: of each combination; optimizer: sets of jobs that everybody runs."""


@dataclass(frozen=True)
class Bound:
    """Of ``parley bound``."""

    NODES: ClassVar = PROBLEM

    suite: str | None = None
    """A suite of parley benchmark whose instances and objective are taken, such as job_shop; null: the scenario's."""
    path: str | None = None
    """With a suite: a folder of instances instead of the public ones."""
    data: str | None = None
    """With a suite: folder of public benchmarks; null: $PARLEY_DATA, else ../shared/data beside the repository."""
    bounds: str | None = None
    """A file that this command wrote before: what it proves is taken over, the rest is searched for again and the better kept."""
    episodes: int = 1
    """Without a suite: how many instances of the workload, drawn from the seed as parley evaluate does."""
    seed: int = 0
    """Of the instances and of CP-SAT."""
    seconds: float = 60.0
    """Wall time of CP-SAT per instance; 0: only bounds that need no search, and no ortools."""
    workers: int = 1
    """Threads of CP-SAT. With one, and time enough to prove what is best, equal seeds give equal schedules."""
    options: int = 20_000
    """CP-SAT does not try instances with more options (tasks, each counted once per agent that may run it)."""
    out: str = field(kw_only=True)
    """JSON, for bounds=FILE of parley benchmark."""

    def __post_init__(self) -> None:
        """Raise SettingError for a value out of bounds."""
        if not 0 <= self.seconds < math.inf:
            raise SettingError(f"seconds is {self.seconds}, must be finite and >= 0")
        within("workers", self.workers, 1, MOST_WORKERS)
        within("seed", self.seed, 0, 2**31 - 1)
        within("options", self.options, 0)
        within("episodes", self.episodes, 1, MOST_EPISODES)


@dataclass(frozen=True)
class Rules:
    """What a tuned index is compared with at the end, on fresh episodes."""

    prioritizer: str = "wsrpt+w"
    """A rule."""
    negotiator: str = "urgency"
    """A rule."""
    episodes: int = 64
    """How many are played."""
    seed: int = 1000
    """Of these episodes."""

    def __post_init__(self) -> None:
        """Raise SettingError for a value out of bounds."""
        within("score.episodes", self.episodes, 2, MOST_EPISODES)
        within("score.seed", self.seed, 0)


@dataclass(frozen=True)
class Tune(Threads):
    """Of ``parley tune``."""

    NODES: ClassVar = (*PROBLEM, "search")

    columns: list[str] = field(
        default_factory=lambda: ["wsrpt", "startable", "root_shared_demand", "wait", "duration", "tail", "age_release"]
    )
    """What the index weighs. The first weighs 1 (with a minus before its name: -1), the weights of the others are searched."""
    seed: int = 0
    """Of the search."""
    folder: str | None = None
    """The folder to write; null: shared_cluster_index, where parley ship puts policies. Commands take it by its name, policies/NAME."""
    score: Rules = field(default_factory=Rules)

    def __post_init__(self) -> None:
        """Raise SettingError for a value out of bounds."""
        super().__post_init__()
        within("seed", self.seed, 0)


@dataclass(frozen=True)
class Report(Threads):
    """Of ``parley report``."""

    run: str = field(kw_only=True)
    """Folder of a training run, JSON of an evaluation or a suite, or .npz of an event log."""
    out: str | None = None
    """The page; null: report.html in the folder, or beside the file."""
    windows: str | None = None
    """Tell how it did in windows of this length, such as 24h, 90m or 3600s, instead; null: show what it was."""
    decisions: int = 200
    """With windows: about how many decisions are looked at again with lookahead; 0: none."""
    history: str | None = None
    """With windows: a file of parley decide --history, which says how often nobody else had to decide."""

    def __post_init__(self) -> None:
        """Raise SettingError for a value out of bounds."""
        super().__post_init__()
        within("decisions", self.decisions, 0, MOST_EPISODES)


@dataclass(frozen=True)
class Ship(Threads):
    """Of ``parley ship``."""

    runs: list[str] = field(default_factory=list)
    """Folders of training runs that differ in their seeds alone; at least three."""
    suite: str = field(kw_only=True)
    """Name of the policy, and of the suite of parley benchmark that plays it where no run is named."""
    limits: str = "Trained on the problems above alone; how it does on others is in the suite's table."
    """What it was not trained for, in a sentence or two."""
    episodes: int = 64
    """Episodes that decide which run is the median: of the training workload, under seeds that no training has."""

    def __post_init__(self) -> None:
        """Raise SettingError for a value out of bounds."""
        super().__post_init__()
        within("episodes", self.episodes, 1, MOST_EPISODES)


@dataclass(frozen=True)
class Study(Threads):
    """What both studies can be told."""

    NODES: ClassVar = (*PROBLEM, "learner")

    device: str = "auto"
    """auto, cpu or cuda."""
    score: Score = field(default_factory=Score)
    variants: Any = field(default_factory=dict)
    """Names, and what is changed of the settings; a role that is not trained is played by what learner.episodes names."""
    rules: Any = field(default_factory=lambda: {"prioritizer": "wsrpt+w", "negotiator": "urgency"})
    """The pair of rules that is scored beside the variants."""
    only: list[str] = field(default_factory=list)
    """Variants to train and to play; the first of them is what the others are compared with."""
    seeds: list[int] = field(default_factory=lambda: [0, 1, 2])
    """Of training: every variant once with each."""
    episodes: int = 64
    """Fresh episodes, the same for all."""
    runs: str = field(kw_only=True)
    """Runs are in RUNS/VARIANT-sSEED. What is there is not trained again; what was interrupted goes on."""
    out: str = field(kw_only=True)
    """JSON with all numbers; a Markdown file of the same name comes beside it."""

    def __post_init__(self) -> None:
        """Raise SettingError for a value out of bounds."""
        super().__post_init__()
        within("episodes", self.episodes, 2, MOST_EPISODES)


@dataclass(frozen=True)
class Ablation(Study):
    """Of ``parley ablation``."""


@dataclass(frozen=True)
class Questions:
    """The table of each question: which variants answer it. One in which the first of ``only`` is missing is left out."""

    roles: list[str] = field(default_factory=list)
    """They differ in which roles are trained, and in who plays the other."""
    rewards: list[str] = field(default_factory=list)
    """They differ in whose cost agents are rewarded for; bids are free."""
    paid: dict[str, str] = field(default_factory=dict)
    """Variants in which winners pay, and the one of rewards that each of them is but for that."""
    levels: list[str] = field(default_factory=list)
    """They differ in how many levels bids have."""
    reservations: list[str] = field(default_factory=list)
    """They differ in how units may be kept."""


@dataclass(frozen=True)
class Negotiation(Study):
    """Of ``parley negotiation``."""

    questions: Questions = field(default_factory=Questions)

    loads: list[float] = field(default_factory=lambda: [1.1, 1.5])
    """Offered loads that are played."""
