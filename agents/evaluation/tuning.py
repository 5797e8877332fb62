"""Tunes the weights of an index by the cross-entropy method (Rubinstein 1999), a whole population of indices side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.evaluation.play import Episodes
from agents.rules.dispatching import pick_best
from agents.rules.index import COLUMNS, features
from envs.engine.codes import Phase
from envs.scenario import Scenario
from envs.world import World

Weights = NDArray[np.float64]


class TuningError(ValueError):
    """A setting of the search out of its bounds; the message names it, its value and the bound."""


@dataclass(frozen=True)
class CrossEntropy:
    """How much is searched."""

    population: int = 48
    """Indices that are drawn per generation."""
    elite: int = 12
    """The best of them: the next generation is drawn around these."""
    generations: int = 30
    episodes: int = 16
    """Fresh ones per generation, the same for its whole population."""
    spread: float = 1.5
    """Standard deviation of each free weight in the first generation."""
    noise: float = 0.3
    """Added to the standard deviations, falling to 0 over the first half, so that they do not collapse (Szita and Lorincz 2006)."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("population", 2, 4096),
            ("elite", 2, self.population),
            ("generations", 1, 10_000),
            ("episodes", 1, 4096),
        ):
            if not low <= getattr(self, name) <= high:
                raise TuningError(f"search.{name} is {getattr(self, name)}, must be in {low}..{high}")
        for name in ("spread", "noise"):
            if not 0 <= getattr(self, name) <= 100:
                raise TuningError(f"search.{name} is {getattr(self, name)}, must be in [0, 100]")


class Generation(NamedTuple):
    """What a generation found."""

    mean: dict[str, float]
    """Weights: the mean of its elite."""
    spread: float
    """Mean standard deviation of the free weights from here on."""
    gain: float
    """Mean cost of the elite over that of the whole generation."""


def tune(
    scenario: Scenario, search: CrossEntropy, seed: int, columns: Sequence[str], *, alike: bool = True
) -> Iterator[Generation]:
    """Draw each generation around the elite of the last one, and play it on fresh episodes of the scenario's workload.

    Of ``columns``, the first weighs 1, or -1 if a minus stands before its name, since an index counts only up to a positive factor;
    the weights of the others are searched, from 0 on. Every episode counts ``alike``, however much it costs, or by what it costs.
    Raise TuningError for a column that no index can weigh.
    """
    names = [columns[0].removeprefix("-"), *columns[1:]]
    if unknown := set(names) - set(COLUMNS):
        raise TuningError(
            f"columns has {sorted(unknown)[0]!r}, must be among {', '.join(COLUMNS)}; the first perhaps with a minus"
        )
    first, *places = [COLUMNS.index(name) for name in names]
    fixed = -1.0 if columns[0].startswith("-") else 1.0
    rng = np.random.default_rng(seed)
    mean, spread = np.zeros(len(places)), np.full(len(places), search.spread)
    for number in range(search.generations):
        free = mean + spread * rng.standard_normal((search.population, len(mean)))
        population = np.zeros((search.population, len(COLUMNS)))
        population[:, first], population[:, places] = fixed, free
        costs = play_population(scenario, _fresh(scenario, search.episodes, rng), population)
        telling = costs[:, costs.any(axis=0)]  # where nobody ever waits, nothing is told
        relative = np.ones(len(costs))
        if telling.size:
            relative = (telling / telling.mean(axis=0 if alike else None)).mean(axis=1)
        order = np.argsort(relative, kind="stable")[: search.elite]
        mean, spread = free[order].mean(axis=0), free[order].std(axis=0)
        spread += search.noise * max(0.0, 1.0 - 2.0 * number / search.generations)
        weights = dict(zip(names, [fixed, *mean.tolist()], strict=True))
        yield Generation(weights, float(spread.mean()), float(relative[order].mean()))


def play_population(scenario: Scenario, episodes: Episodes, weights: Weights) -> NDArray[np.float64]:
    """Return what every episode costs by every index [P, E]; ``weights`` are [P, COLUMNS]."""
    members, count = len(weights), len(episodes.seeds)
    world = World(scenario, members * count, instances=episodes.instances, auto_reset=False)
    world.schedule(np.tile(episodes.seeds, members), np.tile(episodes.instance, members))
    out = world.reset()
    cost = out.team_cost.copy()
    picks, bids = np.zeros(out.acting.shape, np.int32), np.zeros(out.acting.shape)
    while (out.phase != Phase.OVER).any():
        asked = out.acting & (out.phase == Phase.PRIORITISE)[:, None]
        its = weights[np.nonzero(asked)[0] // count]
        picks[asked] = pick_best(np.einsum("nkc,nc->nk", features(out.candidates[asked]), its), out.mask[asked])
        asked = out.acting & (out.phase == Phase.NEGOTIATE)[:, None]
        its = weights[np.nonzero(asked)[0] // count]
        bids[asked] = np.einsum("nc,nc->n", features(out.negotiation[asked]), its)
        out = world.step(picks, bids)
        cost += out.team_cost
    return cost.reshape(members, count)


def _fresh(scenario: Scenario, count: int, rng: np.random.Generator) -> Episodes:
    seeds = rng.integers(2**63, size=(2, count))
    instances = [scenario.workload.instance(int(seed)) for seed in seeds[0]]
    return Episodes(instances, np.arange(count, dtype=np.int32), seeds[1].astype(np.uint64))
