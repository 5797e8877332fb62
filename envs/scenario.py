"""A scenario: the uncertainty, rules of play, objective and view around a workload. Frozen, validated when made."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Final

from envs.workloads.instance import Workload

MAX_WEIGHT: Final = 1e12
"""Of a cost term: far from where costs overflow."""


class ScenarioError(ValueError):
    """A scenario parameter out of its bounds; the message names the parameter, its value and the bound."""


def _require(ok: bool, owner: object, name: str, bound: str) -> None:
    if not ok:
        value = getattr(owner, name)
        raise ScenarioError(f"{type(owner).__name__}.{name} is {value!r}, must be {bound}")


def _finite(value: float, low: float = 0.0) -> bool:
    return math.isfinite(value) and value >= low


@dataclass(frozen=True)
class Uncertainty:
    """What the agents cannot know: noise of durations, failures of tasks, breakdowns of agents."""

    duration_sigma: float = 0.0
    """Realised = nominal / speed x lognormal noise of mean 1 whose logarithm has this standard deviation."""
    failure_probability: float = 0.0
    """Chance that one attempt at a task fails, at a uniformly drawn point of it."""
    retry_delay: float = 0.0
    """Seconds from a failure to the task being ready again."""
    max_failures: int = 3
    """Failures of one task after which its job is abandoned."""
    mean_time_between_failures: float = math.inf
    """Mean seconds of an agent's up-time (exponential); inf: agents never break down."""
    mean_time_to_repair: float = 600.0
    """Mean seconds of an agent's down-time (exponential)."""
    kept_progress: float = 0.0
    """Share of its progress that a task keeps when a breakdown interrupts it."""

    def __post_init__(self) -> None:
        _require(_finite(self.duration_sigma) and self.duration_sigma <= 3, self, "duration_sigma", "in [0, 3]")
        _require(0 <= self.failure_probability < 1, self, "failure_probability", "in [0, 1)")
        _require(_finite(self.retry_delay), self, "retry_delay", "finite and >= 0")
        _require(1 <= self.max_failures <= 1000, self, "max_failures", "in 1..1000")
        _require(self.mean_time_between_failures > 0, self, "mean_time_between_failures", "> 0 (inf for never)")
        _require(_finite(self.mean_time_to_repair) and self.mean_time_to_repair > 0, self, "mean_time_to_repair", "> 0")
        _require(0 <= self.kept_progress <= 1, self, "kept_progress", "in [0, 1]")


@dataclass(frozen=True)
class Knowledge:
    """How agents turn what they have seen into estimates: shrinkage of log(realised / nominal) towards a prior of mean 0."""

    learn: bool = True
    """False: estimates stay nominal."""
    prior_count: float = 5.0
    """Observations that the prior is worth."""
    prior_std: float = 0.5
    """Standard deviation of log(realised / nominal) before anything was seen."""

    def __post_init__(self) -> None:
        _require(_finite(self.prior_count) and self.prior_count > 0, self, "prior_count", "> 0")
        _require(_finite(self.prior_std), self, "prior_std", "finite and >= 0")


@dataclass(frozen=True)
class Reservations:
    """Waiting, by keeping units for a candidate that cannot start yet."""

    allowed: bool = True
    hold: str = "event"
    """'event': until the next event, when the agent may think again; 'start': until the reserved task starts."""
    backfill: bool = False
    """True: others may use reserved units if they are expected to end by the reservation's expected start (EASY)."""
    blocking: bool = False
    """True: an agent's tasks stand in a batch system's queue. It must choose a head even where nothing can start, and waits for it;
    the world backfills the rest by their nominal durations, the lowest task first (Zhang et al. 2020, RLScheduler)."""

    def __post_init__(self) -> None:
        _require(self.hold in ("event", "start"), self, "hold", "'event' or 'start'")
        _require(
            not self.blocking or (self.allowed and self.hold == "start"),
            self,
            "blocking",
            "False unless allowed and hold='start'",
        )


@dataclass(frozen=True)
class Negotiation:
    """How contested rounds are cleared: sealed bids, highest first; optionally paid for with credits."""

    levels: int = 16
    """Ordinal bid levels of a learned negotiator."""
    credits: float = 0.0
    """Initial balance per agent in credits; 0: bids are free. A credit buys one bid level x one dominant share x one mean task."""

    def __post_init__(self) -> None:
        _require(2 <= self.levels <= 64, self, "levels", "in 2..64")
        _require(_finite(self.credits), self, "credits", "finite and >= 0")


@dataclass(frozen=True)
class Objective:
    """Weights of the named cost terms; see ``envs/engine/objective.py`` for what each term charges."""

    flow: float = 0.0
    tardiness: float = 0.0
    slowdown: float = 0.0
    makespan: float = 0.0
    lease: float = 0.0
    abandonment: float = 1.0
    """Per unit of weight of an abandoned job, charged at once, in seconds of flow time."""

    def __post_init__(self) -> None:
        for f in fields(self):
            _require(0 <= getattr(self, f.name) <= MAX_WEIGHT, self, f.name, f"in 0..{MAX_WEIGHT:g}")
        if not any(getattr(self, f.name) for f in fields(self) if f.name != "abandonment"):
            raise ScenarioError(
                "Objective has no term: give one of flow, tardiness, slowdown, makespan, lease a weight > 0"
            )


@dataclass(frozen=True)
class Limits:
    """Where an episode is cut off; a cut is a truncation, not an end."""

    max_time: float = math.inf
    """Seconds of world time."""
    max_rounds: int = 2**31 - 1
    """Rounds in which somebody had a choice."""

    def __post_init__(self) -> None:
        _require(self.max_time > 0, self, "max_time", "> 0 (inf for none)")
        _require(1 <= self.max_rounds < 2**31, self, "max_rounds", "in 1..2^31-1")


@dataclass(frozen=True)
class Scenario:
    """Everything that defines a world, except the seed."""

    workload: Workload
    objective: Objective = field(default_factory=lambda: Objective(flow=1.0))
    uncertainty: Uncertainty = field(default_factory=Uncertainty)
    knowledge: Knowledge = field(default_factory=Knowledge)
    reservations: Reservations = field(default_factory=Reservations)
    negotiation: Negotiation = field(default_factory=Negotiation)
    limits: Limits = field(default_factory=Limits)
    candidates: int = 32
    """K, the most candidates that a prioritizer sees."""
    allow_pass: bool = False
    """Offer prioritizers one more action: leave the work to a better agent."""
    cooperation: float = 1.0
    """c: an agent's reward is (1 - c) x minus the cost of its own jobs + c x minus the team's."""

    def __post_init__(self) -> None:
        _require(isinstance(self.workload, Workload), self, "workload", "an object with instance(seed)")
        _require(1 <= self.candidates <= 4096, self, "candidates", "in 1..4096")
        _require(0 <= self.cooperation <= 1, self, "cooperation", "in [0, 1]")
