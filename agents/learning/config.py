"""What a learner can be told. Types and bounds are here, values only in ``conf/learner/*.yaml``. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PPO: Final = "ppo"
GROUP: Final = "group"
SELF_LABEL: Final = "self_label"
METHODS: Final = (PPO, GROUP, SELF_LABEL)


class LearnerError(ValueError):
    """A learner's parameter out of its bounds; the message names the parameter, its value and the bound."""


def _require(ok: bool, owner: object, name: str, bound: str) -> None:
    if not ok:
        raise LearnerError(f"learner: {type(owner).__name__}.{name} is {getattr(owner, name)!r}, must be {bound}")


@dataclass(frozen=True)
class Network:
    """The shape of the networks."""

    width: int
    """Units in each hidden layer of the actors."""
    critic_width: int
    """Units in each of the two hidden layers of the critics."""
    ignore: list[str]
    """Columns that the networks are not to read."""

    def __post_init__(self) -> None:
        """Raise LearnerError for a value out of bounds."""
        _require(1 <= self.width <= 1024, self, "width", "in 1..1024")
        _require(1 <= self.critic_width <= 1024, self, "critic_width", "in 1..1024")


@dataclass(frozen=True)
class Update:
    """How a batch of decisions changes the policies. What anneals goes linearly from its first value to its ``_end``."""

    method: str
    """'ppo'; or, for problems scored at their end, 'group' (advantage among rollouts of an episode) or 'self_label' (imitate the best)."""
    epochs: int
    """Passes over the decisions of a rollout."""
    batch: int
    """Decisions per minibatch; SB3 is slow below 2,048."""
    learning_rate: float
    learning_rate_end: float
    clip: float
    """PPO's bound on the change of a probability ratio."""
    entropy: float
    """Weight of the entropy bonus."""
    entropy_end: float
    value_weight: float
    """Weight of the critic's loss; no effect but in 'ppo'."""
    max_gradient: float
    """Largest norm of a gradient."""
    bid_sigma: float
    """Spread of the ordinal bid head in levels."""
    bid_sigma_end: float

    def __post_init__(self) -> None:
        """Raise LearnerError for a value out of bounds."""
        _require(self.method in METHODS, self, "method", f"one of {', '.join(METHODS)}")
        _require(self.epochs >= 1, self, "epochs", ">= 1")
        _require(self.batch >= 2, self, "batch", ">= 2")
        for name in ("learning_rate", "learning_rate_end", "clip", "max_gradient", "bid_sigma", "bid_sigma_end"):
            _require(getattr(self, name) > 0, self, name, "> 0")
        for name in ("entropy", "entropy_end", "value_weight"):
            _require(getattr(self, name) >= 0, self, name, ">= 0")


@dataclass(frozen=True)
class Discount:
    """Time constants of the semi-Markov discounts exp(-elapsed / tau), in mean nominal durations; null: no discount."""

    tau_gamma: float | None
    tau_lambda: float | None

    def __post_init__(self) -> None:
        """Raise LearnerError for a value out of bounds."""
        for name in ("tau_gamma", "tau_lambda"):
            _require(getattr(self, name) is None or getattr(self, name) > 0, self, name, "> 0, or null")


@dataclass(frozen=True)
class Episodes:
    """The fixed list of (instance, seed) pairs that the worlds play in turn, and the rule whose costs on each are the baseline."""

    number: int
    refresh: int
    """Iterations after which a fresh list is drawn and all worlds start anew; 0: never."""
    baseline: bool
    """Whether the rules' cost path on the same episode is subtracted."""
    prioritizer: str
    """The rule that prioritises in the baseline, in evaluations, and for a role that is not learned."""
    negotiator: str

    def __post_init__(self) -> None:
        """Raise LearnerError for a value out of bounds."""
        _require(self.number >= 1, self, "number", ">= 1")
        _require(self.refresh >= 0, self, "refresh", ">= 0")


@dataclass(frozen=True)
class Groups:
    """For 'group' and 'self_label': rollouts of the same episode that are compared with each other."""

    number: int
    """Episodes per iteration."""
    rollouts: int
    """Times that each is played."""
    extremes: int
    """Rollouts of each group that are learned from, this many of the best and of the worst; 0: all."""

    def __post_init__(self) -> None:
        """Raise LearnerError for a value out of bounds."""
        _require(self.number >= 1, self, "number", ">= 1")
        _require(self.rollouts >= 2, self, "rollouts", ">= 2")
        _require(0 <= 2 * self.extremes <= self.rollouts, self, "extremes", "in 0..rollouts / 2")


@dataclass(frozen=True)
class Evaluation:
    """Greedy policies against the rules, on episodes that are never trained on."""

    every: int
    """Iterations."""
    episodes: int

    def __post_init__(self) -> None:
        """Raise LearnerError for a value out of bounds."""
        _require(self.every >= 1, self, "every", ">= 1")
        _require(self.episodes >= 1, self, "episodes", ">= 1")


@dataclass(frozen=True)
class Learner:
    """Everything about learning except the scenario, the seed and the machine."""

    roles: list[str]
    """Which roles learn, of prioritizer and negotiator; the others follow the rules of ``episodes``."""
    worlds: int
    rollout: int
    """Decisions per iteration, of both roles together ('ppo')."""
    decisions: float
    """Budget: stop after so many decisions; .inf: only ``seconds`` counts."""
    seconds: float
    """Budget: stop after so many seconds of training; .inf: only ``decisions`` counts."""
    checkpoint_every: int
    """Iterations."""
    network: Network
    update: Update
    discount: Discount
    episodes: Episodes
    groups: Groups
    evaluation: Evaluation

    def __post_init__(self) -> None:
        """Raise LearnerError for a value out of bounds."""
        known = {"prioritizer", "negotiator"}
        _require(bool(self.roles) and set(self.roles) <= known, self, "roles", "a non-empty list of prioritizer, negotiator")
        _require(self.worlds >= 1, self, "worlds", ">= 1")
        _require(self.rollout >= 2, self, "rollout", ">= 2")
        for name in ("decisions", "seconds"):
            _require(getattr(self, name) > 0, self, name, "> 0")
        _require(min(self.decisions, self.seconds) < float("inf"), self, "decisions", "finite where seconds is not")
        _require(self.checkpoint_every >= 1, self, "checkpoint_every", ">= 1")
