"""Why a task starts now, or why it does not, and what moved its priority."""

from __future__ import annotations

from typing import Any, Literal

from agents.operation.deciding.decision import Decision, DecisionEngine
from agents.operation.deciding.priorities import Priority
from agents.operation.deciding.reasons import WhyNot
from agents.operation.site.situation import Situation


class Explanation(WhyNot):
    """Of one task."""

    priorities: list[Priority]
    """Its own, at every agent that was shown it."""
    policy: str
    """Which decided."""
    kind: Literal["explanation"] = "explanation"


def explain(engine: DecisionEngine, situation: Situation, task: str, **how: Any) -> tuple[Explanation, Decision]:
    """Decide, and explain one task, ``JOB/TASK`` or ``TASK``; ``how`` and errors are those of :meth:`DecisionEngine.decide`."""
    decision = engine.decide(situation, explain=True, why_not_of=[task], **how)
    told = decision.why_not[0]
    mine = [each for each in decision.priorities if (each.job, each.task) == (told.job, told.task)]
    return Explanation(**dict(told), priorities=mine, policy=decision.policy), decision
