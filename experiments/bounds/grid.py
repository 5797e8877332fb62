"""Whole numbers for a solver that knows no others, chosen so that its lower bounds hold for the real ones."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from envs.workloads.instance import FloatArray

DECIMALS: Final = 3
"""Places behind the point that are kept as they are."""
MOST: Final = 2**28
"""Ticks, where the numbers have a common unit."""
PARTS: Final = 2**16
"""Ticks of the whole, where they have none: finer ones make proofs slow, coarser ones bounds loose."""
EXACTLY: Final = 1e-9
"""Relative: closer to a multiple of the unit is the multiple."""

Ticks = NDArray[np.int64]


@dataclass(frozen=True)
class Grid:
    """A unit, and whether all numbers are multiples of it."""

    unit: float
    exact: bool

    @classmethod
    def of(cls, numbers: FloatArray, whole: float) -> Grid:
        """Return the largest decimal unit of numbers that reach up to ``whole``; a small part of the whole where there is none."""
        for decimals in range(DECIMALS + 1):
            scaled = numbers * 10**decimals
            near = np.rint(scaled)
            if (np.abs(scaled - near) <= EXACTLY * np.maximum(1.0, near)).all() and scaled.max(initial=0.0) < MOST:
                divisor = math.gcd(*(int(number) for number in near)) or 1
                return cls(divisor / 10**decimals, True)
        return cls(whole / PARTS, False)

    def down(self, numbers: FloatArray) -> Ticks:
        """The multiples below, in units."""
        return self._ticks(np.floor, numbers)

    def up(self, numbers: FloatArray) -> Ticks:
        """The multiples above, in units."""
        return self._ticks(np.ceil, numbers)

    def _ticks(self, side: np.ufunc, numbers: FloatArray) -> Ticks:
        scaled = numbers / self.unit
        ticks: Ticks = (np.rint(scaled) if self.exact else side(scaled)).astype(np.int64)
        return ticks


def joined(arrays: Iterable[FloatArray]) -> FloatArray:
    """All finite numbers of some arrays."""
    numbers = np.concatenate(list(arrays))
    finite: FloatArray = numbers[np.isfinite(numbers)]
    return finite
