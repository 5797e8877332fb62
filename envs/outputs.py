"""What a World shows and pays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.allocate import State


class Outputs(NamedTuple):
    """What the last ``reset`` or ``step`` of a World left behind: the same buffers every time; copy what you keep."""

    phase: NDArray[np.int8]
    """[B] Phase: the role that decides next, or OVER."""
    acting: NDArray[np.bool_]
    """[B, A] seats of that role that have a choice."""
    candidates: NDArray[np.float32]
    """[B, A, K, NUM_CANDIDATE]."""
    context: NDArray[np.float32]
    """[B, A, NUM_CONTEXT]."""
    mask: NDArray[np.bool_]
    """[B, A, K+1]; action K is the no-op, or pass."""
    negotiation: NDArray[np.float32]
    """[B, A, NUM_NEGOTIATION]."""
    task: NDArray[np.int32]
    """[B, A, K] task shown as candidate; NONE behind the last."""
    reward: NDArray[np.float64]
    """[B, A] since the last step."""
    own_cost: NDArray[np.float64]
    """[B, A]."""
    team_cost: NDArray[np.float64]
    """[B]."""
    terms: NDArray[np.float64]
    """[B, NUM_TERMS] unweighted totals of the episode, in the order of Term."""
    time: NDArray[np.float64]
    """[B] seconds."""
    terminated: NDArray[np.bool_]
    """[B]."""
    truncated: NDArray[np.bool_]
    """[B]."""
    instance: NDArray[np.int32]
    """[B] index into ``World.instances``."""
    seed: NDArray[np.uint64]
    """[B] of the episode."""
    entry: NDArray[np.int32]
    """[B] entry of the schedule that is being played."""
    steps: NDArray[np.int64]
    """[B] rounds of this episode in which somebody had a choice."""


def outputs_of(state: State) -> Outputs:
    """Name the views of the state that are a World's outputs."""
    world, agents = state.world, state.agents
    own = {
        "acting": agents["acting"],
        "reward": agents["reward"],
        "own_cost": agents["own_cost"],
        "candidates": state.candidates,
        "context": state.contexts,
        "mask": state.masks,
        "negotiation": state.negotiations,
        "task": state.shown["task"],
    }
    return Outputs(**{name: own[name] if name in own else world[name] for name in Outputs._fields})
