"""Heads of negotiators. The ordinal one makes of one number a distribution over bid levels in which neighbours stay neighbours."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class BidHead(nn.Module):
    """Logits -(level - mu)^2 / (2 sigma^2); ``sigma``, in levels, is no parameter: the learner anneals it."""

    sigma: Tensor
    steps: Tensor

    def __init__(self, width: int, levels: int, sigma: float = 1.0) -> None:
        """Start in the middle of the levels, whatever the input."""
        super().__init__()
        self.score = nn.Linear(width, 1)
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)
        self.register_buffer("sigma", torch.tensor(sigma))
        self.register_buffer("steps", torch.arange(levels, dtype=torch.float32), persistent=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """The score of each decision, a real number: [N, H] -> [N]."""
        score: Tensor = self.score(hidden).squeeze(1)
        return score

    def level(self, score: Tensor) -> Tensor:
        """The wanted level that a score means, a real number in (0, levels - 1): [N] -> [N]."""
        return (len(self.steps) - 1) * torch.sigmoid(score)

    def logits(self, score: Tensor) -> Tensor:
        """Logits of the levels around the wanted one: [N] -> [N, levels]."""
        distance = self.steps - self.level(score)[:, None]
        return distance.square() * (-0.5 / self.sigma.square())


class LevelHead(nn.Module):
    """A logit for every level, whatever its neighbours do."""

    steps: Tensor

    def __init__(self, width: int, levels: int) -> None:
        """Start indifferent."""
        super().__init__()
        self.score = nn.Linear(width, levels)
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)
        self.register_buffer("steps", torch.arange(levels, dtype=torch.float32), persistent=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """The scores of all levels: [N, H] -> [N, levels]."""
        score: Tensor = self.score(hidden)
        return score

    def level(self, score: Tensor) -> Tensor:
        """The mean level: [N, levels] -> [N]."""
        return score.softmax(dim=1) @ self.steps

    def logits(self, score: Tensor) -> Tensor:
        """The scores themselves: [N, levels]."""
        return score
