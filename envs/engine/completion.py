"""Plays worlds to their ends by ranked tasks, without showing anything to anybody: completions for thousands of decisions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.engine.codes import Phase
from envs.engine.compiled import Record, entry, kernel
from envs.engine.layout import Records
from envs.engine.memory import agent_of, option_of, shown_of
from envs.engine.tick import proceed

_PRIORITISE, _OVER = int(Phase.PRIORITISE), int(Phase.OVER)


@kernel
def _pick(w: Record, a: int, place: int) -> None:
    agent = agent_of(w, a)
    agent.passes = place == w.room
    if not agent.passes:
        agent.pick, agent.pick_start, agent.place = shown_of(w, a, place).option, shown_of(w, a, place).startable, place


@kernel
def _pick_best(w: Record, b: int, a: int, scores: NDArray[np.float32]) -> None:
    best = 0
    for k in range(1, agent_of(w, a).shown):
        if (
            scores[b, option_of(w, shown_of(w, a, k).option).task]
            > scores[b, option_of(w, shown_of(w, a, best).option).task]
        ):
            best = k
    _pick(w, a, best)


@entry
def complete(
    worlds: Records, count: int, picks: NDArray[np.int32], scores: NDArray[np.float32], costs: NDArray[np.float64]
) -> bool:
    """Play the first ``count`` worlds to their ends, from a round in which prioritizers are asked.

    Args:
        worlds: [B] WORLD.
        count: n.
        picks: [n, A] of that round; whoever is asked later picks its candidate with the largest score.
        scores: [n, T] of the tasks; nobody passes, and all bids are equal.
        costs: [n] receives what the team pays from here on.

    Returns:
        Whether all came to their ends.
    """
    for b in range(count):
        w = worlds[b]
        first = True
        w.spent = 0.0
        while w.phase != _OVER:
            for a in range(w.num_agents):
                agent = agent_of(w, a)
                if w.phase == _PRIORITISE and agent.acts:
                    if first:
                        _pick(w, a, picks[b, a])
                    else:
                        _pick_best(w, b, a, scores)
                elif w.phase != _PRIORITISE and agent.bids:
                    agent.bid = 0.0
            if w.phase == _PRIORITISE:
                w.dealt = True
            else:
                w.bidden = True
            first = False
            proceed(w)
            if w.trouble != 0:
                return False
        costs[b] = w.spent
    return True
