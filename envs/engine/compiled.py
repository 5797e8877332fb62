"""How kernels are compiled, and how they reach memory.

Every kernel takes one world's record and nothing else: the record holds the addresses of everything that belongs to it.
Passing the arrays instead made the same code 15 times slower to compile, since each array is eight values in every call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

Record = Any
"""A reference to one element of a structured array."""

kernel: Callable[[Callable[..., Any]], Callable[..., Any]] = numba.njit(
    cache=True, nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True
)
"""Compiles a function that only other kernels call."""

entry: Callable[[Callable[..., Any]], Callable[..., Any]] = numba.njit(cache=True, nogil=True, error_model="numpy")
"""Compiles a function that Python calls."""


def reference(dtype: np.dtype[Any]) -> Callable[[int, int], Record]:
    """Return a compiled function (address, index) -> the index-th record of this dtype behind an address."""
    record = numba.from_dtype(dtype)
    size = dtype.itemsize

    @intrinsic  # type: ignore[untyped-decorator]  # numba has no annotations
    def at(typing_context: Any, address: Any, index: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            offset = builder.mul(args[1], ir.Constant(args[1].type, size))
            return builder.inttoptr(builder.add(args[0], offset), context.get_value_type(record))

        return record(types.int64, types.int64), generate

    result: Callable[[int, int], Record] = at
    return result
