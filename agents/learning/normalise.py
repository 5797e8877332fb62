"""Running means and standard deviations, exact over everything seen (Chan, Golub, LeVeque 1979)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from agents.learning.checkpoint import fit, within


class Moments:
    """Mean and variance of columns, updated by batches."""

    def __init__(self, columns: int) -> None:
        """Start with nothing seen."""
        self.count = 0.0
        self.mean = np.zeros(columns)
        self.squares = np.zeros(columns)
        """Sum of squared distances from the mean."""

    def add(self, batch: NDArray[np.floating]) -> None:
        """See a batch [n, columns]."""
        if len(batch) == 0:
            return
        mean, squares = _moments(batch)
        total = self.count + len(batch)
        distance = mean - self.mean
        self.mean = self.mean + distance * (len(batch) / total)
        self.squares = self.squares + squares + np.square(distance) * (self.count * len(batch) / total)
        self.count = total

    @property
    def std(self) -> NDArray[np.float64]:
        """Standard deviation [columns]; 0 before anything was seen."""
        return np.sqrt(self.squares / max(self.count, 1.0))

    def state(self) -> dict[str, NDArray[np.float64]]:
        """Everything that ``load`` needs."""
        return {"count": np.array(self.count), "mean": self.mean, "squares": self.squares}

    def load(self, state: dict[str, NDArray[np.float64]]) -> None:
        """Continue where ``state`` was taken. Raises ValueError where it is none of as many columns."""
        fit(state, self.state())
        within("count", state["count"], 0.0)
        within("squares", state["squares"], 0.0)
        self.count, self.mean, self.squares = float(state["count"]), state["mean"].copy(), state["squares"].copy()


@njit(cache=True)
def _moments(batch: Any) -> Any:
    """Mean [columns] of a batch [n, columns] and the sum of squared distances from it."""
    mean, squares = np.zeros(batch.shape[1]), np.zeros(batch.shape[1])
    for n in range(len(batch)):
        for c in range(len(mean)):
            mean[c] += batch[n, c]
    mean /= len(batch)
    for n in range(len(batch)):
        for c in range(len(mean)):
            squares[c] += (batch[n, c] - mean[c]) ** 2
    return mean, squares
