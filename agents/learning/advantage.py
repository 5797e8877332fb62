"""Generalised advantage estimation (Schulman et al. 2016) over ragged streams of decisions with elapsed times.

Between two decisions of a stream time ``elapsed`` passes, so both discounts are functions of it (semi-Markov, Sutton et
al. 1999): gamma = exp(-elapsed / tau_gamma), lambda = exp(-elapsed / tau_lambda).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

OPEN: Final = -1
"""The decision's stream goes on, but its next decision is not known yet: no advantage can be estimated."""
TERMINATED: Final = -2
"""The episode ended after the decision; nothing is worth anything after it."""
TRUNCATED: Final = -3
"""The episode was cut off after the decision; it would have gone on from ``next_value``."""

Floats = NDArray[np.float64]


def discount(elapsed: Floats, tau: float | None) -> Floats:
    """exp(-elapsed / tau); 1 where tau is None."""
    return np.ones_like(elapsed) if tau is None else np.exp(-elapsed / tau)


def advantages(
    reward: Floats,
    elapsed: Floats,
    value: Floats,
    next_value: Floats,
    following: NDArray[np.int64],
    tau_gamma: float | None,
    tau_lambda: float | None,
) -> Floats:
    """Return the advantage [N] of each decision; 0 for one that is still OPEN.

    Decisions of all streams are mixed, in the order in which they were made.

    Args:
        reward: [N] sum until the next decision of the stream, or the end of the episode.
        elapsed: [N] seconds until then.
        value: [N] what the critic said of each decision.
        next_value: [N] the same of the next decision, of the final observation where TRUNCATED, 0 where TERMINATED.
        following: [N] index of the next decision of the stream (larger than the own one), or OPEN, TERMINATED, TRUNCATED.
        tau_gamma: time constant of the discount in seconds, None for none.
        tau_lambda: time constant of the trace in seconds, None for none.
    """
    gamma = discount(elapsed, tau_gamma)
    error = np.where(following == OPEN, 0.0, reward + gamma * next_value - value)
    return _backwards(error, gamma * discount(elapsed, tau_lambda), following)


def rewards_to_go(reward: Floats, elapsed: Floats, following: NDArray[np.int64], tau_gamma: float | None) -> Floats:
    """Return the discounted sum [N] of what was still to come in the stream as far as it is known: the scale of values."""
    return _backwards(np.where(following == OPEN, 0.0, reward), discount(elapsed, tau_gamma), following)


@njit(cache=True)
def _backwards(terms: Floats, factor: Floats, following: NDArray[np.int64]) -> Floats:
    """total[i] = terms[i] + factor[i] x total[following[i]], last first."""
    total = terms.copy()
    for i in range(len(terms) - 1, -1, -1):
        if following[i] >= 0:
            total[i] += factor[i] * total[following[i]]
    return total
