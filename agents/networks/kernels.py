"""Compiled passes over ragged sets, the CPU's side of :mod:`agents.networks.sets`.

Rows are [M, H], of decisions with ``starts`` and ``counts`` [N].
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit

NOBODY: Final = -1
"""The row that is largest where all are 0."""
ZERO: Final = np.float32(0.0)
ONE: Final = np.float32(1.0)


@njit(cache=True)
def asked(acting: Any, phase: Any, which: int) -> Any:
    """Seats, numbered world x agents + agent, that act [B, A] in worlds whose phase [B] is ``which``."""
    seats = np.empty(acting.size, np.int64)
    size = 0
    for b in range(len(phase)):
        if phase[b] == which:
            for a in range(acting.shape[1]):
                if acting[b, a]:
                    seats[size] = b * acting.shape[1] + a
                    size += 1
    return seats[:size]


@njit(cache=True)
def gather(candidates: Any, exists: Any, seats: Any) -> Any:
    """Return rows [M, F] and counts [N]: see :func:`agents.networks.sets.gather`."""
    counts = np.zeros(len(seats), np.int64)
    for n in range(len(seats)):
        for k in range(exists.shape[1]):
            if exists[seats[n], k]:
                if k > counts[n]:
                    raise ValueError("the mask has a gap, must begin with all legal candidates")
                counts[n] += 1
    rows = np.empty((counts.sum(), candidates.shape[2]), np.float32)
    m = 0
    for n in range(len(seats)):
        for k in range(counts[n]):
            row, candidate = rows[m], candidates[seats[n], k]
            for f in range(len(row)):
                row[f] = candidate[f]
            m += 1
    return rows, counts


@njit(cache=True)
def copy_rows(rows: Any, starts: Any, counts: Any, chosen: Any) -> None:
    """Fill ``chosen`` with the rows of decisions that start anywhere, one decision after the other."""
    m = 0
    for n in range(len(counts)):
        for k in range(counts[n]):
            source, target = rows[starts[n] + k], chosen[m]
            for f in range(len(source)):
                target[f] = source[f]
            m += 1


@njit(cache=True)
def join(rows: Any, vectors: Any, starts: Any, counts: Any) -> None:
    """Turn each row into max(0, row + its decision's vector)."""
    for n in range(len(counts)):
        vector = vectors[n]
        for k in range(counts[n]):
            row = rows[starts[n] + k]
            for h in range(len(vector)):
                row[h] = max(row[h] + vector[h], ZERO)


@njit(cache=True)
def part(of_joined: Any, joined: Any, starts: Any, counts: Any, of_rows: Any, of_vectors: Any) -> None:
    """Fill the gradients of both sides from that of what ``join`` made; ``of_vectors`` [N, H] comes zeroed."""
    for n in range(len(counts)):
        of_vector = of_vectors[n]
        for k in range(counts[n]):
            given, value, of_row = of_joined[starts[n] + k], joined[starts[n] + k], of_rows[starts[n] + k]
            for h in range(len(of_vector)):
                gradient = given[h] if value[h] > ZERO else ZERO
                of_row[h] = gradient
                of_vector[h] += gradient


@njit(cache=True)
def pool(rows: Any, starts: Any, counts: Any, pooled: Any, winner: Any) -> None:
    """Turn rows into max(0, row); fill their mean and maximum [N, 2H] and the row that is largest (the first of equals) [N, H]."""
    width = rows.shape[1]
    for n in range(len(counts)):
        mean, largest, best = pooled[n, :width], pooled[n, width:], winner[n]
        mean[:], largest[:], best[:] = ZERO, ZERO, NOBODY
        for k in range(counts[n]):
            row = rows[starts[n] + k]
            number = np.int32(starts[n] + k)
            for h in range(width):
                value = row[h] if row[h] > ZERO else ZERO
                row[h] = value
                mean[h] += value
                if (
                    value > largest[h]
                ):  # written so, and not as a choice of values, the loop becomes vector code: 10 times faster
                    largest[h] = value
                    best[h] = number
        share = ONE / np.float32(max(counts[n], 1))
        for h in range(width):
            mean[h] *= share


@njit(cache=True)
def unpool(of_rows: Any, of_pooled: Any, rows: Any, starts: Any, counts: Any, winner: Any, of_input: Any) -> None:
    """Fill the gradient of what ``pool`` was given [M, H] from those of both that it made."""
    width = rows.shape[1]
    for n in range(len(counts)):
        of_mean, of_largest, best = of_pooled[n, :width], of_pooled[n, width:], winner[n]
        share = ONE / np.float32(max(counts[n], 1))
        for k in range(counts[n]):
            number = np.int32(starts[n] + k)
            of_row, row, target = of_rows[number], rows[number], of_input[number]
            for h in range(width):
                gradient = of_row[h] + of_mean[h] * share + (of_largest[h] if best[h] == number else ZERO)
                target[h] = gradient if row[h] > ZERO else ZERO


@njit(cache=True)
def pad(starts: Any, counts: Any, may_pass: Any, logits: Any, to_pass: Any, padded: Any) -> None:
    """Write the logits of candidates [M] and, where that is legal, of passing [N] by place into ``padded`` [N, width]."""
    for n in range(len(counts)):
        for k in range(counts[n]):
            padded[n, k] = logits[starts[n] + k]
        if may_pass[n]:
            padded[n, counts[n]] = to_pass[n]


@njit(cache=True)
def unpad(starts: Any, counts: Any, may_pass: Any, of_padded: Any, of_logits: Any, of_passing: Any) -> None:
    """Fill the gradients [M] and [N] of what ``pad`` was given."""
    for n in range(len(counts)):
        for k in range(counts[n]):
            of_logits[starts[n] + k] = of_padded[n, k]
        of_passing[n] = of_padded[n, counts[n]] if may_pass[n] else ZERO


@njit(cache=True)
def summarise(rows: Any, starts: Any, counts: Any, context: Any, summary: Any) -> None:
    """Fill the context, the mean and the largest of the rows [N, C + 2F]; 0 for a decision without."""
    first, width = context.shape[1], rows.shape[1]
    for n in range(len(counts)):
        summary[n, :first] = context[n]
        mean, largest = summary[n, first : first + width], summary[n, first + width :]
        mean[:], largest[:] = ZERO, -np.inf if counts[n] else ZERO
        for k in range(counts[n]):
            row = rows[starts[n] + k]
            for f in range(width):
                mean[f] += row[f]
                largest[f] = max(largest[f], row[f])
        share = ONE / np.float32(max(counts[n], 1))
        for f in range(width):
            mean[f] *= share
