"""A scorer made of a rule, for tests of search: nothing in it depends on batches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.rules import prioritizer


class Ranked:
    """The rule's pick is likeliest, the lower numbers come next."""

    def __init__(self, rule: str) -> None:
        self.rule = prioritizer(rule)

    def pick(
        self, candidates: NDArray[np.float32], context: NDArray[np.float32], mask: NDArray[np.bool_]
    ) -> NDArray[np.int32]:
        """What the rule picks."""
        return self.rule.pick(candidates, context, mask)

    def scores(
        self, candidates: NDArray[np.float32], context: NDArray[np.float32], mask: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Half of the chance for the rule's pick, and half of the rest for each next action."""
        weight = np.where(mask, 0.5 ** np.arange(1, mask.shape[1] + 1), 0.0)
        weight[np.arange(len(mask)), self.pick(candidates, context, mask)] = 1.0
        with np.errstate(divide="ignore"):
            return np.log(weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)
