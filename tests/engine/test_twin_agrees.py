"""The compiled engine against the slow twin: equal to the last bit, on many small random worlds."""

from __future__ import annotations

import os
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.events import EventLog
from envs.scenario import Scenario
from envs.workloads.instance import Instance
from envs.world import Outputs, World
from tests.reference.scenarios import random_actions, random_case
from tests.reference.strategies import worlds
from tests.reference.twin import Output, Twin

CASES = 275
BLOCK = 25


def bits(value: object, dtype: np.dtype) -> np.ndarray:
    """The raw bytes of every element, so that NaN equals NaN and 0 differs from -0."""
    array = np.atleast_1d(np.ascontiguousarray(value, dtype))
    return array.view(np.uint8).reshape(*array.shape, dtype.itemsize)


def assert_same(where: str, twin: object, engine: np.ndarray) -> None:
    """Fail with the indices and both values of the first elements that differ in any bit."""
    expected = np.asarray(twin)
    assert expected.shape == engine.shape, f"{where}: the twin has shape {expected.shape}, the engine {engine.shape}"
    different = (bits(expected, engine.dtype) != bits(engine, engine.dtype)).any(axis=-1).reshape(engine.shape)
    if different.any():
        places = [tuple(int(i) for i in place) for place in np.argwhere(different)[:5]]
        shown = "; ".join(
            f"{list(place)}: twin {expected[place].item()!r}, engine {engine[place].item()!r}" for place in places
        )
        pytest.fail(f"{where} differs in {int(different.sum())} places: {shown}")


def assert_same_outputs(where: str, twin: Output, engine: Outputs) -> None:
    """Compare every field of a step."""
    for field in fields(Output):
        assert_same(f"{where}, {field.name}", getattr(twin, field.name), getattr(engine, field.name)[0])


def assert_same_log(where: str, twin: Twin, engine: EventLog) -> None:
    """Compare the events one by one, then every bit of their values."""
    events = list(zip(*(column.tolist() for column in engine), strict=True))
    for n, (expected, event) in enumerate(zip(twin.log(), events, strict=False)):
        assert expected == event, f"{where}, event {n}: twin {expected}, engine {event}"
    assert len(twin.log()) == len(events), f"{where}: the twin logs {len(twin.log())} events, the engine {len(events)}"
    for name, column in zip(EventLog._fields, zip(*twin.log(), strict=True), strict=True):
        assert_same(f"{where}, log.{name}", column, getattr(engine, name))


def compare(where: str, scenario: Scenario, instance: Instance, seed: int) -> None:
    """Play one world in both programs, with the same random policy."""
    random = np.random.default_rng(seed)
    episode_seed = int(random.integers(0, 2**64, dtype=np.uint64))
    twin = Twin(scenario, instance, episode_seed)
    world = World(scenario, num_worlds=1, instances=[instance], auto_reset=False, record=True)
    out = twin.reset()
    assert_same_outputs(
        f"{where}, reset",
        out,
        world.reset(seeds=np.array([episode_seed], np.uint64), instance=np.zeros(1, np.int32)),
    )
    while not twin.over:
        assert out.steps < 5000, f"{where} does not end"
        picks, bids = random_actions(random, out.mask)
        out = twin.step(picks, bids)
        assert_same_outputs(f"{where}, step {out.steps}", out, world.step(picks[None], bids[None]))
    assert_same_log(where, twin, world.log(0))
    assert_same(f"{where}, job_end", twin.job_end, world.job_end(0))


@pytest.mark.parametrize("first", range(0, CASES, BLOCK))
def test_engine_agrees_with_the_twin(first: int) -> None:
    """Protects the engine: every output, event and end of a job equals the plain-Python reading of docs/world.md, bit for bit."""
    for case in range(first, first + BLOCK):
        compare(f"case {case}", *random_case(case), case)


@given(worlds(), st.integers(0, 2**32 - 1))
@settings(max_examples=5000 if os.environ.get("PARLEY_LONG") else 40)
def test_no_smaller_world_disagrees(scenario: Scenario, seed: int) -> None:
    """Protects who has to find out why the two disagree: what is shown is the smallest world in which they do."""
    compare("hypothesis", scenario, scenario.workload.instance(0), seed)
