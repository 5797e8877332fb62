"""What a learner can be told. Types, bounds and defaults are here; ``conf/learner/*.yaml`` says what a recipe changes.

Imports no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import Final

from agents.policies import RULES, is_rule, policy_folder
from agents.rules import index
from agents.rules.conditional import TERMS

PPO: Final = "ppo"
GROUP: Final = "group"
SELF_LABEL: Final = "self_label"
EVOLUTION: Final = "evolution"
MOST_WORLDS: Final = 65_536
MOST_EPISODES: Final = 100_000
"""In one list: each stays in memory, with the path of its costs."""
MOST_DECISIONS: Final = 10_000_000
"""Between two updates: all stay in memory."""
LEAST: Final = 1e-9
MOST: Final = 1e9
"""Of any weight, rate or time constant: beyond them lies the end of float32, and no meaning."""
METHOD_NAMES: Final = (PPO, GROUP, SELF_LABEL, EVOLUTION)
SIZE: Final = "size"
LOAD: Final = "load"
ORDERS: Final = (SIZE, LOAD)


class LearnerError(ValueError):
    """A learner's parameter out of its bounds; the message names the parameter, its value and the bound."""


def _require(ok: bool, owner: object, name: str, bound: str) -> None:
    if not ok:
        part = next((f".{each.name}" for each in fields(Learner) if each.type == type(owner).__name__), "")
        raise LearnerError(f"learner{part}.{name} is {getattr(owner, name)!r}, must be {bound}")


def _positive(owner: object, *names: str, or_zero: bool = False) -> None:
    for name in names:
        value = getattr(owner, name)
        ok = (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and (LEAST <= value <= MOST or (or_zero and value == 0))
        )
        _require(ok, owner, name, f"{'0, or ' if or_zero else ''}a number in {LEAST:g}..{MOST:g}")


def _count(owner: object, low: int, *names: str, high: float = math.inf) -> None:
    for name in names:
        value = getattr(owner, name)
        ok = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        _require(
            ok, owner, name, f"a whole number >= {low}" if high == math.inf else f"a whole number in {low}..{high}"
        )


@dataclass(frozen=True)
class Network:
    """The shape of the networks."""

    width: int = 32
    """Units in each hidden layer of the actors."""
    critic_width: int = 64
    """Units in each of the two hidden layers of the critics."""
    ignore: list[str] = field(default_factory=list)
    """Columns that the networks are not to read."""
    guide: str | None = None
    """The folder of a tuned index: what it says of a candidate is a column of its own, and goes straight to the decision as well, so that
    learning starts as good as the index; null: none."""
    gain: float = 8.0
    """Logits that a standard deviation of the guide is worth to the prioritizer at the start. What is deployed is the sharp policy: from
    8 on, what plays in training costs within a percent or two of it; at 1, it costs 10 % more, and learning improves another policy."""
    ordinal: bool = True
    """Whether bid levels share one learned number (the ordinal head) or have a logit each."""

    def __post_init__(self) -> None:
        """Raise LearnerError for a value out of bounds."""
        _count(self, 1, "width", "critic_width", high=1024)
        _positive(self, "gain")
        _require(self.ordinal or self.guide is None, self, "ordinal", "true where guide is set, or guide null")


@dataclass(frozen=True)
class Update:
    """How a batch of decisions changes the policies. What anneals goes linearly from its first value to its ``_end``."""

    method: str = PPO
    """'ppo'; for problems scored at their end, 'group' (advantage among rollouts of an episode) or 'self_label' (imitate the best); or
    'evolution', which learns a conditional index instead of networks, and to which nothing else of this section applies."""
    epochs: int = 3
    """Passes over the decisions of a rollout."""
    batch: int = 2048
    """Decisions per minibatch; SB3 is slow below 2,048."""
    learning_rate: float = 2e-3
    learning_rate_end: float = 1e-4
    critic_rate: float = 2e-3
    """Learning rate of the critics from first to last: they may be far bolder than the policies that they judge. No effect but in 'ppo'."""
    clip: float = 0.2
    """PPO's bound on the change of a probability ratio."""
    entropy: float = 0.005
    """Weight of the entropy bonus."""
    entropy_end: float = 0.0
    value_weight: float = 0.5
    """Weight of the critic's loss; no effect but in 'ppo'."""
    max_gradient: float = 0.5
    """Largest norm of a gradient."""
    bid_sigma: float = 2.0
    """Spread of the ordinal bid head in levels."""
    bid_sigma_end: float = 0.6

    def __post_init__(self) -> None:
        """Raise LearnerError for a value out of bounds."""
        _require(self.method in METHOD_NAMES, self, "method", f"one of {', '.join(METHOD_NAMES)}")
        _count(self, 1, "epochs", high=1000)
        _count(self, 2, "batch", high=MOST_DECISIONS)
        _positive(
            self,
            "learning_rate",
            "learning_rate_end",
            "critic_rate",
            "clip",
            "max_gradient",
            "bid_sigma",
            "bid_sigma_end",
        )
        _require(
            max(self.learning_rate, self.learning_rate_end) <= 1, self, "learning_rate", "at most 1, at its end too"
        )
        _require(self.critic_rate <= 1, self, "critic_rate", "at most 1")
        _positive(self, "entropy", "entropy_end", "value_weight", or_zero=True)


