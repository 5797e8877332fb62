"""Whether a saved state is one that a run like this could have saved: checked before anything goes on from it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from agents.learning.buffer import Array


def fit(
    state: Mapping[str, Array], like: Mapping[str, Array], table: tuple[str, ...] = (), finite: bool = True
) -> None:
    """Check a state against one of the same make: names, dtypes, shapes and, where asked for, that numbers are finite.

    Arrays whose names begin with one of ``table`` may have any number of rows.

    Raises:
        ValueError: where it does not fit; the message names the array.
    """
    if wrong := sorted(state.keys() ^ like.keys()):
        raise ValueError(f"{wrong[0]} is {'missing' if wrong[0] in like else 'not known here'}")
    for name, own in like.items():
        found = state[name]
        shape = (*found.shape[:1], *own.shape[1:]) if table and name.startswith(table) else own.shape
        if found.dtype != own.dtype or found.shape != shape or found.ndim != own.ndim:
            raise ValueError(f"{name} is {found.dtype} {list(found.shape)}, must be {own.dtype} {list(shape)}")
        if finite and found.dtype.kind == "f" and not np.isfinite(found).all():
            raise ValueError(f"{name} has a number that is not finite")


def within(name: str, array: Array, low: float, high: Array | float = np.inf) -> None:
    """Check that all of an array is in ``low``..``high``. Raises ValueError where it is not."""
    if not ((array >= low) & (array <= high)).all():
        raise ValueError(f"{name} has a value that is out of its bounds")
