"""Real bids as levels: the same bid is the same level, whoever else bids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.protocols import Negotiator, Observation

Floats = NDArray[np.float64]


def borders(bids: Floats, levels: int) -> Floats:
    """Return [levels - 1] ascending borders between levels that are equally common among ``bids`` [N]; of no bids, all are 0."""
    return np.quantile(bids if len(bids) else np.zeros(1), np.arange(1, levels) / levels)


def as_levels(bids: Floats, between: Floats) -> NDArray[np.int64]:
    """Return [N] levels of bids [N], 0 below the first of the borders ``between`` [levels - 1]."""
    level: NDArray[np.int64] = np.searchsorted(between, bids, side="right")
    return level


@dataclass(frozen=True)
class Cut:
    """A negotiator that may only say in which of some levels its bid lies."""

    negotiator: Negotiator
    borders: Floats
    """[levels - 1] ascending."""

    def bid(self, observation: Observation) -> Floats:
        """Return [N] bids in 0..levels - 1."""
        return as_levels(self.negotiator.bid(observation), self.borders).astype(np.float64)
