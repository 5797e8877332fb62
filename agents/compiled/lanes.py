"""Vectors of 16 float32 numbers for kernels, and how these kernels are compiled.

Left to itself, the compiler turns the loops of small networks into vector code that spends most of its time on what surrounds the
loops. Here a kernel says what is to stay in registers. A processor with shorter vectors takes several for each.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, Signature
from pathlib import Path
from typing import Any, Final

from llvmlite import ir

from envs.engine.compiled import cache_folder, compiler, numba, types

WIDTH: Final = 16
"""Numbers of a vector."""
BYTES: Final = 4 * WIDTH
_AGENTS: Final = Path(__file__).parents[1]
_TABLES: Final = [_AGENTS / "noise.py", _AGENTS / "rules" / "index.py", _AGENTS / "rules" / "conditional.py"]
FOLDER: Final = cache_folder([*Path(__file__).parent.glob("*.py"), *_TABLES])
"""Where compiled deciders are kept: another one as soon as anything differs that their code holds as constants."""

kernel = compiler(FOLDER, no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""Compiles a function that only other kernels call."""

Number = Any
"""A float32, in kernels."""

_FLOAT, _INT = ir.FloatType(), ir.IntType(32)
_FLOATS, _INTS = ir.VectorType(_FLOAT, WIDTH), ir.VectorType(_INT, WIDTH)
_FUSED: Final = ("contract",)
"""Lets a product and a sum become one instruction: one rounding less."""


class LanesType(types.Type):  # type: ignore[misc]  # Any, see envs.engine.compiled
    """What numba knows of a vector."""

    def __init__(self) -> None:
        super().__init__(name="lanes")


_lanes: Final = LanesType()


@numba.extending.register_model(LanesType)
class _LanesModel(numba.extending.models.PrimitiveModel):  # type: ignore[misc]  # Any, see envs.engine.compiled
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _FLOATS)


def _operation(result: Any, *arguments: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make of a function (builder, *values) -> value one that kernels can call."""

    def decorate(emit: Callable[..., Any]) -> Callable[..., Any]:
        def type_of(typing_context: Any, *given: Any) -> Any:
            def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
                value = emit(builder, *args)
                return context.get_dummy_value() if value is None else value

            return result(*arguments), generate

        type_of.__signature__ = Signature(  # type: ignore[attr-defined]  # numba asks how many arguments there are
            [Parameter(f"x{i}", Parameter.POSITIONAL_OR_KEYWORD) for i in range(1 + len(arguments))]
        )
        made: Callable[..., Any] = numba.extending.intrinsic(type_of)
        return made

    return decorate


def _all(value: float) -> Any:
    return ir.Constant(_FLOATS, [value] * WIDTH)


def _whole(value: int) -> Any:
    return ir.Constant(_INTS, [value] * WIDTH)


@_operation(_lanes, types.int64)
def load(builder: Any, address: Any) -> Any:
    return builder.load(builder.inttoptr(address, _FLOATS.as_pointer()), align=4)


@_operation(types.none, types.int64, _lanes)
def store(builder: Any, address: Any, value: Any) -> None:
    builder.store(value, builder.inttoptr(address, _FLOATS.as_pointer()), align=4)


@_operation(_lanes, types.float32)
def spread(builder: Any, number: Any) -> Any:
    """The same number in all places."""
    first = builder.insert_element(ir.Constant(_FLOATS, ir.Undefined), number, _INT(0))
    return builder.shuffle_vector(first, ir.Constant(_FLOATS, ir.Undefined), ir.Constant(_INTS, [0] * WIDTH))


@_operation(_lanes, types.int64)
def load_spread(builder: Any, address: Any) -> Any:
    """The number at an address in all places."""
    number = builder.load(builder.inttoptr(address, _FLOAT.as_pointer()))
    first = builder.insert_element(ir.Constant(_FLOATS, ir.Undefined), number, _INT(0))
    return builder.shuffle_vector(first, ir.Constant(_FLOATS, ir.Undefined), ir.Constant(_INTS, [0] * WIDTH))


@_operation(_lanes, _lanes, _lanes)
def add(builder: Any, one: Any, other: Any) -> Any:
    return builder.fadd(one, other)


@_operation(_lanes, _lanes, _lanes)
def subtract(builder: Any, one: Any, other: Any) -> Any:
    return builder.fsub(one, other)


@_operation(_lanes, _lanes, _lanes)
def multiply(builder: Any, one: Any, other: Any) -> Any:
    return builder.fmul(one, other)


@_operation(_lanes, _lanes, _lanes, _lanes)
def add_product(builder: Any, one: Any, other: Any, to: Any) -> Any:
    return builder.fadd(builder.fmul(one, other, _FUSED), to, _FUSED)


@_operation(_lanes, _lanes, _lanes)
def larger(builder: Any, one: Any, other: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", one, other), one, other)


@_operation(_lanes, _lanes, _lanes)
def smaller(builder: Any, one: Any, other: Any) -> Any:
    return builder.select(builder.fcmp_ordered("<", one, other), one, other)


@_operation(types.float32, _lanes)
def total(builder: Any, value: Any) -> Any:
    """The sum of all places, in halves."""
    for size in (8, 4, 2, 1):
        places = [*range(size, 2 * size), *range(size, WIDTH)][:WIDTH]
        moved = builder.shuffle_vector(value, value, ir.Constant(_INTS, [*places, *range(WIDTH - len(places))]))
        value = builder.fadd(value, moved)
    return builder.extract_element(value, _INT(0))


@_operation(_lanes, _lanes)
def symlog(builder: Any, x: Any) -> Any:
    """sign(x) log(1 + |x|): see agents.networks.reader.symlog."""
    bits = builder.bitcast(x, _INTS)
    size = builder.bitcast(builder.and_(bits, _whole(0x7FFFFFFF)), _FLOATS)
    above = builder.fadd(size, _all(1.0))
    lost = builder.fsub(size, builder.fsub(above, _all(1.0)))  # what the sum was rounded by
    log = builder.fadd(_log(builder, above), builder.fdiv(lost, above))
    return builder.bitcast(builder.or_(builder.bitcast(log, _INTS), builder.and_(bits, _whole(-0x80000000))), _FLOATS)


_LOG: Final = (
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)
"""Of the polynomial in Moshier's Cephes library (1984), logf."""
_LOG2_HIGH, _LOG2_LOW = 0.693359375, -2.12194440e-4
_ROOT_HALF: Final = 0x3F3504F3
"""Bits of the square root of 1/2."""


def _log(builder: Any, x: Any) -> Any:
    bits = builder.bitcast(x, _INTS)
    exponent = builder.ashr(builder.sub(bits, _whole(_ROOT_HALF)), _whole(23))
    f = builder.fsub(builder.bitcast(builder.sub(bits, builder.shl(exponent, _whole(23))), _FLOATS), _all(1.0))
    power = builder.sitofp(exponent, _FLOATS)
    square = builder.fmul(f, f)
    sum_ = _all(_LOG[0])
    for factor in _LOG[1:]:
        sum_ = builder.fadd(builder.fmul(sum_, f, _FUSED), _all(factor), _FUSED)
    tail = builder.fmul(builder.fmul(f, square), sum_)
    tail = builder.fadd(builder.fmul(power, _all(_LOG2_LOW), _FUSED), tail, _FUSED)
    tail = builder.fadd(builder.fmul(square, _all(-0.5), _FUSED), tail, _FUSED)
    return builder.fadd(builder.fmul(power, _all(_LOG2_HIGH), _FUSED), builder.fadd(f, tail), _FUSED)
