"""What networks are made of: reading columns, layers, pools. Every number is at an address, in whole vectors where it is one of many."""

from __future__ import annotations

from typing import Final

import numpy as np

from agents.compiled.lanes import (
    BYTES,
    Number,
    add,
    add_product,
    kernel,
    larger,
    load,
    load_spread,
    multiply,
    smaller,
    spread,
    store,
    subtract,
    symlog,
    total,
)
from agents.compiled.layout import COPIED, LOG, PLACE, ROOT, TERM
from agents.rules.index import LEAST
from envs.engine.compiled import Record, reference
from envs.engine.layout import NUMBER

FLOAT: Final = 4
_ROWS: Final = 4
"""Rows that go through a layer together."""
_ZERO, _ONE, _LEAST = np.float32(0.0), np.float32(1.0), np.float32(LEAST)

_place_at, _term_at, _number_at = reference(PLACE), reference(TERM), reference(NUMBER)


@kernel
def _prepare(kind: int, x: Number) -> Number:
    """What has the wanted logarithm as its symmetric one."""
    if kind == LOG:
        x = max(x, _LEAST)
        return x - _ONE if x >= _ONE else _ONE - _ONE / x
    return x


@kernel
def read(reader: Record, source: int, target: int) -> None:
    """Turn one vector of the world's columns into what a network reads."""
    for k in range(reader.plain):
        _number_at(target, k).value = _number_at(source, _place_at(reader.columns, k).column).value
    for k in range(reader.guides):
        term = _term_at(reader.terms, k)
        _number_at(target, reader.plain + k).value = _prepare(term.kind, _number_at(source, term.column).value)
    for at in range(0, reader.size * FLOAT, BYTES):
        store(target + at, symlog(load(target + at)))
    if reader.depth > reader.plain:
        said = _ZERO
        for k in range(reader.guides):
            term = _term_at(reader.terms, k)
            x = _number_at(target, reader.plain + k).value
            if term.kind == COPIED:
                x = _number_at(source, term.column).value
            elif term.kind == ROOT:
                x = np.sqrt(_number_at(source, term.column).value)
            said += term.weight * x
        _number_at(target, reader.plain).value = said
    low, high = spread(-reader.clip), spread(reader.clip)
    for at in range(0, reader.size * FLOAT, BYTES):
        x = multiply(subtract(load(target + at), load(reader.mean + at)), load(reader.scale + at))
        store(target + at, larger(low, smaller(high, x)))


@kernel
def layer_of_rows(
    inputs: int, stride: int, count: int, depth: int, weights: int, start: int, units: int, out: int
) -> None:
    """max(0, start + inputs x weights) of rows, four at a time: up to three behind the last are written too."""
    floor = spread(_ZERO)
    width = units * FLOAT
    for panel in range(0, width, BYTES):
        first = load(start + panel)
        for r in range(0, count, _ROWS):
            a = b = c = d = first
            x, w = inputs + r * stride, weights + panel * depth
            for _ in range(depth):
                weight = load(w)
                a = add_product(load_spread(x), weight, a)
                b = add_product(load_spread(x + stride), weight, b)
                c = add_product(load_spread(x + 2 * stride), weight, c)
                d = add_product(load_spread(x + 3 * stride), weight, d)
                x += FLOAT
                w += BYTES
            at = out + r * width + panel
            store(at, larger(a, floor))
            store(at + width, larger(b, floor))
            store(at + 2 * width, larger(c, floor))
            store(at + 3 * width, larger(d, floor))


@kernel
def layer_of_one(inputs: int, depth: int, weights: int, start: int, units: int, out: int) -> None:
    """Start + inputs x weights of one row, in four sums that do not wait for each other."""
    for panel in range(0, units * FLOAT, BYTES):
        a = load(start + panel)
        b = c = d = spread(_ZERO)
        x, w = inputs, weights + panel * depth
        for _ in range(depth // 4):
            a = add_product(load_spread(x), load(w), a)
            b = add_product(load_spread(x + FLOAT), load(w + BYTES), b)
            c = add_product(load_spread(x + 2 * FLOAT), load(w + 2 * BYTES), c)
            d = add_product(load_spread(x + 3 * FLOAT), load(w + 3 * BYTES), d)
            x += 4 * FLOAT
            w += 4 * BYTES
        for _ in range(depth % 4):
            a = add_product(load_spread(x), load(w), a)
            x += FLOAT
            w += BYTES
        store(out + panel, add(add(a, b), add(c, d)))


@kernel
def pool(rows: int, count: int, units: int, out: int) -> None:
    """The mean and the largest of positive rows, side by side."""
    width = units * FLOAT
    share = spread(_ONE / np.float32(count))
    for panel in range(0, width, BYTES):
        sum_ = most = spread(_ZERO)
        for r in range(count):
            row = load(rows + r * width + panel)
            sum_ = add(sum_, row)
            most = larger(row, most)
        store(out + panel, multiply(sum_, share))
        store(out + width + panel, most)


@kernel
def weigh(row: int, weights: int, units: int) -> Number:
    """The weighted sum of a row."""
    sum_ = spread(_ZERO)
    for at in range(0, units * FLOAT, BYTES):
        sum_ = add_product(load(row + at), load(weights + at), sum_)
    return total(sum_)
