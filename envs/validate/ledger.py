"""Who holds which units: local ones while a task runs, shared ones from ALLOCATION_UPDATE to RELEASE_NOTIFICATION."""

from __future__ import annotations

from collections.abc import Callable

from envs.scenario import Negotiation
from envs.workloads.instance import Instance

CREDIT_TOLERANCE = 1e-9


class Ledger:
    """Units, leases and credits of one episode."""

    def __init__(self, instance: Instance, negotiation: Negotiation, bad: Callable[[str], None]) -> None:
        self.instance, self.bad, self.credits = instance, bad, negotiation.credits
        self.shared, self.demand = instance.shared.tolist(), instance.task_demand
        self.free_shared, self.free_local = instance.shared_capacity.tolist(), instance.local_capacity.tolist()
        self.held: dict[int, tuple[int, float]] = {}
        """Per task: the agent that holds its shared units, and since when."""
        self.due: dict[int, float] = {}
        """Tasks that have stopped, and when: their leases are to be returned at once."""
        self.unit_seconds = [0.0] * instance.num_agents
        self.paid = [0.0] * instance.num_agents

    def units(self, task: int) -> int:
        """Shared units that the task demands, over all resources."""
        return sum(d for d, shared in zip(self.demand[task].tolist(), self.shared, strict=True) if shared)

    def take_local(self, agent: int, task: int) -> None:
        self._move(self.free_local[agent], task, False, 1)

    def return_local(self, agent: int, task: int, now: float) -> None:
        self._move(self.free_local[agent], task, False, -1)
        if task in self.held:
            self.due[task] = now

    def allocate(self, agent: int, task: int, now: float, paid: float) -> None:
        """Take the leases of a task that is about to start."""
        if not self.units(task):
            self.bad("the task demands no shared units")
        if task in self.held:
            self.bad(f"agent {self.held[task][0]} holds the task's leases already")
            return
        self.held[task] = (agent, now)
        self._move(self.free_shared, task, True, 1)
        balance = self.credits - self.paid[agent] + sum(self.paid) / len(self.paid)
        if not -CREDIT_TOLERANCE <= paid <= balance + CREDIT_TOLERANCE:
            self.bad(f"it pays {paid!r} credits of a balance of {balance!r}")
        self.paid[agent] += paid

    def release(self, agent: int, task: int, now: float) -> None:
        """Return the leases of a task that has just stopped."""
        stopped = self.due.pop(task, None)
        if task not in self.held:
            self.bad("nobody holds the task's leases")
            return
        holder, since = self.held.pop(task)
        if stopped != now:
            self.bad("the task has not stopped" if stopped is None else f"the task stopped at {stopped!r}")
        if holder != agent:
            self.bad(f"agent {holder} holds them")
        self.unit_seconds[holder] += self.units(task) * (now - since)
        self._move(self.free_shared, task, True, -1)

    def unit_seconds_until(self, end: float) -> list[float]:
        """[A] units x seconds that each agent has held, leases not yet returned included."""
        total = self.unit_seconds.copy()
        for task, (agent, since) in self.held.items():
            total[agent] += self.units(task) * (end - since)
        return total

    def _move(self, free: list[int], task: int, shared: bool, sign: int) -> None:
        for r, demand in enumerate(self.demand[task].tolist()):
            if demand and self.shared[r] == shared:
                free[r] -= sign * demand
                if free[r] < 0:
                    pool = "shared" if shared else "the agent's"
                    self.bad(f"{pool} {self.instance.resources[r]} is over its capacity by {-free[r]}")
