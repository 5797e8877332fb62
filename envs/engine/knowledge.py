"""What agents have seen: log(realised / nominal) per agent and kind, shrunk towards a prior (Welford 1962)."""

from __future__ import annotations

import math

from envs.engine.compiled import Record, kernel
from envs.engine.memory import belief_of, facts_of, params_of, running_of, task_of


@kernel
def observe_duration(w: Record, agent: int, kind: int, nominal: float, realised: float) -> bool:
    """Let an agent learn from the full duration of a task that it has ended; say whether its estimates have changed."""
    par = params_of(w)
    if not par.learn or nominal <= 0.0 or realised <= 0.0:
        return False
    belief = belief_of(w, agent, kind)
    x = math.log(realised / nominal)
    belief.count += 1
    d = x - belief.mean
    belief.mean += d / belief.count
    belief.m2 += d * (x - belief.mean)
    conclude(w, belief)
    return True


@kernel
def conclude(w: Record, belief: Record) -> None:
    """Say by what an agent multiplies nominal durations, and how far it expects to be off, from what it has seen."""
    par = params_of(w)
    belief.factor = math.exp(belief.count * belief.mean / (belief.count + par.prior_count))
    belief.spread = math.sqrt(
        (belief.m2 + par.prior_count * par.prior_std * par.prior_std) / (belief.count + par.prior_count)
    )


@kernel
def estimate(w: Record, option: Record) -> float:
    """Return the seconds that the agent of an option expects its task still to take there."""
    task = facts_of(w, option.task)
    return option.nominal * belief_of(w, option.agent, task.kind).factor * (1.0 - task_of(w, option.task).progress)


@kernel
def expected_length(w: Record, option: Record) -> float:
    """Return the seconds by which reservations count: what agents estimate, or, in a queue that blocks, what is left of the nominal."""
    if params_of(w).blocking:
        return option.nominal * (1.0 - task_of(w, option.task).progress)
    return estimate(w, option)


@kernel
def remaining_end(w: Record, slot: int) -> float:
    """Return when a running task is expected to end; now, where it is overdue."""
    return max(w.time, running_of(w, slot).expected)
