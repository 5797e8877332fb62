"""An executor that runs nothing: tasks take, fail and are interrupted as the draws of a World say, in its own time."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from agents.operation.execution.executors import Attempt, Ended, Event, Flipped
from agents.operation.site.conversion import to_site
from agents.operation.site.situation import Situation
from envs.scenario import Uncertainty
from envs.validate import draws


class SimulatedExecutor:
    """Runs the tasks of a situation in simulated time.

    Durations, failures and breakdowns are the draws of :class:`envs.World` with the same seed, so that an execution in which the same is
    decided goes as an episode does. A World knows no second copy of a task, and nobody stops one there; here both are possible: a copy is
    another attempt with luck of its own. What a World has and this has not: progress that interrupted tasks keep.

    Args:
        situation: what is run; tasks have its numbers, agents its order.
        uncertainty: how durations vary, how often attempts fail and agents break down.
        seed: of the luck.
        ratio: [T] realised / estimated durations of tasks, beside that luck; 1 by default.
        factors: by which an agent is slower at a kind of task than everybody thinks.
        broken: agents at which every attempt fails, though they are up.
        outages: when agents go down and come up, in turn, instead of by luck; ascending.
    """

    def __init__(
        self,
        situation: Situation,
        uncertainty: Uncertainty | None = None,
        seed: int = 0,
        *,
        ratio: NDArray[np.float64] | None = None,
        factors: Mapping[tuple[str, str], float] | None = None,
        broken: Collection[str] = (),
        outages: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        self._u = uncertainty or Uncertainty()
        self._seed = seed
        site = to_site(situation)
        self._numbers = site.numbers
        self._ratio = np.ones(len(site.tasks)) if ratio is None else ratio
        self._factors = factors or {}
        self._broken = frozenset(broken)
        self._outages = {name: iter(times) for name, times in (outages or {}).items()}
        self._options = situation.options
        self._now = situation.time
        self._running: dict[str, tuple[float, Ended]] = {}
        """By name of attempt: when it ends, and how."""
        self._places = {agent.name: a for a, agent in enumerate(situation.agents)}
        self._up = {agent.name: agent.up for agent in situation.agents}
        self._breakdowns = dict.fromkeys(self._up, 0)
        self._flip = {name: self._next_flip(name) for name in self._up}

    def _next_flip(self, agent: str) -> float:
        """When an agent that has just come up breaks down, or one that has just broken down comes up."""
        if agent in self._outages:
            return next(self._outages[agent], math.inf)
        if math.isinf(self._u.mean_time_between_failures):
            return math.inf
        mean, what = (
            (self._u.mean_time_between_failures, draws.BREAKDOWN)
            if self._up[agent]
            else (self._u.mean_time_to_repair, draws.REPAIR)
        )
        place, count = self._places[agent], self._breakdowns[agent]
        return self._now + -mean * math.log(self._draw(what, place, count))

    def _draw(self, what: int, index: int, attempt: int) -> float:
        """A number between 0 and 1."""
        return float(draws.uniform(self._seed, what, np.array([index]), np.array([attempt]))[0])

    def now(self) -> float:
        """Return the simulated time."""
        return self._now

    def start(self, attempt: Attempt) -> None:
        """Draw how the attempt will end."""
        u, t = self._u, self._numbers[attempt.job, attempt.task.name]
        tried = attempt.number - 1
        nominal = self._options.of(attempt.task)[attempt.agent] * self._factors.get(
            (attempt.agent, attempt.task.kind), 1.0
        )
        length = nominal * float(self._ratio[t])
        if u.duration_sigma > 0:
            length *= float(draws.noise(self._seed, np.array([t]), np.array([tried]), u.duration_sigma)[0])
        fails = attempt.agent in self._broken or self._draw(draws.FAILS, t, tried) < u.failure_probability
        if fails:
            length *= self._draw(draws.FAILS_AT, t, tried)
        ends = self._now + length
        self._running[attempt.name] = ends, Ended(attempt, ends, not fails, "the draw says so" if fails else "")

    def stop(self, attempt: Attempt) -> None:
        """Forget the attempt."""
        self._running.pop(attempt.name, None)

    async def wait(self, until: float | None) -> list[Event]:
        """Go to the next instant at which something happens, or to ``until``."""
        soonest = min([*self._flip.values(), *(ends for ends, _ in self._running.values())], default=math.inf)
        if until is not None and until < soonest:
            self._now = max(self._now, until)
            return []
        if math.isinf(soonest):
            return []
        self._now = soonest
        ended = [ended for ends, ended in self._running.values() if ends == soonest]
        ended.sort(key=lambda each: each.attempt.place)
        for each in ended:
            del self._running[each.attempt.name]
        due = [agent for agent, at in self._flip.items() if at == soonest]
        flips = [self._turn(agent) for agent in sorted(due, key=lambda agent: self._up[agent])]
        return [*ended, *flips]

    def _turn(self, agent: str) -> Flipped:
        self._up[agent] = not self._up[agent]
        if not self._up[agent]:
            gone = [name for name, (_, each) in self._running.items() if each.attempt.agent == agent]
            for name in gone:
                del self._running[name]
        else:
            self._breakdowns[agent] += 1
        self._flip[agent] = self._next_flip(agent)
        return Flipped(agent, self._now, self._up[agent])

    def awaits_something(self) -> bool:
        """Whether an agent is down that will come up."""
        return any(not up and math.isfinite(self._flip[agent]) for agent, up in self._up.items())

    async def close(self) -> None:
        """Nothing is left to stop."""
        self._running.clear()
