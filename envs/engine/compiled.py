"""How kernels are compiled, and how they reach memory.

Every kernel takes one world's record and nothing else: the record holds the addresses of everything that belongs to it.
Passing the arrays instead made the same code 15 times slower to compile, since each array is eight values in every call.
"""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from llvmlite import ir

from envs.engine.parts import PartCompiler

numba: Any = importlib.import_module("numba")
types: Any = importlib.import_module("numba.core.types")
"""Typed as Any: numba's own annotations know neither its configuration nor its extension interface."""

Record = Any
"""A reference to one element of a structured array."""

_ENGINE: Final = Path(__file__).parent


def _sources(others: Iterable[Path]) -> str:
    """Return a digest of everything that compiled code depends on; numba itself looks at one file at a time."""
    digest = hashlib.sha256()
    for path in sorted([*_ENGINE.glob("*.py"), _ENGINE.parent / "columns.py", _ENGINE.parent / "events.py", *others]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_folder(others: Iterable[Path] = ()) -> str:
    """Return where compiled code is kept: PARLEY_KERNEL_CACHE, beside the sources or, where they are read-only, in the user's cache.

    Kernels outside the engine give the ``others`` of the files that they depend on.
    """
    if "PARLEY_KERNEL_CACHE" in os.environ:
        return os.environ["PARLEY_KERNEL_CACHE"]
    beside = _ENGINE / "__pycache__"
    writable = os.access(beside if beside.exists() else _ENGINE, os.W_OK)
    return str((beside if writable else Path.home() / ".cache" / "parley") / f"kernels-{_sources(others)}")


_FOLDER: Final = cache_folder()


def _widen_integers(dispatcher: Any) -> None:
    """Let calls with 32-bit integers share the code for 64-bit ones: half the compile time."""
    original = dispatcher.get_call_template

    def get_call_template(args: Any, kws: Any) -> Any:
        plain = [types.unliteral(a) for a in args]
        wide = tuple(types.int64 if isinstance(a, types.Integer) and a.signed else a for a in plain)
        return original(wide, kws)

    dispatcher.get_call_template = get_call_template


@contextmanager
def kept_in(folder: str) -> Iterator[None]:
    """Have numba keep what is decorated here in a folder."""
    users_choice = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = folder
    try:
        yield
    finally:
        numba.config.CACHE_DIR = users_choice


def _compiled(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    compiled: Any = numba.njit(nogil=True, error_model="numpy", **options)(function)
    _widen_integers(compiled)
    result: Callable[..., Any] = compiled
    return result


def compiler(folder: str, **options: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that compiles a function when it is first called, and keeps the code in a folder."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        with kept_in(folder):
            return _compiled(function, cache=True, **options)

    return decorate


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that only other kernels call, with the entries that reach it: see ``parts.py``."""
    return _compiled(
        function, no_cpython_wrapper=True, no_cfunc_wrapper=True, no_rewrites=True, pipeline_class=PartCompiler
    )


entry = compiler(_FOLDER)
"""Compiles a function that Python calls."""


def reference(dtype: np.dtype[Any]) -> Callable[[int, int], Record]:
    """Return a compiled function (address, index) -> the index-th record of this dtype behind an address."""
    record = numba.from_dtype(dtype)
    size = dtype.itemsize

    @numba.extending.intrinsic  # type: ignore[untyped-decorator]  # Any, see above
    def at(typing_context: Any, address: Any, index: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            offset = builder.mul(args[1], ir.Constant(args[1].type, size))
            return builder.inttoptr(builder.add(args[0], offset), context.get_value_type(record))

        return record(types.int64, types.int64), generate

    result: Callable[[int, int], Record] = at
    return result


@numba.extending.intrinsic  # type: ignore[untyped-decorator]  # Any, see above
def _fetch(typing_context: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        hint = builder.module.declare_intrinsic(
            "llvm.prefetch", (byte,), ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        )
        flags = [ir.Constant(number, value) for value in (_FOR_WRITING, _KEEP, _DATA)]
        builder.call(hint, [builder.inttoptr(args[0], byte), *flags])
        return context.get_dummy_value()

    return types.none(types.int64), generate


@numba.extending.intrinsic  # type: ignore[untyped-decorator]  # Any, see above
def _take_ticket(typing_context: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        number = ir.IntType(64)
        return builder.atomic_rmw(
            "add", builder.inttoptr(args[0], number.as_pointer()), ir.Constant(number, 1), "monotonic"
        )

    return types.int64(types.int64), generate


@numba.extending.intrinsic  # type: ignore[untyped-decorator]  # Any, see above
def _decide(typing_context: Any, decider: Any, world: Any, completion: Any, actions: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        function = ir.FunctionType(ir.VoidType(), [ir.IntType(64)] * 3)
        builder.call(builder.inttoptr(args[0], function.as_pointer()), args[1:])
        return context.get_dummy_value()

    return types.none(*[types.int64] * 4), generate


_FOR_WRITING, _KEEP, _DATA = 0, 3, 1
"""Arguments of llvm.prefetch."""

fetch: Callable[[int], None] = _fetch
"""Asks for the 64 bytes around an address to be brought near; what is computed does not depend on it."""

take_ticket: Callable[[int], int] = _take_ticket
"""Returns the 64-bit integer at an address and adds 1 to it, as one step for all threads."""

decide: Callable[[int, int, int, int], None] = _decide
"""Calls the function at an address with those of a WORLD, of its COMPLETION, and of the row of picks or bids [A] that it is to write.

That is how networks decide inside the compiled loop: the engine knows no more of them, and is not compiled anew for each.
"""
