"""The seats of the world as PettingZoo's agents: their names, spaces, and which of their actions are legal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import index
from typing import Any, Final, TypeVar

import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, Space
from numpy.typing import NDArray

from envs.columns import CLIP, NUM_CANDIDATE, NUM_CONTEST, NUM_CONTEXT, RAW_CANDIDATE, RAW_CONTEXT

LOWEST_BID: Final = 0
"""What a negotiator says whose action is illegal."""
ILLEGAL: Final = ("count", "raise")
"""What may be done about an illegal action."""

Number = TypeVar("Number", np.float32, np.int8)
Bounds = tuple[NDArray[np.float32], NDArray[np.float32]]


def bounds(columns: int, raw: Sequence[int]) -> Bounds:
    """Return the least and the largest value [columns]: raw columns are >= 0 and have no end."""
    low, high = np.full(columns, -CLIP, np.float32), np.full(columns, CLIP, np.float32)
    low[list(raw)], high[list(raw)] = 0.0, np.inf
    return low, high


CANDIDATE_BOUNDS: Final = bounds(NUM_CANDIDATE, RAW_CANDIDATE)
CONTEXT_BOUNDS: Final = bounds(NUM_CONTEXT, RAW_CONTEXT)
CONTEST_BOUNDS: Final = bounds(NUM_CONTEST, ())


def box(*parts: Bounds) -> Box:
    """Return the space of a vector that holds ``parts`` one after the other."""
    low, high = (np.concatenate(side) for side in zip(*parts, strict=True))
    return Box(low, high, dtype=np.float32)


def prioritizer_space(candidates: int, flat: bool) -> Space[Any]:
    """What a prioritizer sees, without the mask: {'candidates': [K, F], 'context': [C]}; flat: [K F + C]."""
    if flat:
        return box(*[CANDIDATE_BOUNDS] * candidates, CONTEXT_BOUNDS)
    low, high = (np.tile(side, (candidates, 1)) for side in CANDIDATE_BOUNDS)
    return Dict({"candidates": Box(low, high, dtype=np.float32), "context": box(CONTEXT_BOUNDS)})


def negotiator_space(flat: bool) -> Space[Any]:
    """What a negotiator sees, without the mask: {'pick': [F], 'context': [C], 'contest': [D]}; flat: [G], one after the other."""
    if flat:
        return box(CANDIDATE_BOUNDS, CONTEXT_BOUNDS, CONTEST_BOUNDS)
    return Dict({"pick": box(CANDIDATE_BOUNDS), "context": box(CONTEXT_BOUNDS), "contest": box(CONTEST_BOUNDS)})


def common(vectors: Sequence[Space[Any]]) -> Box:
    """The space of a vector that can hold each of these, with zeros behind the shorter ones."""
    boxes = [space for space in vectors if isinstance(space, Box)]
    width = max(len(space.low) for space in boxes)
    low = np.min([np.pad(space.low, (0, width - len(space.low))) for space in boxes], axis=0)
    high = np.max([np.pad(space.high, (0, width - len(space.high))) for space in boxes], axis=0)
    return Box(low, high, dtype=np.float32)


def widened(rows: NDArray[Number], width: int) -> NDArray[Number]:
    """Copy rows [N, n] to [N, width], with zeros behind them."""
    wide = np.zeros((len(rows), width), rows.dtype)
    wide[:, : rows.shape[1]] = rows
    return wide


def masked(space: Space[Any], actions: int) -> Dict:
    """Add the mask over ``actions`` to what a seat sees."""
    return Dict({"observation": space, "action_mask": Box(0, 1, (actions,), np.int8)})


class Role:
    """The seats of one role, one per agent. The last of their ``actions`` is the no-op."""

    def __init__(self, name: str, agents: int, actions: int, illegal: int, forbids: bool, width: int) -> None:
        """Name the seats, whose space has ``width`` actions: those behind the no-op are never legal.

        ``illegal`` is what the world is told in place of an illegal action, unless the role ``forbids`` these.
        """
        self.seats = [f"{name}_{a}" for a in range(agents)]
        self.actions = actions
        self.width = width
        self.illegal = illegal
        self.forbids = forbids
        self.action_spaces = {seat: Discrete(width) for seat in self.seats}
        self._legal = self._only_waits = bytes([*[0] * (actions - 1), 1] * agents)
        self._names = frozenset(self.seats)

    def allow(self, mask: NDArray[np.int8]) -> None:
        """Say which actions are legal next, [agents, actions]."""
        self._legal = mask.tobytes()  # looking a byte up is many times faster than indexing an array

    def take(self, actions: Mapping[str, Any], chosen: NDArray[Any], offences: dict[str, int]) -> None:
        """Write what the seats of the instance do to ``chosen`` [its agents], counting everybody's illegal actions in ``offences``.

        Raises:
            ValueError: an action is illegal, where the role forbids that.
        """
        if self._legal == self._only_waits and self._names.isdisjoint(actions):
            return  # the world does not ask this role
        width, legal = self.actions, self._legal
        here, waits = len(chosen), width - 1
        for a, seat in enumerate(self.seats):
            action = actions.get(seat, waits)
            if type(action) is not int:
                action = as_index(action)
            if not (0 <= action < width and legal[a * width + action]):
                if self.forbids:
                    mask = np.frombuffer(legal, np.bool_)[a * width : (a + 1) * width]
                    raise ValueError(illegal_action(f"{seat}: action", actions[seat], mask))
                action = self.illegal
                offences[seat] += 1
            if a < here:
                chosen[a] = action


def illegal_action(what: str, action: Any, mask: NDArray[np.bool_]) -> str:
    """Say that an action is not among those of a mask, and how to play by masks."""
    legal = ", ".join(map(str, np.flatnonzero(mask)))
    return (
        f"{what} is {action!r}, must be legal, one of {legal}: choose among what the mask allows, as sb3-contrib's MaskablePPO does, "
        "or have illegal actions counted (illegal='count')"
    )


def as_index(action: Any) -> int:
    """Return an action as an integer; -1, which no seat may play, for what is none."""
    try:
        return index(action)
    except TypeError:
        return -1


def as_scale(reward_scale: Any) -> float:
    """Return what rewards are multiplied by; raise ValueError where that is no finite number."""
    if (
        isinstance(reward_scale, bool)
        or not isinstance(reward_scale, int | float | np.number)
        or not np.isfinite(reward_scale)
    ):
        raise ValueError(f"reward_scale is {reward_scale!r}, must be a finite number")
    return float(reward_scale)
