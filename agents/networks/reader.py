"""From the columns of the world to the inputs of a network: chosen by name, tails tamed, standardised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.networks.sets import Sets
from agents.rules.index import COLUMNS, LEAST, LOGS, PLAIN, ROOTS, TIMES

CLIP: Final = 6.0
"""Standardised columns are clipped to [-CLIP, CLIP]."""


def symlog(x: Tensor) -> Tensor:
    """Tame heavy tails on both sides of 0: sign(x) log(1 + |x|)."""
    return x.abs().log1p_().copysign_(x)


def set_moments(of_mean: Tensor, of_scale: Tensor, mean: NDArray[np.float64], std: NDArray[np.float64]) -> None:
    """Fill buffers with means and with what to multiply by: 0 where nothing varied."""
    varies = std > 1e-6
    of_mean.copy_(torch.from_numpy(mean))
    of_scale.copy_(torch.from_numpy(varies / np.where(varies, std, 1.0)))


class Standardiser(nn.Module):
    """Chooses columns, takes their symmetric logarithm, subtracts the mean and divides by the standard deviation.

    A column that never varied while it was measured reads as 0: no weight that was never trained can come to matter later.
    With a ``guide``, what a tuned index says of the vector is one more column, the last.
    """

    mean: Tensor
    scale: Tensor
    index: Tensor
    guide: Tensor

    def __init__(
        self, columns: tuple[str, ...], known: tuple[str, ...], guide: Mapping[str, float] | None = None
    ) -> None:
        """Read ``columns`` out of vectors that hold the ``known`` ones; raise ValueError for a column that does not exist."""
        super().__init__()
        if unknown := set(columns) - set(known):
            told = f"column{'s' * (len(unknown) > 1)} {', '.join(map(repr, sorted(unknown)))}"
            raise ValueError(f"unknown {told}, must be one of {', '.join(known)}")
        self.register_buffer(
            "index", torch.tensor([known.index(name) for name in columns], dtype=torch.int64), persistent=False
        )
        weights = torch.tensor([guide.get(name, 0.0) for name in COLUMNS] if guide else ())
        self.register_buffer("guide", weights, persistent=False)
        self.size = len(columns) + bool(guide)
        """Columns of what it returns."""
        self.register_buffer("mean", torch.zeros(self.size))
        self.register_buffer("scale", torch.ones(self.size))

    def tame(self, x: Tensor) -> Tensor:
        """The chosen columns with their tails tamed: what the mean and the scale are measured on."""
        tamed = symlog(x.index_select(1, self.index))
        return torch.cat((tamed, self._guided(x)), dim=1) if len(self.guide) else tamed

    def _guided(self, x: Tensor) -> Tensor:
        """What the index says [N, 1]; see :func:`agents.rules.index.features`."""
        parts = x[:, PLAIN], x[:, TIMES].log1p(), x[:, LOGS].clamp(min=LEAST).log(), x[:, ROOTS].sqrt()
        return torch.cat(parts, dim=1) @ self.guide[:, None]

    def standardise(self, tamed: Tensor) -> Tensor:
        """Standardise what ``tame`` returned."""
        return (tamed - self.mean).mul_(self.scale).clamp_(-CLIP, CLIP)

    def farthest(self, tamed: Tensor) -> float:
        """How many standard deviations the farthest of all values lies from its mean: what clipping would hide."""
        return float((tamed - self.mean).mul_(self.scale).abs_().max()) if tamed.numel() else 0.0

    def set_moments(self, mean: NDArray[np.float64], std: NDArray[np.float64]) -> None:
        """Take over what was measured."""
        set_moments(self.mean, self.scale, mean, std)


class Reader(nn.Module):
    """The two standardisers of a role: one for candidates, one for the context."""

    def __init__(self, rows: Standardiser, context: Standardiser) -> None:
        """Take the standardisers of what the role sees."""
        super().__init__()
        self.rows = rows
        self.context = context

    def tame(self, sets: Sets) -> Sets:
        """Choose and tame the columns of raw sets."""
        return sets._replace(rows=self.rows.tame(sets.rows), context=self.context.tame(sets.context))

    def standardise(self, tamed: Sets) -> Sets:
        """Standardise what ``tame`` returned."""
        return tamed._replace(rows=self.rows.standardise(tamed.rows), context=self.context.standardise(tamed.context))

    def forward(self, sets: Sets) -> Sets:
        """Raw sets to the inputs of a network."""
        return self.standardise(self.tame(sets))
