"""A tuned index, compiled: the weighted sum of a few columns ranks candidates and is what agents bid."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.compiled.lanes import kernel
from agents.compiled.layers import FLOAT
from agents.compiled.layout import COPIED, LOG, LOG1P, ROOT
from agents.compiled.linking import address_of
from agents.rules.index import LEAST, LOGS, PLAIN, ROOTS, TIMES
from envs.columns import NUM_CANDIDATE, NUM_NEGOTIATION
from envs.engine.compiled import Record, reference
from envs.engine.layout import AMOUNT, CELL, COMPLETION, NUMBER, WORLD
from envs.engine.memory import agent_of

INDEX_MIND: Final = np.dtype([("terms", "i8"), ("count", "i8")])
INDEX_TERM: Final = np.dtype([("weight", "f8"), ("kind", "i4"), ("column", "i4")])
LOOKS: Final = (
    *((COPIED, int(c)) for c in PLAIN),
    *((LOG1P, int(c)) for c in TIMES),
    *((LOG, int(c)) for c in LOGS),
    *((ROOT, int(c)) for c in ROOTS),
)
"""How the terms of :func:`agents.rules.index.features` come from the columns."""
_LEAST: Final = np.float32(LEAST)

_world_at, _completion_at, _mind_at, _term_at = (
    reference(WORLD),
    reference(COMPLETION),
    reference(INDEX_MIND),
    reference(INDEX_TERM),
)
_number_at, _action_at, _bid_at = reference(NUMBER), reference(CELL), reference(AMOUNT)


class Weights:
    """An index, compiled, in one role; see :class:`agents.protocols.Decider`."""

    def __init__(self, weights: NDArray[np.float64], *, bids: bool) -> None:
        """Copy the weights, in the order of COLUMNS."""
        terms = [(weight, kind, column) for (kind, column), weight in zip(LOOKS, weights, strict=True) if weight]
        self._terms = np.array(terms, INDEX_TERM)
        self._record = np.array([(self._terms.ctypes.data, len(terms))], INDEX_MIND)
        self.function = _bids() if bids else _picks()
        self.mind = int(self._record.ctypes.data)

    def scratch(self, room: int) -> int:
        """Return 0: it needs none."""
        return 0


@kernel
def _worth(mind: Record, source: int) -> float:
    worth = 0.0
    for k in range(mind.count):
        term = _term_at(mind.terms, k)
        x = _number_at(source, term.column).value
        if term.kind == LOG1P:
            x = np.log1p(x)
        elif term.kind == LOG:
            x = np.log(max(x, _LEAST))
        elif term.kind == ROOT:
            x = np.sqrt(x)
        worth += term.weight * x
    return worth


def _pick_best(world: int, to: int, actions: int) -> None:
    w = _world_at(world, 0)
    mind = _mind_at(_completion_at(to, 0).prioritizer_mind, 0)
    for a in range(w.num_agents):
        if agent_of(w, a).acting:
            best, most = 0, -np.inf
            for k in range(agent_of(w, a).shown):
                worth = _worth(mind, w.candidates + (a * w.room + k) * NUM_CANDIDATE * FLOAT)
                if worth > most:
                    best, most = k, worth
            _action_at(actions, a).units = best


def _bid_worth(world: int, to: int, actions: int) -> None:
    w = _world_at(world, 0)
    mind = _mind_at(_completion_at(to, 0).negotiator_mind, 0)
    for a in range(w.num_agents):
        if agent_of(w, a).acting:
            _bid_at(actions, a).value = _worth(mind, w.negotiations + a * NUM_NEGOTIATION * FLOAT)


@cache
def _picks() -> int:
    return address_of(_pick_best)


@cache
def _bids() -> int:
    return address_of(_bid_worth)
