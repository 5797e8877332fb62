"""Decisions with their legal candidates as ragged sets: what the networks read, without the padding up to K.

Matrix products are torch's; whatever goes from candidates to decisions and back is compiled here for a CPU, each function in one
pass over memory. Other devices take torch's own operations, which the tests hold against the compiled ones.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.networks import kernels

ILLEGAL: Final = -1e8
"""The logit of an action that does not exist; finite, so that its share of the entropy is 0 and not undefined."""


class Sets(NamedTuple):
    """N decisions and the M legal candidates of all of them, one decision after the other."""

    rows: Tensor
    """float32 [M, F]: columns of the candidates."""
    counts: Tensor
    """int64 [N]: legal candidates of each decision; 0 for a negotiator, whose columns are all context."""
    starts: Tensor
    """int64 [N]: each decision's first row."""
    context: Tensor
    """float32 [N, C]: columns of the decision itself."""
    may_pass: Tensor
    """bool [N]: whether the action after the last candidate, to pass, is legal."""
    hindsight: Tensor
    """float32 [N, H]: what a critic may know, while it learns, and an actor must not; H is 0 where there is nothing of the kind."""

    @classmethod
    def of(
        cls, rows: Tensor, counts: Tensor, context: Tensor, may_pass: Tensor, hindsight: Tensor | None = None
    ) -> Sets:
        """Complete the indices of sets given by their rows and counts."""
        return cls(
            rows,
            counts,
            counts.cumsum(0) - counts,
            context,
            may_pass,
            context[:, :0] if hindsight is None else hindsight,
        )

    @classmethod
    def without_rows(cls, context: Tensor) -> Sets:
        """Decisions [N] without candidates: what a negotiator sees."""
        counts = torch.zeros(len(context), dtype=torch.int64, device=context.device)
        return cls.of(context[:0, :0], counts, context, counts.bool())

    def select(self, index: Tensor) -> Sets:
        """The decisions [n] of the given indices, in that order."""
        of_decisions = self.context.index_select(0, index), self.may_pass[index], self.hindsight.index_select(0, index)
        chosen = Sets.of(self.rows[:0], self.counts[index], *of_decisions)
        chosen = chosen._replace(rows=self.rows.new_empty(int(chosen.counts.sum()), self.rows.shape[1]))
        starts = self.starts[index]
        if not _is_reached(chosen.rows):
            return chosen._replace(rows=self.rows[starts[chosen.segment()] + chosen.places()])
        kernels.copy_rows(self.rows.numpy(), starts.numpy(), chosen.counts.numpy(), chosen.rows.numpy())
        return chosen

    def segment(self) -> Tensor:
        """int64 [M]: the decision of each row."""
        return torch.repeat_interleave(self.counts, output_size=len(self.rows))

    def places(self) -> Tensor:
        """int64 [M]: the place of each row among its decision's candidates, which is its action number."""
        return torch.arange(len(self.rows), device=self.rows.device) - self.starts[self.segment()]


