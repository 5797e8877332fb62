"""How policies are put to work: who decides, who steps in, within which limits. ``conf/operation/`` has recipes, this the defaults."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from agents.operation.deciding.decision import FALLBACK, FARTHEST, DecisionEngine
from agents.operation.execution.thresholds import Adjusting, Means, Thresholds
from agents.operation.site.problems import MOST_BYTES

if TYPE_CHECKING:
    from agents.operation.planning.planning import TaskPlanner

MOST_SECONDS: Final = 86_400.0
MOST_AT_ONCE: Final = 256
MOST_WAITING: Final = 100_000
MOST_FUTURES: Final = 100_000
LAST_PORT: Final = 65_535


class SettingsError(ValueError):
    """A setting out of its bounds; the message names the setting, its value and what would be right."""


def _within(name: str, value: float, low: float, high: float = math.inf) -> None:
    if not low <= value <= high:
        raise SettingsError(
            f"{name} is {value:g}, must be {f'in {low:g}..{high:g}' if high < math.inf else f'>= {low:g}'}"
        )


@dataclass(frozen=True)
class Planning:
    """How plans are made."""

    rivals: list[str] | None = None
    """Policies that play the same futures; null: the planner's own rules."""
    seconds: float = 5.0
    """Wall time, after which no further futures are begun, where nobody asks for another."""
    futures: int = 64
    """Most futures, where nobody asks for another number."""

    def __post_init__(self) -> None:
        """Raise SettingsError for a value out of bounds."""
        _within("planning.seconds", self.seconds, 0, MOST_SECONDS)
        _within("planning.futures", self.futures, 1, MOST_FUTURES)


@dataclass(frozen=True)
class Service:
    """Limits of the service, so that no request hurts another."""

    host: str = "127.0.0.1"
    """Where it listens; elsewhere than on the loopback only with a token."""
    port: int = 8731
    """0: any that is free."""
    decisions: int = 2
    """Requests that decide, or change the situation, at once; each has a thread."""
    plans: int = 1
    """Requests that plan at once: they take seconds, and decisions do not wait for them."""
    waiting: int = 64
    """Requests that may wait for either; more are refused with 503."""
    body_bytes: int = 8 * 2**20
    """Of a request."""
    seconds: float = 30.0
    """After which a request is answered with 503 whatever it still does. Policies have less: ``deadline_ms``."""
    stop_seconds: int = 10
    """For what runs when the service is told to stop."""

    def __post_init__(self) -> None:
        """Raise SettingsError for a value out of bounds."""
        _within("service.port", self.port, 0, LAST_PORT)
        _within("service.decisions", self.decisions, 1, MOST_AT_ONCE)
        _within("service.plans", self.plans, 1, MOST_AT_ONCE)
        _within("service.waiting", self.waiting, 0, MOST_WAITING)
        _within("service.body_bytes", self.body_bytes, 1, MOST_BYTES)
        _within("service.seconds", self.seconds, 0.001, MOST_SECONDS)
        _within("service.stop_seconds", self.stop_seconds, 1, MOST_SECONDS)


@dataclass(frozen=True)
class Operation:
    """Everything that the operation of a policy can be told."""

    policy: str = "policies/shared_cluster"
    """A trained policy, its folder, or a pair of rules as in wsrpt,drf."""
    fallback: str = FALLBACK
    """Rules that decide where the policy gives no valid answer in time."""
    farthest: float = FARTHEST
    """Standard deviations of training beyond which a situation is out of the policy's range."""
    deadline_ms: float | None = 2000.0
    """Milliseconds after which the fallback decides; null: never."""
    history: str | None = None
    """A file of SQLite that every decision is appended to; null: none is kept."""
    shadow: str | None = None
    """A policy that decides beside, and is never obeyed; null: none."""
    monitor: Thresholds = field(default_factory=Thresholds)
    """Of ``parley run``."""
    optimizer: Means = field(default_factory=Means)
    """Of the same."""
    adjusting: Adjusting = field(default_factory=Adjusting)
    """Of the same."""
    planning: Planning = field(default_factory=Planning)
    service: Service = field(default_factory=Service)

    def __post_init__(self) -> None:
        """Raise SettingsError for a value out of bounds."""
        _within("farthest", self.farthest, 0)
        if self.deadline_ms is not None:
            _within("deadline_ms", self.deadline_ms, 0, MOST_SECONDS * 1e3)

    def engine(self) -> DecisionEngine:
        """Load the policy and its fallback; raises as :class:`agents.operation.deciding.decision.Deciders` does."""
        return DecisionEngine.load(self.policy, self.fallback, farthest=self.farthest)

    def planner(self) -> TaskPlanner:
        """Load the policy and its rivals; raises the same."""
        from agents.operation.planning.planning import RULES, TaskPlanner

        return TaskPlanner(self.policy, RULES if self.planning.rivals is None else self.planning.rivals)
