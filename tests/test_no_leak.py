"""Nothing that a seat sees tells how long a task will really take, before it has ended."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from envs import Scenario, Uncertainty, World
from envs.events import EventKind
from envs.workloads.generators.synthetic import SyntheticWorkload
from envs.workloads.instance import Instance

SCENARIO = Scenario(SyntheticWorkload(jobs=12), uncertainty=Uncertainty(duration_sigma=0.5, failure_probability=0.1), candidates=8)


def seen(world: World) -> bytes:
    """Everything that the seats of the first world see, as bytes."""
    out = world.out
    return b"".join(array[0].tobytes() for array in (out.acting, out.candidates, out.context, out.mask, out.negotiation, out.task))


def slower(instance: Instance, task: int) -> Instance:
    """The same jobs, but one task really takes three times as long."""
    ratio = instance.task_ratio.copy()
    ratio[task] *= 3.0
    return replace(instance, task_ratio=ratio)


def first_end(world: World, task: int) -> float:
    """When the first attempt at a task ends, well or badly."""
    log = world.log(0)
    ends = (log.task == task) & np.isin(log.kind, (EventKind.TASK_END, EventKind.TASK_FAILED))
    return float(log.time[ends][0])


def play(instance: Instance, seed: int) -> tuple[World, list[tuple[float, bytes]]]:
    """Play the lowest legal actions and keep what was seen when."""
    world = World(SCENARIO, 1, instances=[instance], auto_reset=False, record=True)
    out = world.reset(seeds=np.array([seed], np.uint64))
    sights = []
    while not (out.terminated[0] or out.truncated[0]):
        sights.append((float(out.time[0]), seen(world)))
        out = world.step(out.mask.argmax(axis=2).astype(np.int32), np.zeros(out.acting.shape))
    return world, sights


@pytest.mark.parametrize("task", range(0, 40, 5))
def test_a_realised_duration_shows_only_at_its_end(task: int) -> None:
    """Protects the agents' ignorance: what they see before a task ends does not depend on how long it will take."""
    instance = SCENARIO.workload.instance(3)
    world, sights = play(instance, 11)
    _, others = play(slower(instance, task), 11)
    end = first_end(world, task)
    before = [sight for sight in sights if sight[0] < end]
    assert before == others[: len(before)]
    assert sights != others
