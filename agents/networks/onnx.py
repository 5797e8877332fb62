"""Trained policies as ONNX files, for programs without torch: the same network over padded candidates, in plain operations."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from agents.networks.architecture import Brain, NegotiatorActor, PrioritizerActor
from agents.networks.artifact import TrainedNegotiator, TrainedPrioritizer
from agents.networks.reader import CLIP, Standardiser
from agents.networks.sets import ILLEGAL
from agents.rules.index import LEAST, LOGS, PLAIN, ROOTS, TIMES
from envs.columns import NUM_CANDIDATE, NUM_CONTEXT, NUM_NEGOTIATION

OPSET: Final = 18
"""Of the files: ONNX Runtime 1.14 or newer reads them."""


class PaddedPrioritizer(nn.Module):
    """A prioritizer's network over all K candidates, of which the mask says which exist."""

    def __init__(self, brain: Brain) -> None:
        """Take the trained network."""
        super().__init__()
        assert isinstance(brain.actor, PrioritizerActor)
        self.rows, self.context, self.actor = brain.reader.rows, brain.reader.context, brain.actor

    def forward(self, candidates: Tensor, context: Tensor, mask: Tensor) -> Tensor:
        """Log-probabilities [N, K+1] from candidates [N, K, F], context [N, C] and mask [N, K+1] bool.

        Those of illegal actions are below -1e7.
        """
        actor, here = self.actor, mask[:, :-1, None]
        rows = _standardised(self.rows, torch.where(here, candidates, torch.zeros_like(candidates)))
        hidden = (actor.of_candidate(rows) + actor.of_context(_standardised(self.context, context))[:, None]).relu()
        positive = torch.where(here, actor.second(hidden).relu(), torch.zeros(()))
        count = here.float().sum(dim=1).clamp(min=1.0)
        pooled = actor.of_pooled(torch.cat((positive.sum(dim=1) / count, positive.amax(dim=1)), dim=1))
        logits = actor.score((actor.third(positive) + pooled[:, None]).relu()).squeeze(2)
        if actor.gain is not None:
            logits = logits + actor.gain * rows[:, :, -1]
        logits = torch.cat((logits, actor.score_pass(pooled.relu())), dim=1)
        return functional.log_softmax(torch.where(mask, logits, torch.full((), ILLEGAL)), dim=1)


class PaddedNegotiator(nn.Module):
    """A negotiator's network."""

    def __init__(self, brain: Brain) -> None:
        """Take the trained network."""
        super().__init__()
        assert isinstance(brain.actor, NegotiatorActor)
        self.context, self.actor = brain.reader.context, brain.actor

    def forward(self, observation: Tensor) -> Tensor:
        """The wanted level [N], a real number in 0..levels-1, from observation [N, G]."""
        actor, seen = self.actor, _standardised(self.context, observation)
        score: Tensor = actor.head(actor.body(seen))
        return actor.head.level(score if actor.gain is None else score + actor.gain * seen[:, -1])


def export(policy: TrainedPrioritizer | TrainedNegotiator, path: str | Path) -> None:
    """Write a trained policy to an ONNX file, of opset ``OPSET``; needs the extra ``onnx`` (pip install parley-world[onnx]).

    A prioritizer has inputs 'candidates' [N, K, F], 'context' [N, C], 'mask' [N, K+1] bool and output 'log_probabilities' [N, K+1];
    a negotiator 'observation' [N, G] and 'levels' [N]. N and K are free, floats are float32, columns those of docs/columns.md.

    Raises:
        ImportError: the packages of the extra are not there.
        OSError: the file cannot be written.
    """
    brain = policy.brain
    seats, places = torch.export.Dim("N", min=1), torch.export.Dim("K", min=1)
    if isinstance(policy, TrainedPrioritizer):
        network: nn.Module = PaddedPrioritizer(brain)
        given = torch.zeros(3, 5, NUM_CANDIDATE), torch.zeros(3, NUM_CONTEXT), torch.ones(3, 6, dtype=torch.bool)
        shapes: tuple[object, ...] = ({0: seats, 1: places}, {0: seats}, {0: seats, 1: places + 1})
        names, out = ["candidates", "context", "mask"], "log_probabilities"
    else:
        network, given = PaddedNegotiator(brain), (torch.zeros(3, NUM_NEGOTIATION),)  # type: ignore[assignment]  # fewer of them
        shapes, names, out = ({0: seats},), ["observation"], "levels"
    torch.onnx.export(
        network.eval(),
        given,
        str(path),
        input_names=names,
        output_names=[out],
        dynamic_shapes=shapes,
        opset_version=OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )


def _standardised(standardiser: Standardiser, x: Tensor) -> Tensor:
    """As ``Standardiser`` reads vectors [..., columns], in operations that ONNX has."""
    chosen = x[..., standardiser.index]
    tamed = torch.sign(chosen) * torch.log1p(chosen.abs())
    if len(standardiser.guide):
        logs = x[..., list(LOGS)].clamp(min=LEAST).log()
        parts = x[..., list(PLAIN)], x[..., list(TIMES)].log1p(), logs, x[..., list(ROOTS)].sqrt()
        tamed = torch.cat((tamed, torch.cat(parts, dim=-1) @ standardiser.guide[:, None]), dim=-1)
    return ((tamed - standardiser.mean) * standardiser.scale).clamp(-CLIP, CLIP)
