"""What networks decide where a world stands, compiled: the same numbers as ``agents.networks``, up to the rounding of sums."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from agents.compiled.completions import NOTHING
from agents.compiled.lanes import BYTES, Number, add, kernel, larger, load, spread, store
from agents.compiled.layers import FLOAT, layer_of_one, layer_of_rows, pool, read, weigh
from agents.compiled.layout import NEGOTIATOR_MIND, PRIORITIZER_MIND, READER, SPARE
from agents.compiled.linking import address_of
from agents.noise import gumbel
from envs.columns import NUM_CANDIDATE, NUM_CONTEXT, NUM_NEGOTIATION
from envs.engine.compiled import Record, reference
from envs.engine.layout import CELL, COMPLETION, NUMBER, WORLD
from envs.engine.memory import agent_of

_INT: Final = 4
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_LOWEST: Final = np.float32(-np.inf)

_world_at, _completion_at = reference(WORLD), reference(COMPLETION)
_prioritizer_at, _negotiator_at = reference(PRIORITIZER_MIND), reference(NEGOTIATOR_MIND)
_reader_at = reference(READER)
_number_at, _action_at = reference(NUMBER), reference(CELL)
_bid_at = reference(np.dtype([("value", "f8")]))


@kernel
def _score(mind: Record, w: Record, a: int, scratch: int) -> int:
    """Write a logit per candidate, and for passing where that is legal; return their address."""
    agent = agent_of(w, a)
    count, units = agent.shown, mind.units
    width, room = units * FLOAT, w.room + SPARE
    reader, around = _reader_at(mind.rows, 0), _reader_at(mind.context, 0)
    stride = reader.size * FLOAT
    logits = scratch
    pooled = logits + (room * FLOAT + BYTES - 1) // BYTES * BYTES
    start = pooled + 2 * width
    one = start + width
    hidden = one + room * width
    rows = hidden + room * width
    context = rows + room * stride
    read(around, w.contexts + a * NUM_CONTEXT * FLOAT, context)
    layer_of_one(context, around.depth, mind.of_context, mind.of_candidate_bias, units, start)
    for k in range(count):
        read(reader, w.candidates + (a * w.room + k) * NUM_CANDIDATE * FLOAT, rows + k * stride)
    layer_of_rows(rows, stride, count, reader.depth, mind.of_candidate, start, units, one)
    layer_of_rows(one, width, count, units, mind.second, mind.second_bias, units, hidden)
    pool(hidden, count, units, pooled)
    layer_of_one(pooled, 2 * units, mind.of_pooled, mind.zero, units, start)
    if agent.passes:
        for at in range(0, width, BYTES):
            store(pooled + at, larger(load(start + at), spread(_ZERO)))
        _number_at(logits, count).value = weigh(pooled, mind.score_pass, units) + mind.pass_bias
    for at in range(0, width, BYTES):
        store(start + at, add(load(start + at), load(mind.third_bias + at)))
    layer_of_rows(hidden, width, count, units, mind.third, start, units, one)
    for k in range(count):
        logit = weigh(one + k * width, mind.score, units)
        if reader.depth > reader.plain:
            logit += mind.gain * _number_at(rows + k * stride, reader.plain).value
        _number_at(logits, k).value = logit
    return logits


@kernel
def _largest(logits: int, count: int) -> int:
    best = 0
    for k in range(1, count):
        if _number_at(logits, k).value > _number_at(logits, best).value:
            best = k
    return best


@kernel
def _disturb(w: Record, completion: Record, a: int, logits: int, count: int) -> None:
    """Add noise by which the largest is a draw."""
    for k in range(count):
        action = k if k < agent_of(w, a).shown else w.room
        _number_at(logits, k).value += np.float32(completion.temperature * gumbel(completion.key, w.steps, a, action))


@kernel
def _clear(w: Record, completion: Record) -> None:
    """Note nothing in this round."""
    size = w.max_agents * completion.noted
    for place in range(size):
        _action_at(completion.choices, completion.at * size + place).units = NOTHING


@kernel
def _note(w: Record, completion: Record, a: int, logits: int, count: int) -> None:
    """Write the places of the largest logits, the largest first."""
    row = completion.choices + (completion.at * w.max_agents + a) * completion.noted * _INT
    for rank in range(min(completion.noted, count)):
        best = NOTHING
        for k in range(count):
            new = best == NOTHING or _number_at(logits, k).value > _number_at(logits, best).value
            for earlier in range(rank):
                new = new and _action_at(row, earlier).units != k
            if new:
                best = k
        _action_at(row, rank).units = best
    for rank in range(min(completion.noted, count)):
        if _action_at(row, rank).units == agent_of(w, a).shown:
            _action_at(row, rank).units = w.room


def _prioritize(world: int, to: int, actions: int) -> None:
    w, completion = _world_at(world, 0), _completion_at(to, 0)
    mind = _prioritizer_at(completion.prioritizer_mind, 0)
    _clear(w, completion)
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        if agent.acting:
            logits = _score(mind, w, a, completion.scratch)
            count = agent.shown + agent.passes
            _note(w, completion, a, logits, count)
            if completion.temperature > 0.0:
                _disturb(w, completion, a, logits, count)
            best = _largest(logits, count)
            _action_at(actions, a).units = best if best < agent.shown else w.room


@kernel
def _wanted(mind: Record, row: int, index: Number) -> Number:
    """The level that a negotiator wants, a real number."""
    one = weigh(row, mind.score, mind.units) + _number_at(mind.score_bias, 0).value + index * mind.gain
    if mind.heads == 1:
        return np.float32(mind.levels - 1) / (_ONE + np.exp(-one))
    most = _LOWEST
    for level in range(mind.levels):
        score = (
            weigh(row, mind.score + level * mind.units * FLOAT, mind.units) + _number_at(mind.score_bias, level).value
        )
        most = max(most, score)
    sum_ = mean = _ZERO
    for level in range(mind.levels):
        score = (
            weigh(row, mind.score + level * mind.units * FLOAT, mind.units) + _number_at(mind.score_bias, level).value
        )
        share = np.exp(score - most)
        sum_ += share
        mean += share * np.float32(level)
    return mean / sum_


def _negotiate(world: int, to: int, actions: int) -> None:
    w, completion = _world_at(world, 0), _completion_at(to, 0)
    mind = _negotiator_at(completion.negotiator_mind, 0)
    reader = _reader_at(mind.context, 0)
    width, stride = mind.units * FLOAT, reader.size * FLOAT
    one = completion.scratch
    two = one + (w.max_agents + SPARE) * width
    rows = two + (w.max_agents + SPARE) * width
    _clear(w, completion)
    count = 0
    for a in range(w.num_agents):
        if agent_of(w, a).acting:
            read(reader, w.negotiations + a * NUM_NEGOTIATION * FLOAT, rows + count * stride)
            count += 1
    layer_of_rows(rows, stride, count, reader.depth, mind.first, mind.first_bias, mind.units, one)
    layer_of_rows(one, width, count, mind.units, mind.second, mind.second_bias, mind.units, two)
    count = 0
    for a in range(w.num_agents):
        if agent_of(w, a).acting:
            index = _number_at(rows + count * stride, reader.plain).value if reader.depth > reader.plain else _ZERO
            _bid_at(actions, a).value = _wanted(mind, two + count * width, index)
            count += 1


@cache
def prioritizer() -> int:
    """Return the address of the compiled decider of prioritizers."""
    return address_of(_prioritize)


@cache
def negotiator() -> int:
    """Return the address of that of negotiators."""
    return address_of(_negotiate)
