"""A conditional index, compiled: one, or a population of which each world has its own."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.compiled.lanes import kernel
from agents.compiled.layers import FLOAT
from agents.compiled.linking import address_of
from agents.rules.conditional import (
    BY_DEMAND,
    CLIP,
    CONDITIONS,
    CONTEST,
    LOG,
    LOG1P,
    ROOT,
    SIZE,
    TERMS,
    C,
    D,
    Look,
    T,
    X,
)
from agents.rules.index import LEAST
from envs.columns import NUM_CANDIDATE, NUM_CONTEXT, NUM_NEGOTIATION, Candidate
from envs.engine.compiled import reference
from envs.engine.layout import AMOUNT, CELL, COMPLETION, NUMBER, WORLD
from envs.engine.memory import agent_of

_ALL: Final[tuple[Look, ...]] = (*TERMS.values(), *CONDITIONS.values(), *CONTEST.values())
_KIND: Final = np.array([look.kind for look in _ALL])
_COLUMN: Final = np.array([int(look.column) for look in _ALL])
_MIDDLE: Final = np.array([look.middle for look in _ALL])
_SPREAD: Final = np.array([look.spread for look in _ALL])
_BIDS_AT: Final = T + C * D
_CONTEST_AT: Final = _BIDS_AT + T
_DOUBLE: Final = 8
_LEAST: Final = np.float32(LEAST)
_DEMAND: Final = int(Candidate.SHARED_DEMAND)

_world_at, _completion_at = reference(WORLD), reference(COMPLETION)
_number_at, _action_at, _value_at = reference(NUMBER), reference(CELL), reference(AMOUNT)


class Tables:
    """Conditional indices, compiled, in one role; see :class:`agents.protocols.Decider`."""

    def __init__(self, weights: NDArray[np.float64], *, bids: bool) -> None:
        """Copy the weights [SIZE], or those of the index of each world [B, SIZE]."""
        self._weights = np.array(weights, np.float64, order="C")
        assert self._weights.shape[-1] == SIZE
        self.function = _bids() if bids else _picks()
        first = int(self._weights.ctypes.data)
        self.mind: int | NDArray[np.int64] = (
            first if self._weights.ndim == 1 else first + np.arange(len(self._weights)) * self._weights.strides[0]
        )

    def scratch(self, room: int) -> int:
        """Return how many float32 numbers the weights take as they are in one situation."""
        return T * _DOUBLE // FLOAT


@kernel
def _look(look: int, source: int) -> float:
    kind = _KIND[look]
    x = _number_at(source, _COLUMN[look]).value
    if kind == LOG1P:
        x = np.log1p(x)
    elif kind == LOG:
        x = np.log(max(x, _LEAST))
    elif kind == ROOT:
        x = np.sqrt(x)
    elif kind == BY_DEMAND:
        x = np.log1p(x) * _number_at(source, _DEMAND).value
    return float(x)


@kernel
def _deviation(look: int, source: int) -> float:
    deviation: float = min(max((_look(look, source) - _MIDDLE[look]) / _SPREAD[look], -CLIP), CLIP)
    return deviation


@kernel
def _weigh(weights: int, bids: bool, context: int, scratch: int) -> None:
    """Write the weights of all terms in a situation."""
    for t in range(T):
        _value_at(scratch, t).value = _value_at(weights, t).value + (
            _value_at(weights, _BIDS_AT + t).value if bids else 0.0
        )
    for c in range(C):
        deviation = _deviation(T + c, context)
        for t in range(D):
            _value_at(scratch, t).value += deviation * _value_at(weights, T + c * D + t).value


@kernel
def _worth(scratch: int, row: int) -> float:
    worth = 0.0
    for t in range(T):
        worth += _value_at(scratch, t).value * _look(t, row)
    return worth


def _pick_best(world: int, to: int, actions: int) -> None:
    w, completion = _world_at(world, 0), _completion_at(to, 0)
    for a in range(w.num_agents):
        if agent_of(w, a).acting:
            _weigh(completion.prioritizer_mind, False, w.contexts + a * NUM_CONTEXT * FLOAT, completion.scratch)
            best, most = 0, -np.inf
            for k in range(agent_of(w, a).shown):
                worth = _worth(completion.scratch, w.candidates + (a * w.room + k) * NUM_CANDIDATE * FLOAT)
                if worth > most:
                    best, most = k, worth
            _action_at(actions, a).units = best


def _bid_worth(world: int, to: int, actions: int) -> None:
    w, completion = _world_at(world, 0), _completion_at(to, 0)
    weights = completion.negotiator_mind
    for a in range(w.num_agents):
        if agent_of(w, a).acting:
            row = w.negotiations + a * NUM_NEGOTIATION * FLOAT
            _weigh(weights, True, row + NUM_CANDIDATE * FLOAT, completion.scratch)
            worth = _worth(completion.scratch, row)
            for x in range(X):
                deviation = _deviation(T + C + x, row + (NUM_CANDIDATE + NUM_CONTEXT) * FLOAT)
                worth += deviation * _value_at(weights, _CONTEST_AT + x).value
            _value_at(actions, a).value = worth


@cache
def _picks() -> int:
    return address_of(_pick_best)


@cache
def _bids() -> int:
    return address_of(_bid_worth)
