"""Pictures of what plays: how the best policies so far schedule and bid in the first episode of the evaluation, for TensorBoard."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from stable_baselines3.common.logger import Logger

from agents.learning.logging import show
from envs.events import EventKind, EventLog
from envs.render import frame
from envs.render.bids import bids
from envs.workloads.instance import Instance

SHARE: Final = 0.01
"""Of the time of learning that pictures may take."""
FIRST: Final = 1.0
"""Seconds that the first ones are expected to take."""


class Pictures:
    """Draws where there is time for it."""

    def __init__(self, share: float = SHARE) -> None:
        """Take the share of the time of learning that may be spent."""
        self._share = share
        self._spent, self._last = 0.0, FIRST

    def draw(self, logger: Logger, play: Callable[[], tuple[Instance, EventLog]], step: int, learned: float) -> None:
        """Give pictures of an episode to TensorBoard, unless they would take more than their share of the seconds of learning."""
        if self._spent + self._last > self._share * learned:
            return
        began = time.perf_counter()
        instance, log = play()
        show(logger, "evaluate/schedule", frame(instance, log), step)
        if (log.kind == EventKind.RESOURCE_REQUEST).any():
            show(logger, "evaluate/bids", bids(instance, log), step)
        self._last = time.perf_counter() - began
        self._spent += self._last