@dataclass(frozen=True)
class Discount:
    """Time constants of the semi-Markov discounts exp(-elapsed / tau), in mean nominal durations; null: no discount."""

    tau_gamma: float | None = 13.0
    tau_lambda: float | None = 3.0

    def __post_init__(self) -> None:
        """Raise LearnerError for a value out of bounds."""
        _positive(self, *(name for name in ("tau_gamma", "tau_lambda") if getattr(self, name) is not None))


@dataclass(frozen=True)
class TrainingEpisodes:
    """The fixed list of (instance, seed) pairs that the worlds play in turn, and the rule whose costs on each are the baseline."""

    number: int = 512
    refresh: int = 0
    """Iterations after which a fresh list is drawn and all worlds start anew; 0: never. Only in 'ppo'."""
    curriculum: int = 0
    """Iterations in which the list opens, beginning with its easiest episodes; 0: all are open."""
    order: str = SIZE
    """Which are easy: by 'size' those with the fewest tasks, by 'load' those of the least offered load."""
    baseline: bool = True
    """Whether the rules' cost path on the same episode is subtracted."""
    prioritizer: str = "wsrpt+w"
    """The rule, or the folder of the tuned index, that prioritises in the baseline, in evaluations, in what is imitated, and for a role
    that is not learned."""
    negotiator: str = "urgency"

    def __post_init__(self) -> None:
        """Raise LearnerError for a value out of bounds."""
        _count(self, 1, "number", high=MOST_EPISODES)
        _count(self, 0, "refresh", "curriculum")
        _require(self.order in ORDERS, self, "order", f"one of {', '.join(ORDERS)}")


@dataclass(frozen=True)
class Imitation:
    """How learning starts: from nothing, or by imitating the rules of ``episodes``."""

    decisions: int = 200_000
    """Decisions of the rules to imitate; 0: start from nothing."""
    passes: int = 5
    """Times that they are gone through."""

    def __post_init__(self) -> None:
        """Raise LearnerError for a value out of bounds."""
        _count(self, 0, "decisions", high=MOST_DECISIONS)
        _count(self, 1, "passes", high=1000)


