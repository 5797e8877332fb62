"""What scores are measured against where nobody else's best value is known: what CP-SAT found, or else a bound that needs no search."""

from __future__ import annotations

from collections.abc import Callable

from omegaconf import DictConfig

from envs.scenario import Objective
from envs.workloads.instance import Instance
from experiments.bounds.analytic import lower_bound
from experiments.bounds.answers import Answers
from experiments.building import check

Measure = Callable[[Instance], tuple[float, bool]]
"""Returns a cost, and whether it is a bound that maybe no schedule reaches; otherwise it is the least there is."""


def measure_of(config: DictConfig, objective: Objective) -> Measure:
    """Return what the file ``config.bounds`` of parley-bound says of an instance, or the analytic bound where it says nothing.

    Raises:
        UsageError: where the file is damaged or has another objective; the measure raises it where a schedule of the file is none.
    """
    answers = Answers.before(check(config.bounds, str | None, "bounds"), objective)

    def measure(i: Instance) -> tuple[float, bool]:
        answer = answers.look_up(i)
        if answer is None:
            return lower_bound(objective, i), True
        return (answer.cost, False) if answer.cost is not None and answer.proven else (answer.bound, True)

    return measure
