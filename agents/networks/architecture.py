"""The networks of both roles, in plain torch. Nothing in them depends on K, on the number of agents or on that of resources.

A prioritizer scores candidates with shared weights and pooled context (Zaheer et al. 2017, Deep Sets): it is equivariant
to the order of its candidates. A negotiator turns one vector into a bid. Inputs are standardised ``Sets``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from agents.networks.bid_head import BidHead, LevelHead
from agents.networks.reader import CLIP, Reader, Standardiser, set_moments
from agents.networks.sets import Sets, join, pad, pool, summarise
from agents.rules.index import Index
from envs.columns import CANDIDATE_NAMES, CONTEXT_NAMES, NEGOTIATION_NAMES, RAW_CANDIDATE, RAW_CONTEXT


class ColumnError(ValueError):
    """A column that does not exist."""


class PrioritizerActor(nn.Module):
    """One logit per legal candidate, one for passing.

    If it is ``guided``, the last column of a candidate is what a tuned index says of it, and goes straight to its logit as well.
    """

    def __init__(self, rows: int, context: int, width: int, guided: bool) -> None:
        """Start indifferent, or with the index alone: the output layers are zero."""
        super().__init__()
        self.of_candidate = nn.Linear(rows, width)
        self.of_context = nn.Linear(context, width, bias=False)
        self.second = nn.Linear(width, width)
        self.of_pooled = nn.Linear(2 * width, width, bias=False)
        self.third = nn.Linear(width, width)
        self.score = nn.Linear(width, 1, bias=False)
        self.score_pass = nn.Linear(width, 1)
        for layer in (self.score, self.score_pass):
            nn.init.zeros_(layer.weight)
        nn.init.zeros_(self.score_pass.bias)
        self.gain = nn.Parameter(torch.ones(())) if guided else None

    def forward(self, sets: Sets) -> Tensor:
        """Logits [N, most candidates + 1] by place: ``counts[n]`` candidates, then to pass if that is legal; the others are ILLEGAL."""
        hidden = join(self.of_candidate(sets.rows), self.of_context(sets.context), sets)
        hidden, pooled = pool(self.second(hidden), sets)
        pooled = self.of_pooled(pooled)
        logits = self.score(join(self.third(hidden), pooled, sets)).squeeze(1)
        if self.gain is not None:
            logits = logits + self.gain * sets.rows[:, -1]
        may_pass = bool(sets.may_pass.any())
        to_pass = self.score_pass(pooled.relu()).squeeze(1) if may_pass else logits.new_zeros(len(sets.counts))
        return pad(logits, to_pass, sets)


class NegotiatorActor(nn.Module):
    """Logits of the bid levels from the columns of one contested pick; guided as the prioritizer is.

    If it is not ``ordinal``, every level has a logit of its own, as in any categorical policy: what the bid head is compared with.
    """

    def __init__(self, context: int, width: int, levels: int, ordinal: bool, guided: bool) -> None:
        """Start with bids in the middle, or with what the index says."""
        super().__init__()
        self.body = nn.Sequential(nn.Linear(context, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.head = BidHead(width, levels) if ordinal else LevelHead(width, levels)
        self.gain = nn.Parameter(torch.ones(())) if guided else None

    def forward(self, sets: Sets) -> Tensor:
        """Logits [N, levels]."""
        return self.head.logits(self._score(sets))

    def mu(self, sets: Sets) -> Tensor:
        """The wanted level [N], a real number."""
        return self.head.level(self._score(sets))

    def _score(self, sets: Sets) -> Tensor:
        score: Tensor = self.head(self.body(sets.context))
        return score if self.gain is None else score + self.gain * sets.context[:, -1]


class Critic(nn.Module):
    """The value of a decision from its context, from hindsight and, for a prioritizer, the mean and the largest of its candidates' columns.

    It judges while policies learn, and is in no artifact: so it may know what no actor can, how the episode goes on (input-driven
    baselines, Mao et al. 2018).
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, rows: int, context: int, hindsight: int, width: int) -> None:
        """Start at 0."""
        super().__init__()
        self.rows = rows
        self.register_buffer("mean", torch.zeros(hindsight))
        self.register_buffer("scale", torch.zeros(hindsight))
        self.body = nn.Sequential(
            nn.Linear(context + 2 * rows + hindsight, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh()
        )
        self.value = nn.Linear(width, 1)
        nn.init.zeros_(self.value.weight)
        nn.init.zeros_(self.value.bias)

    def forward(self, sets: Sets) -> Tensor:
        """Values [N]."""
        seen = summarise(sets) if self.rows else sets.context
        told = sets.hindsight if sets.hindsight.shape[1] else self.mean.expand(len(seen), -1)
        known = ((told - self.mean) * self.scale).clamp(-CLIP, CLIP)
        value: Tensor = self.value(self.body(torch.cat((seen, known), dim=1))).squeeze(1)
        return value

    def set_moments(self, mean: NDArray[np.float64], std: NDArray[np.float64]) -> None:
        """Take over what was measured of hindsight."""
        set_moments(self.mean, self.scale, mean, std)


PRIORITIZER: Final = "prioritizer"
NEGOTIATOR: Final = "negotiator"
ROLES: Final = (PRIORITIZER, NEGOTIATOR)
PICK: Final = "pick_"
"""What tells the columns of a negotiator's pick from those of its context, which have names in common."""
NEGOTIATOR_NAMES: Final = (*(PICK + name for name in CANDIDATE_NAMES), *NEGOTIATION_NAMES[len(CANDIDATE_NAMES) :])
RAW: Final = frozenset(
    {
        *(prefix + CANDIDATE_NAMES[c] for c in RAW_CANDIDATE for prefix in ("", PICK)),
        *(CONTEXT_NAMES[c] for c in RAW_CONTEXT),
    }
)
"""Columns with a scale, which no network may read."""


@dataclass(frozen=True)
class Spec:
    """What it takes to build the network of a role: all that an artifact has to say beside the weights."""

    role: str
    candidate_columns: tuple[str, ...]
    """Columns of each candidate; none for a negotiator."""
    context_columns: tuple[str, ...]
    """Columns of the decision; a negotiator's pick is part of them."""
    width: int
    """Units per hidden layer."""
    levels: int
    """Bid levels of a negotiator; 0 for a prioritizer."""
    guide: Mapping[str, float] = field(default_factory=dict)
    """Weights of the tuned index that guides it; none: not guided."""
    ordinal: bool = True
    """Whether a negotiator's bids come from the ordinal head."""

    def __post_init__(self) -> None:
        """Raise ValueError for a network that cannot be built."""
        if self.role not in ROLES:
            raise ValueError(f"role is {self.role!r}, must be one of {', '.join(ROLES)}")
        if not 1 <= self.width <= 4096:
            raise ValueError(f"width is {self.width}, must be in 1..4096")
        if self.role == NEGOTIATOR and (self.candidate_columns or not 2 <= self.levels <= 64):
            raise ValueError("a negotiator has 2..64 levels and no candidate columns")
        if self.role != NEGOTIATOR and self.levels != 0:
            raise ValueError(f"levels is {self.levels}, must be 0: a prioritizer does not bid")
        if raw := RAW.intersection((*self.candidate_columns, *self.context_columns)):
            raise ValueError(f"column {sorted(raw)[0]!r} has a scale: networks never read it")
        Index(self.guide)
        if self.guide and not self.ordinal:
            raise ValueError("a tuned index guides ordinal bids only")

    @classmethod
    def default(
        cls,
        role: str,
        width: int,
        levels: int = 0,
        ignore: tuple[str, ...] = (),
        guide: Mapping[str, float] | None = None,
        ordinal: bool = True,
    ) -> Spec:
        """Every column that is free of scale, but those to ``ignore``; guided if there is a ``guide``."""
        candidate, context = (CANDIDATE_NAMES, CONTEXT_NAMES) if role == PRIORITIZER else ((), NEGOTIATOR_NAMES)
        if unknown := set(ignore) - {*CANDIDATE_NAMES, *NEGOTIATOR_NAMES}:
            raise ColumnError(
                f"network.ignore: unknown column {sorted(unknown)[0]!r}, must be among those of docs/columns.md"
            )
        left_out = RAW.union(ignore)
        shown, around = (tuple(name for name in names if name not in left_out) for names in (candidate, context))
        return cls(role, shown, around, width, levels, guide or {}, ordinal)


class Brain(nn.Module):
    """Everything that decides for a role: how columns are read, and the actor. What an artifact holds."""

    actor: PrioritizerActor | NegotiatorActor

    def __init__(self, spec: Spec) -> None:
        """Build an untrained one."""
        super().__init__()
        self.spec = spec
        guided = bool(spec.guide)
        if spec.role == PRIORITIZER:
            rows, context = (
                Standardiser(spec.candidate_columns, CANDIDATE_NAMES, spec.guide),
                Standardiser(spec.context_columns, CONTEXT_NAMES),
            )
            self.actor = PrioritizerActor(rows.size, context.size, spec.width, guided)
        else:
            rows, context = Standardiser((), ()), Standardiser(spec.context_columns, NEGOTIATOR_NAMES, spec.guide)
            self.actor = NegotiatorActor(context.size, spec.width, spec.levels, spec.ordinal, guided)
        self.reader = Reader(rows, context)

    def forward(self, sets: Sets) -> Tensor:
        """Log-probabilities [N, actions] of standardised sets, by place among the legal actions or by level."""
        return functional.log_softmax(self.actor(sets), dim=1)


def entropy(log_p: Tensor) -> Tensor:
    """Entropy [N] in nats of log-probabilities [N, actions]."""
    return -(log_p.exp() * log_p).sum(dim=1)
