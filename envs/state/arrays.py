"""The state of a World as plain arrays: everything that it needs to go on exactly, addresses and event logs excepted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from envs.engine.allocate import State
from envs.engine.layout import SITE_ADDRESSES, WORLD_ADDRESSES
from envs.engine.pack import Sites

NOT_STATE: Final = ("log", "window", "ranked", "team")
"""Arrays of a World that hold nothing from one step to the next."""
SITE_FIELDS: Final = (*SITE_ADDRESSES, "num_tasks", "num_jobs", "num_agents", "num_resources")
"""What a world's record has from the instance that is played."""
OWN: Final = (
    *WORLD_ADDRESSES,
    *SITE_FIELDS,
    "max_agents",
    "max_resources",
    "max_kinds",
    "room",
    "log_room",
    "log_size",
)
"""Fields of a world's record that a state does not tell: addresses, and sizes of arrays."""
SCHEDULE: Final = ("seeds", "entries")
"""Arrays of a state that may have any length."""


def copy_arrays(state: State) -> dict[str, NDArray[Any]]:
    """Return a copy of the arrays that are state."""
    return {name: array.copy() for name, array in state._asdict().items() if name not in NOT_STATE}


def check_alike(state: Mapping[str, NDArray[Any]], own: Mapping[str, NDArray[Any]]) -> None:
    """Refuse a state whose arrays are not like a World's own.

    Raises:
        ValueError: one is missing, or of another shape or type.
    """
    for name, array in own.items():
        given = state.get(name)
        alike = isinstance(given, np.ndarray) and given.shape == array.shape and given.dtype == array.dtype
        if not alike and (given is None or name not in SCHEDULE):
            wrong = f"{given.dtype} {list(given.shape)}" if isinstance(given, np.ndarray) else "missing"
            raise ValueError(f"World.set_state: {name} is {wrong}, must be as in a World like this one")


def put_arrays(state: Mapping[str, NDArray[Any]], onto: State, sites: Sites) -> None:
    """Write a state onto arrays like its own; what it says of addresses and of sizes is not read."""
    for name, array in onto._asdict().items():
        if name != "world" and name not in NOT_STATE:
            array[...] = state[name]
    own = onto.world
    for name in own.dtype.names or ():
        if name not in OWN:
            own[name] = state["world"][name]
    for name in SITE_FIELDS:
        own[name] = sites.site[name][own["instance"]]
    own["log_size"] = 0
