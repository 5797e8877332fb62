"""Which policy to use next, by what each has achieved: the one that seems best, with some allowance for those that were hardly tried.

Results fade with the same half-life as knowledge, so that a policy which lost long ago is tried again (Garivier and Moulines 2011).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from agents.operation.knowledge.experience import Experience

RESULT: Final = "mean_slowdown"
"""The metric that counts: less is better."""
LEAST_SPREAD: Final = 0.1
"""Of log(result): below this, differences are luck."""
UNLIKED: Final = 2.0
"""By this an experience is as much worse as one that nobody liked: results are multiplied by UNLIKED ** (1 - mean score)."""


@dataclass
class Record:
    """What a policy has achieved, as of ``time``."""

    time: float
    count: float = 0.0
    total: float = 0.0
    """Of log(result)."""
    squares: float = 0.0

    def fade(self, time: float, half_life: float) -> None:
        """Let time pass."""
        if time > self.time:
            kept = 0.5 ** ((time - self.time) / half_life)
            self.count, self.total, self.squares = kept * self.count, kept * self.total, kept * self.squares
            self.time = time


class BehaviourOptimizer:
    """Chooses by discounted means and upper confidence bounds."""

    def __init__(self, half_life: float) -> None:
        """Begin with nothing; seconds after which a result counts half."""
        self.half_life = half_life
        self.records: dict[str, Record] = {}

    def record(self, experience: Experience) -> None:
        """Note how an experience's policy did; nothing, where no job was done. Users' scores count as part of the result."""
        result = experience.metrics.get(RESULT)
        if result is None:
            return
        x = math.log(result)
        if experience.feedback:
            mean = sum(each.score for each in experience.feedback) / len(experience.feedback)
            x += math.log(UNLIKED) * (1.0 - mean)
        record = self.records.setdefault(experience.policy, Record(experience.ended))
        record.fade(experience.ended, self.half_life)
        record.count, record.total, record.squares = record.count + 1, record.total + x, record.squares + x * x

    def choose(self, policies: Sequence[str], now: float) -> str:
        """Return the policy to use next: first everyone once, in order, then the lowest mean of log(result) less an allowance.

        The allowance is s sqrt(2 log(N) / n): n results of the policy, N of all, s the spread of the results of all.
        """
        seen = {name: Record(**vars(self.records[name])) for name in policies if name in self.records}
        for record in seen.values():
            record.fade(now, self.half_life)
        untried = [name for name in policies if name not in seen]
        if untried:
            return untried[0]
        total = sum(record.count for record in seen.values())
        within = sum(record.squares - record.total**2 / record.count for record in seen.values() if record.count > 0)
        spread = max(LEAST_SPREAD, math.sqrt(max(0.0, within) / max(total, 1.0)))

        def promise(name: str) -> float:
            record = seen[name]
            if record.count <= 0:
                return -math.inf
            return record.total / record.count - spread * math.sqrt(2.0 * math.log(max(total, 1.0)) / record.count)

        return min(policies, key=promise)

    def as_json(self) -> dict[str, Any]:
        """Return what ``of_json`` reads."""
        half_life = None if math.isinf(self.half_life) else self.half_life
        return {
            "half_life": half_life,
            "records": {name: vars(record) for name, record in sorted(self.records.items())},
        }

    @classmethod
    def of_json(cls, told: dict[str, Any]) -> BehaviourOptimizer:
        """Return what ``as_json`` told; raises KeyError, TypeError or ValueError where it is something else."""
        made = cls(math.inf if told["half_life"] is None else float(told["half_life"]))
        made.records = {
            str(name): Record(**{k: float(v) for k, v in row.items()}) for name, row in told["records"].items()
        }
        return made
