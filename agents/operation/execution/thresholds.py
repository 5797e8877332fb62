"""When the monitor of a run speaks up, and what its optimizer may do: defaults and bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass


class MonitorError(ValueError):
    """A threshold out of its bounds; the message names it, its value and what would be right."""


@dataclass(frozen=True)
class Thresholds:
    """When the monitor speaks up."""

    every: float = 1.0
    """Least seconds between two looks, and most where nothing happens."""
    metrics_every: float = 10.0
    """Seconds between two rounds of metrics."""
    straggler: float = 0.95
    """Chance, by what was seen of its agent and kind, with which a task would have been done by now."""
    late: float = 0.5
    """Chance to miss its due date from which on a job is told to be late."""
    starving: float = 20.0
    """How many times as long as all of its work takes a job waits while nothing of it runs."""
    overloaded: float = 4.0
    """Expected work that waits for an agent alone, as a multiple of the mean of all agents."""
    silent: float = 5.0
    """How many times as long as any of its running tasks should take an agent says nothing."""
    failing: float = 0.5
    """Share of failed attempts among the last ones of a kind, or of an agent."""
    attempts: int = 4
    """How many these are."""
    credits: float = 0.01
    """Share of the mean balance below which an agent's is exhausted."""
    forecast_every: float = 30.0
    """Seconds between two forecasts; where there is no planner there are none."""

    def __post_init__(self) -> None:
        """Raise MonitorError for a value out of bounds."""
        for name, low, high in (
            ("every", 0.01, math.inf),
            ("metrics_every", 0.0, math.inf),
            ("straggler", 0.5, 0.9999),
            ("late", 0.0, 1.0),
            ("starving", 0.0, math.inf),
            ("overloaded", 1.0, math.inf),
            ("silent", 1.0, math.inf),
            ("failing", 0.0, 1.0),
            ("attempts", 1, 10_000),
            ("credits", 0.0, 1.0),
            ("forecast_every", 0.0, math.inf),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise MonitorError(f"monitor.{name} is {value!r}, must be in {low:g}..{high:g}")


@dataclass(frozen=True)
class Means:
    """What the optimizer may do. On by default: what helps (``parley benchmark suite=optimizer``) and asks nothing of commands."""

    speculate: bool = False
    """Start a second copy of a straggler at an idle agent where that is expected to be done first. It helps; off all the same: who runs a
    command need not reckon with its running twice at a time."""
    move: bool = True
    """Give nothing to an agent whose last attempts failed, and what it runs to others, for a while."""
    reprioritise: bool = False
    """Have late and starving jobs count more. Not shown to be worth anything."""
    rest: float = 300.0
    """Seconds for which a failing agent is left alone."""
    factor: float = 4.0
    """How many times as much a job counts then."""

    def __post_init__(self) -> None:
        """Raise MonitorError for a value out of bounds."""
        for name, low in (("rest", 0.0), ("factor", 1.0)):
            if not low <= getattr(self, name) < math.inf:
                raise MonitorError(f"optimizer.{name} is {getattr(self, name)!r}, must be >= {low:g} and finite")


@dataclass(frozen=True)
class Adjusting:
    """What a run may tune by itself, and within which bounds."""

    adjusts: bool = True
    """False: everything stays as it was set."""
    every_least: float = 0.1
    """Least seconds between two looks of the monitor,"""
    every_most: float = 30.0
    """and most."""
    gather_most: float = 0.05
    """Most seconds to wait for further events before a decision; 0: never."""

    def __post_init__(self) -> None:
        """Raise MonitorError for a value out of bounds."""
        for name, low, high in (
            ("every_least", 0.01, 3600.0),
            ("every_most", self.every_least, 3600.0),
            ("gather_most", 0.0, 1.0),
        ):
            if not low <= getattr(self, name) <= high:
                raise MonitorError(f"adjusting.{name} is {getattr(self, name)!r}, must be in {low:g}..{high:g}")
