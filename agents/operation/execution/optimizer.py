"""The optimizer: changes how a run goes while it goes. Each of its means can be switched; all it does is told with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from agents.operation.execution.monitor import Monitor
from agents.operation.execution.overseers import Action
from agents.operation.execution.run_state import RunState, TaskState
from agents.operation.execution.thresholds import Means
from agents.operation.messages.messages import Message


class Optimizer:
    """Acts on what a monitor sees; comes behind it among the overseers."""

    def __init__(self, monitor: Monitor, means: Means | None = None) -> None:
        """Take a monitor, and what may be done."""
        self._monitor, self._means = monitor, means or Means()
        self._rests: dict[str, float] = {}
        """Until when agents are avoided."""
        self._retired: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        """What was done how often."""

    def take(self, message: Message) -> None:
        """Hear nothing: the monitor does."""

    def close(self) -> None:
        """Nothing is open."""

    def next_look(self) -> float | None:
        """When an agent has rested."""
        return min(self._rests.values(), default=None)

    def look(self, state: RunState) -> tuple[Sequence[Message], Sequence[Action]]:
        """Return what is to be done."""
        actions = list(self._actions(state))
        self.done.update(action.what for action in actions)
        return (), actions

    def _actions(self, state: RunState) -> Iterator[Action]:
        for agent, until in list(self._rests.items()):
            innocent = not self._monitor.stands_out(agent)
            if until <= state.now or innocent:
                del self._rests[agent]
                reason = "tasks fail elsewhere, too" if innocent else "it has rested"
                yield Action(what="trust", agent=agent, reason=reason)
        if self._means.move:
            yield from self._move(state)
        if self._means.speculate:
            yield from self._copy(state)
        if self._means.reprioritise:
            yield from self._weigh(state)

    def _move(self, state: RunState) -> Iterator[Action]:
        """Leave failing agents alone, as long as somebody else is left."""
        for agent in self._monitor.failing_agents():
            failed = self._monitor.attempts_of(agent)
            left = [name for name, up in state.up.items() if up and name not in state.avoided and name != agent]
            if agent in self._rests or not left or failed == self._retired[agent]:
                continue  # the same failures count once
            self._retired[agent] = failed
            self._rests[agent] = state.now + self._means.rest
            reason = f"most of its last {self._monitor.thresholds.attempts} attempts failed"
            for task, run in state.running:
                if run.agent == agent:
                    yield Action(what="move", job=task.job, task=task.task.name, agent=agent, reason=reason)
            yield Action(what="avoid", agent=agent, reason=reason)

    def _copy(self, state: RunState) -> Iterator[Action]:
        """Copy stragglers to agents that nobody else needs."""
        late = [(task, past) for task, past, _ in self._monitor.stragglers(state) if len(task.runs) == 1]
        if not late:
            return
        idle = set(self._idle(state))
        free = self._free(state)
        for task, past in sorted(late, key=lambda each: -each[1]):
            chosen = self._place(state, task, past, idle, free)
            if chosen is not None:
                idle.discard(chosen)
                for name, units in task.task.demands.items():
                    free[name] = free.get(name, 0) - units
                yield Action(
                    what="copy",
                    job=task.job,
                    task=task.task.name,
                    agent=chosen,
                    reason=f"it runs for {past:.3g} s at {task.runs[0].agent}",
                )

    def _place(self, state: RunState, task: TaskState, past: float, idle: set[str], free: dict[str, int]) -> str | None:
        """Where a copy is expected to be done soonest, if that is before the original: that is not what was believed, and who runs
        for so long already goes on for as long again."""
        pace, may, kind = self._monitor.pace, state.first.options.of(task.task), task.task.kind
        shared = state.first.options.shared
        if any(units > free.get(name, 0) for name, units in task.task.demands.items() if name in shared):
            return None
        fits = {
            name: pace.expected(name, kind, may[name])
            for name in idle & may.keys()
            if state.first.options.lacks(task.task, name) is None
        }
        best = min(sorted(fits), key=fits.__getitem__, default=None)
        return best if best is not None and fits[best] < past else None

    @staticmethod
    def _idle(state: RunState) -> Iterator[str]:
        """Agents that run nothing, and for which nothing waits that could start."""
        busy = {run.agent for _, run in state.running}
        wanted: set[str] = set()
        for job in state.open_jobs:
            done = {task.task.name for task in state.of(job) if task.state == "done"}
            for task in state.of(job):
                if task.state == "waiting" and job in state.arrived and done.issuperset(task.task.predecessors):
                    wanted |= state.first.options.of(task.task).keys()
        for name, up in state.up.items():
            if up and name not in busy and name not in wanted and name not in state.avoided:
                yield name

    @staticmethod
    def _free(state: RunState) -> dict[str, int]:
        free = dict(state.first.options.shared)
        for task, _ in state.running:
            for name, units in task.task.demands.items():
                if name in free:
                    free[name] -= units
        return free

    def _weigh(self, state: RunState) -> Iterator[Action]:
        """Have jobs count more that the monitor worries about."""
        for alert in self._monitor.standing:
            job = alert.job
            if alert.alert in ("late", "starving") and job is not None and job not in state.weights:
                yield Action(what="weigh", job=job, factor=self._means.factor, reason=alert.alert)
