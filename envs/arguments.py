"""What callers hand in, checked before a kernel follows it. An error is one line: which argument, what it is, what it must be."""

from __future__ import annotations

from operator import index
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MAX_SEED: Final = 2**64 - 1
INT32: Final = np.dtype(np.int32)
UINT64: Final = np.dtype(np.uint64)
FLOAT64: Final = np.dtype(np.float64)
_KINDS: Final = {"i": "iu", "u": "iu", "f": "iuf"}
"""Kinds of numbers that may stand for each kind, where no value changes."""
_Shape = tuple[int | None, ...]


def as_integer(name: str, value: Any, low: int, high: int) -> int:
    """Return an integer, numpy's included; a truth value is none.

    Raises:
        ValueError: it is none, or not in low..high.
    """
    try:
        number = None if isinstance(value, bool | np.bool_) else index(value)
    except TypeError:
        number = None
    if number is None or not low <= number <= high:
        bounds = (
            "in 0..2^64-1" if (low, high) == (0, MAX_SEED) else f"in {low}..{high}" if high < 2**31 - 1 else f">= {low}"
        )
        raise ValueError(f"{name} is {value!r}, must be an integer {bounds}")
    return number


def as_flag(name: str, value: Any) -> bool:
    """Return a truth value, numpy's included.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} is {value!r}, must be True or False")
    return bool(value)


def as_array(name: str, value: Any, wanted: np.dtype[Any], shape: _Shape) -> NDArray[Any]:
    """Return an array that kernels can read: ``value`` itself, or a copy where it is of another type, or not contiguous.

    Args:
        name: of the argument.
        value: anything that numpy takes for an array.
        wanted: type of what is returned.
        shape: of ``value``; None stands for any size.

    Raises:
        ValueError: another shape, another kind of number, or numbers that the type cannot hold.
    """
    if type(value) is np.ndarray and value.dtype == wanted and value.shape == shape and value.flags.carray:
        return value
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        array = np.asarray(None)
    fits = array.ndim == len(shape) and all(size in (None, has) for size, has in zip(shape, array.shape, strict=True))
    if not fits or array.dtype.kind not in _KINDS[wanted.kind]:
        sizes = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(f"{name} is {array.dtype} {list(array.shape)}, must be {wanted} [{sizes}]")
    made = np.require(array, wanted, ["C", "ALIGNED", "WRITEABLE"])
    if array.dtype != wanted and not np.array_equal(made, array, equal_nan=wanted.kind == "f"):
        raise ValueError(
            f"{name} has numbers between {array.min()} and {array.max()}, must be such that {wanted} can hold"
        )
    return made


def as_indices(name: str, value: Any, shape: _Shape, below: int) -> NDArray[np.int32]:
    """Return an array of indices in 0..below-1.

    Raises:
        ValueError: it is none.
    """
    array = as_array(name, value, INT32, shape)
    if array.size and not 0 <= array.min() <= array.max() < below:
        wrong = array[(array < 0) | (array >= below)][0]
        raise ValueError(f"{name} has {wrong}, must be in 0..{below - 1}")
    return array


def as_range(name: str, value: Any, count: int) -> range:
    """Return a range of neighbours among ``count``.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, range) or value.step != 1 or not 0 <= value.start <= value.stop <= count:
        raise ValueError(f"{name} is {value!r}, must be a range of step 1 within range(0, {count})")
    return value
