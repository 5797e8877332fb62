"""How good decisions were: some of them, drawn at random, are looked at again with lookahead."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.evaluation.play import Episodes, decide, play_by
from agents.planning.rollout import look_ahead
from agents.planning.settings import Search
from agents.protocols import Negotiator, Scorer
from envs.outputs import Outputs
from envs.scenario import Scenario
from envs.workloads.instance import FloatArray
from envs.world import World

HOW: Final = Search(choices=3, futures=16)
"""Three likely actions, each completed in 16 futures that agents can imagine."""


class Sampled(NamedTuple):
    """Decisions that were looked at, n of them: rounds in which there was an alternative."""

    episode: NDArray[np.int64]
    """[n]."""
    agreed: FloatArray
    """[n] 1 where lookahead keeps the policy's picks: no alternative is better by more than luck explains."""
    regret: FloatArray
    """[n] what the policy's picks cost more than those that half of the futures say are best, by the other half."""
    cost: FloatArray
    """[n] what was still to be paid by the policy's picks, there."""


def sample_decisions(
    scenario: Scenario,
    episodes: Episodes,
    prioritizer: Scorer,
    negotiator: Negotiator,
    share: float,
    *,
    how: Search = HOW,
    seed: int = 0,
) -> Sampled:
    """Play episodes again as the policy does, and look at that share of the rounds in which it was asked.

    Choosing by one half of the futures and measuring by the other keeps luck from looking like regret.
    """
    found: list[tuple[int, float, float, float]] = []
    half = how.futures // 2

    def weighed(episode: int, costs: FloatArray) -> None:
        if len(costs) > 1:
            gain = costs[0] - costs
            error = gain.std(axis=1, ddof=1) / np.sqrt(gain.shape[1])
            better = bool((gain.mean(axis=1) > how.caution * error).any())
            best = int(costs[:, :half].mean(axis=1).argmin())
            found.append((episode, 1.0 - better, float(gain[best, half:].mean()), float(costs[0, half:].mean())))

    def chooser(world: World, first: int):  # type: ignore[no-untyped-def]
        look = look_ahead(prioritizer, negotiator, how, weighed)(world, first)

        def choose(out: Outputs, picks: NDArray[np.int32], bids: FloatArray) -> None:
            decide(out, prioritizer, negotiator, picks, bids)
            draws = [
                np.random.default_rng([seed, first + int(e), int(k)]).random()
                for e, k in zip(out.entry, out.steps, strict=True)
            ]
            chosen = np.array(draws) < share
            if chosen.any():
                look(out._replace(acting=out.acting & chosen[:, None]), picks.copy(), bids.copy())

        return choose

    play_by(chooser, scenario, episodes)
    columns = np.array(found, np.float64).reshape(-1, 4).T
    return Sampled(columns[0].astype(np.int64), *columns[1:])
