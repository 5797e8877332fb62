"""Who may run a task, and how long that takes there by the user's estimates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from agents.operation.site.situation import Agent, Duration, Quantiles, Situation, Task

MANY: Final = 2**31
MOST_EXPONENT: Final = 700.0
"""Beyond it the mean of quantiles is no number; the checks refuse it long before."""
Z90: Final = 1.2815515655446004
"""90 % of a normal distribution lie below its mean plus this many standard deviations."""


class Options:
    """Looks up what agents have and how fast they are, once for all tasks of a situation."""

    def __init__(self, situation: Situation) -> None:
        """Take a situation, whose names may still be wrong."""
        own = {resource.name: resource.capacity or 0 for resource in situation.resources if not resource.shared}
        self.agents: dict[str, Agent] = {agent.name: agent for agent in situation.agents}
        self.number: dict[str, int] = {agent.name: a for a, agent in enumerate(situation.agents)}
        self.own: dict[str, Mapping[str, int]] = {agent.name: {**own, **agent.capacities} for agent in situation.agents}
        """Own units, by agent and resource."""
        self.shared = {resource.name: resource.capacity or 0 for resource in situation.resources if resource.shared}
        self.resources = {resource.name for resource in situation.resources}
        self._speeds = {agent.name: agent.speeds for agent in situation.agents if agent.speeds}
        self._found: dict[int, dict[str, float]] = {}
        self._fitting: dict[tuple[tuple[str, int], ...], list[str]] = {}
        """Agents that have the units, by what is demanded: many tasks demand the same."""

    def lacks(self, task: Task, agent: str) -> str | None:
        """Return a resource of which an agent has not the units that a task demands, or None."""
        own = self.own[agent]
        for name, units in task.demands.items():
            if units > self.shared.get(name, own.get(name, 0)):
                return name
        return None

    def units(self, agent: str, resource: str) -> int:
        """Return all units that an agent's tasks may hold at once; of a resource that is none: tasks at once."""
        if resource in self.shared:
            return self.shared[resource]
        limit = self.agents[agent].at_once
        return self.own[agent].get(resource, MANY if limit is None else limit)

    def of(self, task: Task) -> dict[str, float]:
        """Return seconds by agent, for all that may run it; agents and resources that do not exist are passed over."""
        found = self._found.get(id(task))  # tasks live as long as their situation, which keeps this
        if found is None:
            found = self._found[id(task)] = self._find(task)
        return found

    def _find(self, task: Task) -> dict[str, float]:
        names = self._fit(task) if task.eligible is None else task.eligible
        if task.pinned is not None:
            names = [task.pinned] if task.pinned in names else []
        if isinstance(task.eligible, dict):
            return {name: mean_of(task.eligible[name]) for name in names if name in self.agents}
        if task.duration is None:
            return {}
        duration, kind = mean_of(task.duration), task.kind
        found = dict.fromkeys(names, duration)
        if not found.keys() <= self.agents.keys():
            found = {name: duration for name in found if name in self.agents}
        for name in found.keys() & self._speeds.keys() if self._speeds else ():
            found[name] = duration / self._speeds[name].get(kind, 1.0)
        return found

    def _fit(self, task: Task) -> list[str]:
        """Agents that have the units that a task demands."""
        demands = tuple(task.demands.items())
        found = self._fitting.get(demands)
        if found is None:
            found = [name for name in self.agents if self.lacks(task, name) is None]
            self._fitting[demands] = found
        return found


def mean_of(duration: Duration) -> float:
    """Return the mean of an estimate, seconds; of quantiles, that of the lognormal distribution through the median."""
    if type(duration) is float:  # isinstance of a part takes longer than all the rest
        return duration
    if isinstance(duration, Quantiles):
        return duration.p50 * math.exp(min(0.5 * sigma_of(duration) ** 2, MOST_EXPONENT))
    return float(duration)


def sigma_of(duration: Quantiles) -> float:
    """Return the standard deviation of the logarithm."""
    return math.log(duration.p90 / duration.p10) / (2 * Z90)
