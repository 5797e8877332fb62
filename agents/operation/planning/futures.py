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

from agents.operation.site.conversion import Site
from agents.operation.site.options import Z90, mean_of, sigma_of
from agents.operation.site.situation import Quantiles
from agents.rules.registry import GOLDEN, MODULUS, mix, uniform
from envs.scenario import Scenario
from envs.state.snapshot import Snapshot
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


class Future(NamedTuple):
    """How things may come."""

    instance: Instance
    """With durations as they will be, and perhaps with jobs that will come."""
    snapshot: Snapshot
    """Where it begins."""
    own: NDArray[np.int32]
    """[T] its tasks that are the site's, in the site's order."""


class Futures(Protocol):
    """Where futures come from."""

    assumption: str
    """What plans say about it."""
    arrivals: bool
    """Whether further jobs come in them."""

    def draw(self, site: Site, belief: Belief, number: int, seed: int) -> Future:
        """Return future ``number``: equal numbers and seeds give equal luck to every policy."""


class Shape(Protocol):
    """A distribution of durations, as multiples of what is expected."""

    def at(self, chance: float) -> float:
        """The multiple below which this share of cases lies."""

    def below(self, ratio: float) -> float:
        """The share of cases below a multiple."""


class Lognormal(NamedTuple):
    """Of mean 1."""

    sigma: float

    def at(self, chance: float) -> float:
        """See :class:`Shape`."""
        return math.exp(self.sigma * _z(chance) - self.sigma**2 / 2)

    def below(self, ratio: float) -> float:
        """See :class:`Shape`."""
        return NORMAL.cdf((math.log(ratio) + self.sigma**2 / 2) / self.sigma) if self.sigma > 0 else float(ratio > 1.0)


class TwoPieces(NamedTuple):
    """Lognormal on either side of its median, through three quantiles."""

    median: float
    low: float
    """Standard deviation of the logarithm below the median,"""
    high: float
    """and above."""

    def at(self, chance: float) -> float:
        """See :class:`Shape`."""
        z = _z(chance)
        return self.median * math.exp((self.low if z < 0 else self.high) * z)

    def below(self, ratio: float) -> float:
        """See :class:`Shape`."""
        away = math.log(ratio / self.median)
        sigma = self.low if away < 0 else self.high
        return NORMAL.cdf(away / sigma) if sigma > 0 else float(away > 0)


class ByBelief:
    """Durations are lognormal around what is believed; of running tasks, on the condition that they still run."""

    assumption = "durations are lognormal around what is believed; running tasks are known to last until now"
    arrivals = False

    def draw(self, site: Site, belief: Belief, number: int, seed: int) -> Future:
        """Return future ``number``."""
        i, s = site.instance, site.situation
        chances = luck((f"{job.name}/{task.name}" for job, task in site.tasks), number, seed)
        factor = self.factors(site, belief, number, seed)
        ratios = np.ones(i.num_tasks)
        for t, (_, task) in enumerate(site.tasks):
            if task.state == "done":
                continue
            shape, chance, least = self.shape(site, belief, t), float(chances[t]), 0.0
            if task.state == "running" and task.agent is not None and task.since is not None:
                past = (s.time - task.since) / (1.0 - task.progress)  # as if all of it had been done now
                length = self._nominal(site, t, task.agent) * float(
                    factor[s.options.number[task.agent], i.task_kind[t]]
                )
                if past > 0 and length > 0:
                    if shape.below(past / length) >= 1.0:  # longer than anything that was ever seen
                        shape = Lognormal(float(belief.sigma[t]))
                    least = past / length
                    chance = shape.below(least) + (1.0 - shape.below(least)) * chance
            ratios[t] = max(least, shape.at(chance))
        own = np.arange(i.num_tasks, dtype=np.int32)
        return Future(replace(i, task_ratio=ratios, speed=1.0 / factor), site.snapshot, own)

    def factors(self, site: Site, belief: Belief, number: int, seed: int) -> NDArray[np.float64]:
        """[A, G] how much longer than estimated agents take in this future."""
        names = [f"{agent.name} at {kind}" for agent in site.situation.agents for kind in site.kinds]
        drawn = [
            Lognormal(doubt).at(chance)
            for doubt, chance in zip(belief.doubt.ravel().tolist(), luck(names, number, seed).tolist(), strict=True)
        ]
        factors: NDArray[np.float64] = belief.factor * np.array(drawn).reshape(belief.factor.shape)
        return factors

    def shape(self, site: Site, belief: Belief, t: int) -> Shape:
        """How a task's duration varies around its estimate."""
        return Lognormal(float(belief.sigma[t]))

    @staticmethod
    def _nominal(site: Site, t: int, agent: str) -> float:
        i, a = site.instance, site.situation.options.number[agent]
        options = slice(int(i.option_first[t]), int(i.option_first[t + 1]))
        return float(i.option_nominal[options][i.option_agent[options] == a][0])


class ByQuantiles(ByBelief):
    """Where estimates are quantiles, these hold exactly, however skew: not their mean and spread alone."""

    assumption = "durations have the quantiles that were given, and are lognormal around what is believed elsewhere"

    def shape(self, site: Site, belief: Belief, t: int) -> Shape:
        """How a task's duration varies around its estimate."""
        duration = site.tasks[t][1].duration
        if not isinstance(duration, Quantiles):
            return super().shape(site, belief, t)
        low, high = math.log(duration.p50 / duration.p10) / Z90, math.log(duration.p90 / duration.p50) / Z90
        return TwoPieces(duration.p50 / mean_of(duration), low, high)


def _z(chance: float) -> float:
    return NORMAL.inv_cdf(min(max(chance, EDGE), 1 - EDGE))


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


def luck(names: Iterable[str], number: int, seed: int) -> NDArray[np.float64]:
    """Numbers in (0, 1), by name: what is called alike has the same luck whatever else is in the situation."""
    codes = np.array([zlib.crc32(name.encode()) for name in names], np.uint64)
    future = mix(np.array([(seed * GOLDEN + number + 1) % MODULUS], np.uint64))
    return uniform(mix(mix(codes * np.uint64(GOLDEN)) + future))
