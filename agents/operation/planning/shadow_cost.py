"""What another policy would have cost from recorded situations on: both complete each of them in the same futures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from agents.operation.deciding.history import History
from agents.operation.planning.planning import LEVEL, TaskPlanner
from agents.operation.site.problems import Problem, SituationError
from agents.operation.site.situation import Part, Situation

FUTURES: Final = 16
"""Of each situation."""
PATIENCE: Final = 3600.0
"""Seconds for one situation: futures are bounded, not time, so that equal calls give equal numbers."""


class Case(Part):
    """One situation."""

    number: int
    """In the history."""
    made: float
    """Mean cost of going on with the policy that decided,"""
    other: float
    """and with the other one, in the same futures."""


class ShadowCost(Part):
    """What came of all of them. Situations of one site that follow each other share their work: the interval takes them as they come."""

    policy: str
    """The other one."""
    decisions: int
    covered: int
    """Of which somebody's policy could be loaded, and something was still to be done."""
    cases: list[Case]
    more: float | None
    """Mean of what the other costs more; null: nothing is covered."""
    low: float | None
    """Its 95 % interval, over situations."""
    high: float | None

    def __str__(self) -> str:
        told = f"{self.covered} of {self.decisions} decisions are covered"
        if self.more is None or self.low is None or self.high is None:
            return f"{told}."
        share = self.more / mean if (mean := float(np.mean([case.made for case in self.cases]))) else 0.0
        return (
            f"{told}; going on with {self.policy} costs {self.more:+,.6g} ({share:+.1%}) in the mean, "
            f"95 % interval {self.low:+,.6g} .. {self.high:+,.6g}."
        )


def shadow_cost(
    history: History, other: str, *, futures: int = FUTURES, seed: int = 0, last: int | None = None
) -> ShadowCost:
    """Complete recorded situations by the policy that decided about them and by another one, in equal luck.

    Args:
        history: of decisions; where a fallback decided, it is what goes on.
        other: a policy by name.
        futures: of each situation.
        seed: of the futures.
        last: of the decisions, the last so many; None: all.

    Raises:
        PolicyError: there is no such policy.
        SituationError: no futures.
    """
    if futures < 1:
        raise SituationError([Problem("out_of_range", "futures", str(futures), "at least 1")])
    entries = history.entries(last=last)
    planners: dict[str, TaskPlanner] = {}
    cases: list[Case] = []
    for entry in entries:
        situation = history.get(entry.number)[0]
        if _is_over(situation):
            continue
        planner = planners.get(entry.policy) or planners.setdefault(entry.policy, TaskPlanner(entry.policy, [other]))
        plan = planner.plan_task_execution(situation, seconds=PATIENCE, futures=futures, seed=seed + entry.number)
        costs = {each.policy: each.cost for each in plan.contenders}
        cases.append(Case(number=entry.number, made=costs[entry.policy], other=costs[other]))
    more, low, high = _interval([case.other - case.made for case in cases])
    return ShadowCost(
        policy=other, decisions=len(entries), covered=len(cases), cases=cases, more=more, low=low, high=high
    )


def _is_over(s: Situation) -> bool:
    return all(task.state == "done" for job in s.jobs for task in job.tasks)


def _interval(values: Sequence[float]) -> tuple[float, float, float] | tuple[None, None, None]:
    """Mean, and its 95 % interval."""
    if not values:
        return None, None, None
    mean = float(np.mean(values))
    error = LEVEL * float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return mean, mean - error, mean + error
