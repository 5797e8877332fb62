"""Codes and sentinels of the engine."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np

NONE: Final = -1
"""No task, agent, option or slot."""
NO_BID: Final = -np.inf
NUM_TERMS: Final = 6
ROUTE_LENGTH: Final = 3


class Status(IntEnum):
    """Of a task. A PENDING task whose only open predecessor runs is called soon."""

    PENDING = 0
    READY = 1
    RUNNING = 2
    RETRYING = 3
    DONE = 4
    ABANDONED = 5


class Phase(IntEnum):
    """Of a world: which role decides next."""

    PRIORITISE = 0
    NEGOTIATE = 1
    OVER = 2


class Term(IntEnum):
    """Cost terms, in the order of ``Outputs.terms``."""

    FLOW = 0
    TARDINESS = 1
    SLOWDOWN = 2
    MAKESPAN = 3
    LEASE = 4
    ABANDONMENT = 5


class Trouble(IntEnum):
    """Why a kernel came back early."""

    NONE = 0
    LOG_FULL = 1
    ILLEGAL = 2
    STUCK = 3