def gather(
    candidates: NDArray[np.float32], exists: NDArray[np.bool_], seats: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Gather what exists of [S, K, F] by [S, K] for seats [N]: rows [M, F] and how many a seat has [N].

    Seats see their candidates first and nothing behind them, so that a row's place is its action number. Raises ValueError where not.
    """
    gathered: tuple[NDArray[np.float32], NDArray[np.int64]] = kernels.gather(candidates, exists, seats)
    return gathered


def to_actions(places: NDArray[np.int64], counts: NDArray[np.int64], no_op: int) -> NDArray[np.int32]:
    """Return places [N] as action numbers: the same but for the place after the last candidate, which is ``no_op``."""
    return np.where(places < counts, places, no_op).astype(np.int32)


class _Join(torch.autograd.Function):
    """See ``join``."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, vectors: Tensor, sets: Sets) -> Tensor:
        ctx.mark_dirty(rows)
        kernels.join(rows.detach().numpy(), vectors.detach().numpy(), sets.starts.numpy(), sets.counts.numpy())
        ctx.save_for_backward(rows)
        ctx.sets = sets
        return rows

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        (joined,), sets, given = ctx.saved_tensors, ctx.sets, gradients[0].contiguous()
        of_rows, of_vectors = torch.empty_like(joined), joined.new_zeros(len(sets.counts), joined.shape[1])
        kernels.part(
            given.numpy(), joined.numpy(), sets.starts.numpy(), sets.counts.numpy(), of_rows.numpy(), of_vectors.numpy()
        )
        return of_rows, of_vectors, None


class _Pool(torch.autograd.Function):
    """See ``pool``."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, sets: Sets) -> tuple[Tensor, Tensor]:
        ctx.mark_dirty(rows)
        pooled = rows.new_empty(len(sets.counts), 2 * rows.shape[1])
        winner = torch.empty(len(sets.counts), rows.shape[1], dtype=torch.int32)
        kernels.pool(rows.detach().numpy(), sets.starts.numpy(), sets.counts.numpy(), pooled.numpy(), winner.numpy())
        ctx.save_for_backward(rows, winner)
        ctx.sets = sets
        return rows, pooled

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (rows, winner), sets = ctx.saved_tensors, ctx.sets
        of_rows, of_pooled = (gradient.contiguous().numpy() for gradient in gradients)
        of_input = torch.empty_like(rows)
        kernels.unpool(
            of_rows, of_pooled, rows.numpy(), sets.starts.numpy(), sets.counts.numpy(), winner.numpy(), of_input.numpy()
        )
        return of_input, None


class _Pad(torch.autograd.Function):
    """See ``pad``."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, to_pass: Tensor, sets: Sets, width: int) -> Tensor:
        padded = logits.new_full((len(sets.counts), width), ILLEGAL)
        indices = sets.starts.numpy(), sets.counts.numpy(), sets.may_pass.numpy()
        kernels.pad(*indices, logits.detach().numpy(), to_pass.detach().numpy(), padded.numpy())
        ctx.indices, ctx.rows = indices, len(logits)
        return padded

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        given = gradients[0].contiguous()
        of_logits, of_passing = given.new_empty(ctx.rows), given.new_empty(len(given))
        starts, counts, may_pass = ctx.indices
        kernels.unpad(starts, counts, may_pass, given.numpy(), of_logits.numpy(), of_passing.numpy())
        return of_logits, of_passing, None, None


def join(rows: Tensor, vectors: Tensor, sets: Sets) -> Tensor:
    """max(0, row + its decision's vector): [M, H] and [N, H] -> [M, H]; overwrites ``rows`` on a CPU."""
    if not _is_reached(rows):
        return (rows + vectors[sets.segment()]).relu()
    joined: Tensor = _Join.apply(rows, vectors, sets)  # type: ignore[no-untyped-call]
    return joined


def pool(rows: Tensor, sets: Sets) -> tuple[Tensor, Tensor]:
    """max(0, row) [M, H], and of these the mean and the maximum over each decision, side by side [N, 2H]; 0 for a decision without.

    Overwrites ``rows`` on a CPU.
    """
    if not _is_reached(rows):
        positive = rows.relu()
        return positive, torch.cat(_mean_and_largest(positive, sets), dim=1)
    pooled: tuple[Tensor, Tensor] = _Pool.apply(rows, sets)  # type: ignore[no-untyped-call]
    return pooled


def pad(logits: Tensor, to_pass: Tensor, sets: Sets) -> Tensor:
    """Logits of candidates [M] and of passing [N] by place [N, most candidates + 1]; those of what is not legal are ILLEGAL."""
    width = int(sets.counts.max()) + 1 if len(sets.counts) else 1
    if _is_reached(logits):
        by_place: Tensor = _Pad.apply(logits, to_pass, sets, width)  # type: ignore[no-untyped-call]
        return by_place
    padded = logits.new_full((len(sets.counts) * width,), ILLEGAL)
    padded = padded.index_copy(0, sets.segment() * width + sets.places(), logits).view(-1, width)
    return padded.scatter(1, sets.counts[:, None], to_pass.where(sets.may_pass, ILLEGAL)[:, None])


def summarise(sets: Sets) -> Tensor:
    """The context and the mean and the largest of each column of the candidates [N, C + 2F]; not differentiated."""
    if not _is_reached(sets.rows):
        return torch.cat((sets.context, *_mean_and_largest(sets.rows, sets)), dim=1)
    summary = sets.context.new_empty(len(sets.context), sets.context.shape[1] + 2 * sets.rows.shape[1])
    kernels.summarise(
        sets.rows.numpy(), sets.starts.numpy(), sets.counts.numpy(), sets.context.numpy(), summary.numpy()
    )
    return summary


def _is_reached(tensor: Tensor) -> bool:
    """Whether the kernels can read and write a tensor's memory."""
    return tensor.device.type == "cpu"


def _mean_and_largest(rows: Tensor, sets: Sets) -> tuple[Tensor, Tensor]:
    index = sets.segment()[:, None].expand_as(rows)
    zeros = rows.new_zeros(len(sets.counts), rows.shape[1])
    mean = zeros.scatter_add(0, index, rows) / sets.counts.clamp(min=1)[:, None]
    return mean, zeros.scatter_reduce(0, index, rows, "amax", include_self=False)