@dataclass(frozen=True)
class GroupSizes:
    """For 'group' and 'self_label': rollouts of the same episode that are compared with each other."""

    number: int = 16
    """Episodes per iteration."""
    rollouts: int = 32
    """Times that each is played."""
    extremes: int = 0
    """Rollouts of each group that are learned from, this many of the best and of the worst; 0: all."""

    def __post_init__(self) -> None:
        """Raise LearnerError for a value out of bounds."""
        _count(self, 1, "number", high=MOST_WORLDS)
        _count(self, 2, "rollouts", high=MOST_WORLDS // self.number)
        _count(self, 0, "extremes", high=self.rollouts // 2)


@dataclass(frozen=True)
class Evolution:
    """For 'evolution': what is tried, and how far weights go. Weights count in effects of a deviation of their column."""

    start: str | None = None
    """The folder of an index to start at; null: start at nothing, all weights 0."""
    length: float = 4.0
    """Of the vector of weights at the start. An index decides alike whatever its scale, but disturbances change a long one less: at the 1.3
    that the tuned index has by itself, disturbed ones cost 50 % more, and what it knows is lost before anything is learned."""
    pairs: int = 512
    """Of whole episodes per iteration, each an episode that is played with the weights plus a disturbance and minus the same one."""
    spread: float = 0.1
    """Standard deviation of the disturbances."""
    step: float = 0.05
    """Length of a step in each weight; goes linearly to its ``_end``."""
    step_end: float = 0.01
    only: list[str] = field(default_factory=list)
    """Terms whose weights alone are learned, the same for picks and bids, without conditions and contest; empty: everything is learned."""

    def __post_init__(self) -> None:
        """Raise LearnerError for a value out of bounds."""
        _count(self, 1, "pairs", high=MOST_WORLDS // 2)
        _positive(self, "length", "spread", "step", "step_end")
        for name in ("spread", "step", "step_end"):
            _require(getattr(self, name) <= 10, self, name, "at most 10")
        _require(set(self.only) <= set(TERMS), self, "only", f"among {', '.join(TERMS)}")


@dataclass(frozen=True)
class Evaluation:
    """Greedy policies against the rules, on episodes that are never trained on."""

    every: int = 20
    """Iterations."""
    episodes: int = 64

    def __post_init__(self) -> None:
        """Raise LearnerError for a value out of bounds."""
        _count(self, 1, "every")
        _count(self, 1, "episodes", high=MOST_EPISODES)


@dataclass(frozen=True)
class Learner:
    """Everything about learning except the scenario, the seed and the machine."""

    roles: list[str] = field(default_factory=lambda: ["prioritizer", "negotiator"])
    """Which roles learn, of prioritizer and negotiator; the others follow the rules of ``episodes``."""
    worlds: int = 256
    rollout: int = 16384
    """Decisions played per iteration, of both roles together ('ppo')."""
    decisions: float = math.inf
    """Budget: stop after so many decisions played, which are all that learning roles make while collecting, whether they are learned from
    or not ('group' and 'self_label' leave out most of theirs); inf: only ``seconds`` counts. What anneals goes by the same unit."""
    seconds: float = 300.0
    """Budget: stop after so many seconds of training; inf: only ``decisions`` counts."""
    checkpoint_every: int = 20
    """Iterations."""
    network: Network = field(default_factory=Network)
    update: Update = field(default_factory=Update)
    discount: Discount = field(default_factory=Discount)
    episodes: TrainingEpisodes = field(default_factory=TrainingEpisodes)
    imitation: Imitation = field(default_factory=Imitation)
    groups: GroupSizes = field(default_factory=GroupSizes)
    evolution: Evolution = field(default_factory=Evolution)
    evaluation: Evaluation = field(default_factory=Evaluation)

    def __post_init__(self) -> None:
        """Raise LearnerError for a value out of bounds."""
        known = {"prioritizer", "negotiator"}
        _require(
            bool(self.roles) and set(self.roles) <= known, self, "roles", "a non-empty list of prioritizer, negotiator"
        )
        together = self.update.method != EVOLUTION or set(self.roles) == known
        _require(together, self, "roles", f"both, prioritizer and negotiator, where update.method is {EVOLUTION}")
        _count(self, 1, "checkpoint_every")
        _count(self, 1, "worlds", high=MOST_WORLDS)
        _count(self, 2, "rollout", high=MOST_DECISIONS)
        for name in ("decisions", "seconds"):
            _require(getattr(self, name) > 0, self, name, "a number > 0")
        _require(min(self.decisions, self.seconds) < math.inf, self, "decisions", "finite where seconds is not")


def locate(learner: Learner) -> Learner:
    """Name policies that come along, as policies/shared_cluster_index, by their folders: those who learn know rules and folders.

    Raises:
        LearnerError: where the guide, or what evolution starts at, is no index.
    """
    named = {role: str(getattr(learner.episodes, role)) for role in RULES}
    found = {role: policy_folder(name) for role, name in named.items() if not is_rule(role, name)}
    folders = {role: str(folder) for role, folder in found.items() if folder}
    return replace(
        learner,
        network=replace(learner.network, guide=_index("network.guide", learner.network.guide)),
        evolution=replace(learner.evolution, start=_index("evolution.start", learner.evolution.start)),
        episodes=replace(learner.episodes, **folders),  # type: ignore[arg-type]  # roles are fields of text
    )


def _index(key: str, name: str | None) -> str | None:
    if name is None:
        return None
    folder = policy_folder(name)
    if folder is None or not (folder / index.FILE).is_file():
        raise LearnerError(f"learner.{key} is {name!r}, must be null, or the folder of an index, with {index.FILE}")
    return str(folder)
