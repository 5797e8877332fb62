"""From functions of kernels to addresses that the engine can call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from agents.compiled.lanes import FOLDER
from envs.engine.compiled import kept_in, numba, types

_COMPILED: Final[list[Any]] = []
"""Numba frees what nobody holds."""


def address_of(decide: Callable[[int, int, int], None]) -> int:
    """Compile a decider and return its address.

    The decider takes addresses: of a WORLD, of its COMPLETION, and of the row of picks or bids [A] that it is to write.
    """
    with kept_in(FOLDER):
        made: Any = numba.cfunc(types.void(types.int64, types.int64, types.int64), cache=True, error_model="numpy")(
            decide
        )
    _COMPILED.append(made)
    return int(made.address)
