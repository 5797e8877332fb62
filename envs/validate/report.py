"""The public face of the checker: a log in, a report out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from envs.events import EventLog
from envs.scenario import Scenario
from envs.validate.costs import episode_costs
from envs.validate.replay import Replay
from envs.workloads.instance import Instance

MAX_VIOLATIONS: Final = 20
"""Later ones are only counted: one wrong event often makes many that follow look wrong."""
COST_TOLERANCE: Final = 1e-9
"""Relative. The world adds up many small pieces, in another order."""


class ScheduleError(ValueError):
    """A log that the world of its scenario, instance and seed cannot have produced; the message says why."""


@dataclass(frozen=True)
class Report:
    """What a log says about its episode, and where it breaks the rules."""

    name: str
    """Of the instance."""
    violations: tuple[str, ...]
    """One line each, at most MAX_VIOLATIONS and one more that counts the rest."""
    costs: dict[str, float]
    """Unweighted team totals by term (flow, tardiness, slowdown, makespan, lease, abandonment), and 'team': their weighted sum."""
    own_cost: tuple[float, ...]
    """[A] weighted cost of the jobs that an agent owns and of the units that it held."""
    end: float
    """Seconds: when the episode ended or was cut off."""
    truncated: bool

    @property
    def ok(self) -> bool:
        """Whether the log keeps every rule."""
        return not self.violations

    def raise_if_bad(self) -> None:
        """Raise ScheduleError unless the log keeps every rule."""
        if self.violations:
            raise ScheduleError(
                f"{self.name}: the event log breaks the rules of its world:\n  " + "\n  ".join(self.violations)
            )


def validate(
    scenario: Scenario,
    instance: Instance,
    seed: int,
    log: EventLog,
    *,
    team_cost: float | None = None,
    own_cost: ArrayLike | None = None,
) -> Report:
    """Check the log of one whole episode, up to its end or truncation.

    Args:
        scenario: the rules that it was played by.
        instance: the jobs that it played.
        seed: the episode's own seed (``Outputs.seed``), not the world's.
        log: its events.
        team_cost: the weighted team cost that the world reported, summed over the episode; compared where given.
        own_cost: [A or more] the same per agent.
    """
    replay = Replay(scenario, instance, seed)
    comparable = replay.run(log)
    end = replay.now
    costs, own = episode_costs(
        scenario.objective, instance, replay.job_over, replay.abandoned, replay.ledger.unit_seconds_until(end), end
    )
    problems = replay.violations
    pairs = [] if team_cost is None else [("team cost", costs["team"], team_cost)]
    if own_cost is not None:
        reported = np.asarray(own_cost, np.float64)
        if reported.ndim != 1 or reported.size < own.size:
            raise ValueError(f"own_cost has shape {reported.shape}, expected one cost for each of {own.size} agents")
        own = np.pad(own, (0, reported.size - own.size))
        pairs += [(f"own cost of agent {a}", float(own[a]), float(reported[a])) for a in range(own.size)]
    for what, expected, given in pairs if comparable else ():
        if not math.isclose(expected, given, rel_tol=COST_TOLERANCE, abs_tol=COST_TOLERANCE):
            problems.append(f"the {what} was reported as {given!r}, by the events it is {expected!r}")
    violations = tuple(problems[:MAX_VIOLATIONS])
    if len(problems) > MAX_VIOLATIONS:
        violations += (f"and {len(problems) - MAX_VIOLATIONS} more",)
    return Report(instance.name, violations, costs, tuple(own[: instance.num_agents].tolist()), end, replay.truncated)
