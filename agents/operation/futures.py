"""Futures of a situation: the same site many times, each with durations of its own, drawn around what agents believe."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable
from dataclasses import replace
from statistics import NormalDist
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from agents.operation.conversion import Site
from agents.operation.options import sigma_of
from agents.operation.situation import Quantiles
from agents.rules.registry import GOLDEN, MODULUS, mix, uniform
from envs.scenario import Scenario
from envs.workloads.instance import Instance
from envs.world import World

NORMAL: Final = NormalDist()
EDGE: Final = 1e-9
"""Chances stay so far from 0 and 1."""


class Belief(NamedTuple):
    """What agents of a site believe about durations."""

    factor: NDArray[np.float64]
    """[A, G] actual / estimate, expected."""
    sigma: NDArray[np.float64]
    """[T] standard deviation of the logarithm of a task's duration."""
    doubt: NDArray[np.float64]
    """[A, G] standard deviation of the logarithm of the factor."""


class Futures(Protocol):
    """Where futures come from."""

    def draw(self, site: Site, belief: Belief, number: int, seed: int) -> Instance:
        """Return future ``number``: equal numbers and seeds give equal luck to every policy."""


class Lognormal:
    """Durations are lognormal around what is believed; of running tasks, on the condition that they still run."""

    def draw(self, site: Site, belief: Belief, number: int, seed: int) -> Instance:
        """Return future ``number``."""
        i, s = site.instance, site.situation
        chance = _luck((f"{job.name}/{task.name}" for job, task in site.tasks), number, seed)
        kinds = list(dict.fromkeys(task.kind for _, task in site.tasks))
        doubted = _luck((f"{agent.name} at {kind}" for agent in s.agents for kind in kinds), number, seed).reshape(
            i.speed.shape
        )
        factor = belief.factor * _lognormal(doubted, belief.doubt)
        places = {agent.name: a for a, agent in enumerate(s.agents)}
        for t, (_, task) in enumerate(site.tasks):
            if task.state == "running" and task.agent is not None and task.since is not None and belief.sigma[t] > 0:
                a = places[task.agent]
                options = slice(int(i.option_first[t]), int(i.option_first[t + 1]))
                nominal = float(i.option_nominal[options][i.option_agent[options] == a][0])
                past = (s.time - task.since) / (1.0 - task.progress)  # as if all of it had been done now
                length = nominal * float(factor[a, i.task_kind[t]])
                chance[t] = _beyond(chance[t], past, length, float(belief.sigma[t]))
        return replace(i, task_ratio=_lognormal(chance, belief.sigma), speed=1.0 / factor)


def _lognormal(chance: NDArray[np.float64], sigma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quantiles of lognormal distributions of mean 1."""
    z = np.array([NORMAL.inv_cdf(min(max(c, EDGE), 1 - EDGE)) for c in chance.ravel().tolist()]).reshape(chance.shape)
    drawn: NDArray[np.float64] = np.exp(sigma * z - sigma**2 / 2)
    return drawn


def believe(site: Site, scenario: Scenario) -> Belief:
    """Return what agents believe once they know the site's past."""
    world = World(scenario, 1, instances=[site.instance], auto_reset=False, record=True)
    world.restore(0, site.snapshot, still=True)
    known = world.get_state()["beliefs"][0]
    i = site.instance
    sigma = np.full(i.num_tasks, scenario.uncertainty.duration_sigma)
    if scenario.knowledge.learn:
        sigma = known["spread"][i.option_agent[i.option_first[:-1]], i.task_kind].astype(np.float64)
    for t, (_, task) in enumerate(site.tasks):
        if isinstance(task.duration, Quantiles):
            sigma[t] = sigma_of(task.duration)
    if not scenario.knowledge.learn:
        return Belief(np.ones(i.speed.shape), sigma, np.zeros(i.speed.shape))
    doubt = known["spread"] / np.sqrt(known["count"] + scenario.knowledge.prior_count)
    return Belief(known["factor"].astype(np.float64), sigma, doubt)


def _luck(names: Iterable[str], number: int, seed: int) -> NDArray[np.float64]:
    """Numbers in (0, 1), by name: what is called alike has the same luck whatever else is in the situation."""
    codes = np.array([zlib.crc32(name.encode()) for name in names], np.uint64)
    future = mix(np.array([(seed * GOLDEN + number + 1) % MODULUS], np.uint64))
    return uniform(mix(mix(codes * np.uint64(GOLDEN)) + future))


def _beyond(chance: float, past: float, length: float, sigma: float) -> float:
    """The chance, among durations around ``length`` that are longer than ``past``, as one among all."""
    if past <= 0 or length <= 0:
        return chance
    least = NORMAL.cdf((math.log(past / length) + sigma**2 / 2) / sigma)
    return least + (1 - least) * chance
