"""Copies the network of a role into memory as the compiled deciders read it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from agents.compiled import deciders
from agents.compiled.lanes import WIDTH
from agents.compiled.layout import NEGOTIATOR_MIND, PLACE, PRIORITIZER_MIND, READER, SPARE, TERM
from agents.compiled.weighing import LOOKS
from agents.networks.architecture import Brain, NegotiatorActor, PrioritizerActor
from agents.networks.bid_head import BidHead
from agents.networks.reader import CLIP, Standardiser

Floats = NDArray[np.float32]


class Mind:
    """A trained network, compiled; see :class:`agents.protocols.Decider`."""

    def __init__(self, brain: Brain) -> None:
        """Copy the weights."""
        self._kept: list[NDArray[Any]] = []
        prioritizes = isinstance(brain.actor, PrioritizerActor)
        self._record = self._prioritizer(brain) if prioritizes else self._negotiator(brain)
        self.function = deciders.prioritizer() if prioritizes else deciders.negotiator()
        self.mind = int(self._record.ctypes.data)

    def scratch(self, room: int) -> int:
        """Return how many float32 numbers of scratch it needs for ``room`` rows."""
        rows, units = room + SPARE, int(self._record["units"][0])
        return rows * (2 * units + self._widest) + _whole(rows) + self._widest + 3 * units

    def _prioritizer(self, brain: Brain) -> NDArray[Any]:
        actor, reader = brain.actor, brain.reader
        assert isinstance(actor, PrioritizerActor)
        mind = np.zeros(1, PRIORITIZER_MIND)
        width = brain.spec.width
        rows, used = self._reader(reader.rows)
        context, around = self._reader(reader.context)
        mind["rows"], mind["context"] = rows.ctypes.data, context.ctypes.data
        self._widest = int(max(rows["size"][0], context["size"][0]))
        mind["of_candidate"] = self._layer(actor.of_candidate, used)
        mind["of_context"] = self._layer(actor.of_context, around)
        mind["second"], mind["third"] = (self._panels(_filled(layer)) for layer in (actor.second, actor.third))
        units = _whole(width)
        both = _weight(actor.of_pooled).reshape(width, 2, width)  # the mean and the largest, each in whole vectors
        mind["of_pooled"] = self._panels(np.pad(both, ((0, 0), (0, 0), (0, units - width))).reshape(width, 2 * units))
        for name in ("of_candidate", "second", "third"):
            mind[f"{name}_bias"] = self._vector(_numbers(getattr(actor, name).bias))
        mind["score"], mind["score_pass"] = (
            self._vector(_weight(layer)[0]) for layer in (actor.score, actor.score_pass)
        )
        mind["zero"], mind["units"] = self._vector(np.zeros(width, np.float32)), units
        mind["pass_bias"] = actor.score_pass.bias.item()
        mind["gain"] = 0.0 if actor.gain is None else actor.gain.item()
        return mind

    def _negotiator(self, brain: Brain) -> NDArray[Any]:
        actor = brain.actor
        assert isinstance(actor, NegotiatorActor)
        mind = np.zeros(1, NEGOTIATOR_MIND)
        width = brain.spec.width
        context, used = self._reader(brain.reader.context)
        mind["context"] = context.ctypes.data
        self._widest = int(context["size"][0])
        first, second = actor.body[0], actor.body[2]
        assert isinstance(first, nn.Linear)
        assert isinstance(second, nn.Linear)
        mind["first"], mind["second"] = self._layer(first, used), self._panels(_filled(second))
        mind["first_bias"], mind["second_bias"] = (self._vector(_numbers(layer.bias)) for layer in (first, second))
        score, units = _weight(actor.head.score), _whole(width)
        mind["score"] = self._keep(_filled(actor.head.score))
        mind["score_bias"] = self._keep(_numbers(actor.head.score.bias))
        mind["units"], mind["heads"], mind["levels"] = units, len(score), brain.spec.levels
        assert isinstance(actor.head, BidHead) == (len(score) == 1)
        mind["gain"] = 0.0 if actor.gain is None else actor.gain.item()
        return mind

    def _reader(self, standardiser: Standardiser) -> tuple[NDArray[Any], NDArray[np.intp]]:
        """A READER, and which of the standardiser's columns it reads."""
        mean, scale, guide = (_numbers(part) for part in (standardiser.mean, standardiser.scale, standardiser.guide))
        plain = standardiser.size - bool(len(guide))
        used = np.append(np.flatnonzero(scale[:plain]), np.arange(plain, standardiser.size))
        columns = standardiser.index.cpu().numpy()[used[used < plain]]
        terms = [(kind, column, weight) for (kind, column), weight in zip(LOOKS, guide, strict=False) if weight]
        reader = np.zeros(1, READER)
        reader["columns"] = self._keep(np.array(columns, np.int32).view(PLACE))
        size = _whole(len(columns) + max(len(terms), standardiser.size - plain))
        for name, numbers in (("mean", mean), ("scale", scale)):
            reader[name] = self._keep(np.pad(numbers[used], (0, size - len(used))))
        reader["terms"] = self._keep(np.array(terms, TERM))
        reader["plain"], reader["guides"] = len(columns), len(terms)
        reader["depth"], reader["size"] = len(used), size
        reader["clip"] = CLIP
        self._kept.append(reader)
        return reader, used

    def _layer(self, layer: nn.Linear, inputs: NDArray[np.intp]) -> int:
        return self._panels(_weight(layer)[:, inputs])

    def _panels(self, weight: Floats) -> int:
        """[out, in] as [panels, in, WIDTH]: the units of a vector stand together."""
        units = _whole(len(weight))
        padded = np.pad(weight, ((0, units - len(weight)), (0, 0)))
        return self._keep(np.ascontiguousarray(padded.reshape(-1, WIDTH, weight.shape[1]).transpose(0, 2, 1)))

    def _vector(self, numbers: Floats) -> int:
        return self._keep(np.pad(numbers, (0, _whole(len(numbers)) - len(numbers))))

    def _keep(self, array: NDArray[Any]) -> int:
        self._kept.append(array)
        return int(array.ctypes.data)


def _whole(count: int) -> int:
    """How many numbers fill whole vectors, at least one."""
    return -(-max(count, 1) // WIDTH) * WIDTH


def _numbers(tensor: torch.Tensor) -> Floats:
    return np.array(tensor.detach().cpu().numpy(), np.float32)


def _weight(layer: Any) -> Floats:
    return _numbers(layer.weight)


def _filled(layer: Any) -> Floats:
    """The weights [out, in] of a layer that reads what another one wrote, in whole vectors."""
    weight = _weight(layer)
    return np.pad(weight, ((0, 0), (0, _whole(weight.shape[1]) - weight.shape[1])))
