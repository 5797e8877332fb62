"""Whether compiled deciders decide as torch does: both are asked in every round, and the compiled one is followed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from agents.compiled.completions import Completions, decide
from agents.protocols import CompiledNegotiator, CompiledPrioritizer, Negotiator, Scorer
from envs.engine.codes import Phase
from envs.scenario import Scenario
from envs.world import World


class Compared(NamedTuple):
    """What was seen."""

    decisions: int
    different: int
    """Picks that are not torch's, and bids out of torch's order in their contest."""
    gap: float
    """The largest difference, by torch's own numbers, between what it would have done and what was done instead."""
    rounding: float
    """The largest difference between the two bids of a negotiator."""


def compare(
    scenario: Scenario, prioritizer: Scorer, negotiator: Negotiator, decisions: int, worlds: int = 32
) -> Compared:
    """Play fresh episodes until so many decisions have been made."""
    assert isinstance(prioritizer, CompiledPrioritizer)
    world = World(scenario, worlds, seed=5, auto_reset=False)
    completions = Completions.by(world, prioritizer, negotiator)
    records, out = completions.records, world.out
    made, different, gap, rounding, seed = 0, 0, 0.0, 0.0, 0
    wanted, bids = np.zeros(out.acting.shape, np.int32), np.zeros(out.acting.shape)
    while made < decisions:
        if (out.phase == Phase.OVER).all():
            seed += 1
            world.reset(
                seeds=np.arange(worlds, dtype=np.uint64) + seed * worlds, instance=np.arange(worlds, dtype=np.int32)
            )
        asked = out.acting & (out.phase != Phase.OVER)[:, None]
        picking = asked & (out.phase == Phase.PRIORITISE)[:, None]
        decide(out, prioritizer, negotiator, wanted, bids)
        scores = np.zeros((*asked.shape, world.candidates + 1), np.float32)
        if picking.any():
            scores[picking] = prioritizer.scores(out.candidates[picking], out.context[picking], out.mask[picking])
        records["at"], records["rounds"], records["given"] = 0, 1, 0
        if not isinstance(negotiator, CompiledNegotiator):
            records["given"], completions.bids[:, 0] = out.phase == Phase.NEGOTIATE, bids
        world.play_on(records, completions.picks[:, 0], completions.bids[:, 0])
        made += int(asked.sum())
        for b, a in np.argwhere(picking & (wanted != completions.picks[:, 0])):
            different += 1
            gap = max(gap, float(scores[b, a, wanted[b, a]] - scores[b, a, completions.picks[b, 0, a]]))
        for b in np.flatnonzero((asked & ~picking).any(axis=1)):
            torchs, ours = bids[b, asked[b]], completions.bids[b, 0, asked[b]]
            rounding = max(rounding, float(np.abs(torchs - ours).max()))
            served = torchs[np.argsort(-ours, kind="stable")]
            late = served[1:] - served[:-1]  # above 0 where torch would have served the later one first
            different += int((late > 0).sum())
            gap = max(gap, float(late.max(initial=0.0)))
    return Compared(made, different, gap, rounding)
