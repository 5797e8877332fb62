"""Pictures of what plays: how the best policies so far schedule and bid in the first episode of the evaluation, for TensorBoard."""

from __future__ import annotations

import time
from typing import Final

from stable_baselines3.common.logger import Logger

from agents.evaluation.play import Episodes, record
from agents.learning.logging import show
from agents.protocols import Negotiator, Prioritizer
from envs.events import EventKind
from envs.render import frame
from envs.render.bids import bids
from envs.scenario import Scenario

SHARE: Final = 0.01
"""Of the time of learning that pictures may take."""
FIRST: Final = 1.0
"""Seconds that the first ones are expected to take."""


class Pictures:
    """Draws where there is time for it."""

    def __init__(self, scenario: Scenario, episodes: Episodes, share: float = SHARE) -> None:
        """Draw the first of these episodes."""
        self._scenario, self._share = scenario, share
        self._instance, self._seed = episodes.instances[episodes.instance[0]], int(episodes.seeds[0])
        self._spent, self._last = 0.0, FIRST

    def draw(self, logger: Logger, prioritizer: Prioritizer, negotiator: Negotiator, step: int, learned: float) -> None:
        """Give pictures to TensorBoard, unless they would take more than their share of the seconds of learning."""
        if self._spent + self._last > self._share * learned:
            return
        began = time.perf_counter()
        log = record(self._scenario, self._instance, self._seed, prioritizer, negotiator)
        show(logger, "evaluate/schedule", frame(self._instance, log), step)
        if (log.kind == EventKind.RESOURCE_REQUEST).any():
            show(logger, "evaluate/bids", bids(self._instance, log), step)
        self._last = time.perf_counter() - began
        self._spent += self._last
