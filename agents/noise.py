"""Noise that makes draws of largest scores, from counters: it depends on what draws, and on nothing that plays beside."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from envs.engine.compiled import cache_folder, compiler
from envs.engine.draws import uniform

GUMBEL: Final = 101
"""What is drawn, beside that of ``envs.engine.draws``; the seat's number is added."""
_FOLDER: Final = cache_folder([Path(__file__)])


@compiler(_FOLDER)
def gumbel(key: np.uint64, round_: int, seat: int, action: int) -> float:
    """Return what is added to the score of an action so that the largest sum is a draw from the softmax (Gumbel 1954)."""
    return -math.log(-math.log(uniform(key, GUMBEL + seat, round_, action)))


@compiler(_FOLDER)
def noise(
    keys: NDArray[np.uint64], rounds: NDArray[np.int64], seats: NDArray[np.int64], actions: int
) -> NDArray[np.float64]:
    """Return that of N seats [N, actions]."""
    drawn = np.empty((len(keys), actions))
    for n in range(len(keys)):
        for k in range(actions):
            drawn[n, k] = gumbel(keys[n], rounds[n], seats[n], k)
    return drawn
