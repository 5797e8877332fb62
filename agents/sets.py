"""Decisions with their legal candidates as ragged sets: what the networks read, without the padding up to K."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

NOBODY: Final = -1
"""The row that is largest where all are 0."""


class Sets(NamedTuple):
    """N decisions and the M legal candidates of all of them, one decision after the other."""

    rows: Tensor
    """float32 [M, F]: columns of the candidates."""
    counts: Tensor
    """int64 [N]: legal candidates of each decision; 0 for a negotiator, whose columns are all context."""
    starts: Tensor
    """int64 [N]: each decision's first row."""
    segment: Tensor
    """int64 [M]: the decision of each row."""
    context: Tensor
    """float32 [N, C]: columns of the decision itself."""
    may_pass: Tensor
    """bool [N]: whether the action after the last candidate, to pass, is legal."""

    @classmethod
    def of(cls, rows: Tensor, counts: Tensor, context: Tensor, may_pass: Tensor) -> Sets:
        """Complete the indices of sets given by their rows and counts."""
        segment = torch.repeat_interleave(counts, output_size=len(rows))
        return cls(rows, counts, counts.cumsum(0) - counts, segment, context, may_pass)

    @classmethod
    def without_rows(cls, context: Tensor) -> Sets:
        """Decisions [N] without candidates: what a negotiator sees."""
        counts = torch.zeros(len(context), dtype=torch.int64, device=context.device)
        return cls.of(context[:0, :0], counts, context, counts.bool())

    def select(self, index: Tensor) -> Sets:
        """The decisions [n] of the given indices, in that order."""
        counts = self.counts[index]
        size = int(counts.sum())
        segment = torch.repeat_interleave(counts, output_size=size)
        starts = counts.cumsum(0) - counts
        rows = (self.starts[index] - starts)[segment] + torch.arange(size, device=index.device)
        return Sets(self.rows.index_select(0, rows), counts, starts, segment, self.context[index], self.may_pass[index])

    def places(self) -> Tensor:
        """int64 [M]: the place of each row among its decision's candidates."""
        return torch.arange(len(self.rows), device=self.rows.device) - self.starts[self.segment]


Gathered = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]


def gather(candidates: NDArray[np.float32], exists: NDArray[np.bool_], seats: NDArray[np.int64]) -> Gathered:
    """Gather what exists of [S, K, F] by [S, K] for seats [N]: rows [M, F], each one's number in 0..K-1 [M], how many a seat has [N]."""
    chosen = exists[seats]
    counts: NDArray[np.int64] = chosen.sum(axis=1, dtype=np.int64)
    decision, number = np.nonzero(chosen)
    return candidates[seats[decision], number], number, counts


def to_actions(places: NDArray[np.int64], numbers: NDArray[np.int64], counts: NDArray[np.int64], no_op: int) -> NDArray[np.int32]:
    """Translate places among the gathered candidates [N] to action numbers; the place after the last is ``no_op``."""
    starts = np.cumsum(counts) - counts
    padded = np.append(numbers, no_op)
    return np.where(places < counts, padded[np.minimum(starts + places, len(numbers))], no_op).astype(np.int32)


class _Spread(torch.autograd.Function):
    """Give each row its decision's vector; a quarter of the time of differentiating ``index_select``."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, sets: Sets) -> Tensor:
        ctx.sets = sets
        return vectors.index_select(0, sets.segment)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return _sum(gradients[0], ctx.sets), None


class _Pool(torch.autograd.Function):
    """Mean and maximum of non-negative rows per decision, compiled: 10 times faster on a CPU than differentiating ``scatter_reduce``."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, sets: Sets) -> tuple[Tensor, Tensor]:
        shape = (len(sets.counts), values.shape[1])
        mean, largest, winner = values.new_zeros(shape), values.new_zeros(shape), torch.full(shape, NOBODY)
        _pool_rows(values.detach().numpy(), sets.starts.numpy(), sets.counts.numpy(), mean.numpy(), largest.numpy(), winner.numpy())
        ctx.winner, ctx.sets, ctx.size = winner, sets, len(values)
        return mean, largest

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        of_mean, of_largest = (gradient.contiguous() for gradient in gradients)
        sets: Sets = ctx.sets
        of_values = of_mean.new_empty(ctx.size, of_mean.shape[1])
        _unpool_rows(of_mean.numpy(), of_largest.numpy(), sets.starts.numpy(), sets.counts.numpy(), ctx.winner.numpy(), of_values.numpy())
        return of_values, None


@njit(cache=True)
def _pool_rows(values: Any, starts: Any, counts: Any, mean: Any, largest: Any, winner: Any) -> None:
    """Fill mean, largest and the row that is largest (the first of equals), each [N, H]; they come zeroed."""
    for n in range(len(counts)):
        for m in range(starts[n], starts[n] + counts[n]):
            for h in range(values.shape[1]):
                value = values[m, h]
                mean[n, h] += value
                if value > largest[n, h]:
                    largest[n, h] = value
                    winner[n, h] = m
        if counts[n] > 0:
            share = np.float32(1.0) / np.float32(counts[n])
            for h in range(values.shape[1]):
                mean[n, h] *= share


@njit(cache=True)
def _unpool_rows(of_mean: Any, of_largest: Any, starts: Any, counts: Any, winner: Any, of_values: Any) -> None:
    """Fill the gradient of every row [M, H] from those of the pooled values [N, H]."""
    for n in range(len(counts)):
        if counts[n] > 0:
            share = np.float32(1.0) / np.float32(counts[n])
            for m in range(starts[n], starts[n] + counts[n]):
                for h in range(of_values.shape[1]):
                    of_values[m, h] = of_mean[n, h] * share + (of_largest[n, h] if winner[n, h] == m else np.float32(0.0))


def _sum(values: Tensor, sets: Sets) -> Tensor:
    """Sum of the rows of each decision: [M, H] -> [N, H]. An embedding bag is the fastest segment sum that torch has on a CPU."""
    if len(values) == 0:
        return values.new_zeros(len(sets.counts), values.shape[1])
    return functional.embedding_bag(torch.arange(len(values), device=values.device), values, sets.starts, mode="sum")


def spread(vectors: Tensor, sets: Sets) -> Tensor:
    """Repeat each decision's vector for its candidates: [N, H] -> [M, H]."""
    spread_out: Tensor = _Spread.apply(vectors, sets)  # type: ignore[no-untyped-call]
    return spread_out


def pool(values: Tensor, sets: Sets) -> tuple[Tensor, Tensor]:
    """Mean and maximum over the candidates of each decision: [M, H] -> two of [N, H]; 0 for a decision without. Values must be >= 0."""
    if values.device.type != "cpu":
        index = sets.segment[:, None].expand_as(values)
        zeros = values.new_zeros(len(sets.counts), values.shape[1])
        mean = zeros.scatter_add(0, index, values) / sets.counts.clamp(min=1)[:, None]
        return mean, zeros.scatter_reduce(0, index, values, "amax")
    pooled: tuple[Tensor, Tensor] = _Pool.apply(values, sets)  # type: ignore[no-untyped-call]
    return pooled
