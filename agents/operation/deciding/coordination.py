"""Who needs what, who bids how much, who gets it: one instant of several agents over shared units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.operation.site.problems import Problem, SituationError, shown
from agents.operation.site.situation import Part, Situation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.operation.deciding.decision import Decision, DecisionEngine


class Need(Part):
    """What the tasks that are ready would take of a shared resource."""

    resource: str
    wanted: int
    free: int
    granted: int


class Turn(Part):
    """What came of one agent."""

    agent: str
    starts: list[str]
    """``JOB/TASK``."""
    bids: dict[str, float]
    """By task, where units were contested."""
    units: dict[str, int]
    """Granted, by shared resource."""
    waits_for: list[str]


class Coordination(Part):
    """What agents agreed on; all saw the same situation."""

    time: float
    needs: list[Need]
    turns: list[Turn]
    price: float


class AutonomousCoordinator:
    """Has agents agree on who does what, by the bids of a policy."""

    def __init__(self, engine: DecisionEngine) -> None:
        """Take the engine that decides."""
        self.engine = engine

    def coordinate_actions(self, agents: Sequence[str], context: Situation) -> Coordination:
        """Return what came of the agents that are named, none for all; all others take part as well.

        Raises:
            SituationError: an agent does not exist.
        """
        known = [agent.name for agent in context.agents]
        for k, name in enumerate(agents):
            if name not in known:
                raise SituationError(
                    [Problem("unknown_agent", f"agents[{k}]", shown(name), "the name of an agent that exists")]
                )
        decision = self.engine.decide(context)
        return Coordination(
            time=context.time,
            needs=_needs(context, decision),
            turns=[_turn(name, decision) for name in agents or known],
            price=decision.price,
        )


def _needs(s: Situation, decision: Decision) -> list[Need]:
    wanted = dict.fromkeys(decision.analysis.state.free, 0)
    for job in s.jobs:
        states = {task.name: task.state for task in job.tasks}
        here = job.release <= s.time if job.arrived is None else job.arrived
        for task in job.tasks if here else ():
            delayed = task.earliest is not None and task.earliest > s.time
            if task.state == "waiting" and not delayed and all(states[name] == "done" for name in task.predecessors):
                for name, units in task.demands.items():
                    if name in wanted:
                        wanted[name] += units
    granted = dict.fromkeys(wanted, 0)
    for grant in decision.grants:
        granted[grant.resource] += grant.units
    free = decision.analysis.state.free
    return [Need(resource=name, wanted=units, free=free[name], granted=granted[name]) for name, units in wanted.items()]


def _turn(agent: str, decision: Decision) -> Turn:
    mine = [start for start in decision.starts if start.agent == agent]
    units: dict[str, int] = {}
    for grant in decision.grants:
        if grant.agent == agent:
            units[grant.resource] = units.get(grant.resource, 0) + grant.units
    return Turn(
        agent=agent,
        starts=[f"{start.job}/{start.task}" for start in mine],
        bids={f"{start.job}/{start.task}": start.bid for start in mine if start.bid is not None},
        units=units,
        waits_for=[f"{kept.job}/{kept.task}" for kept in decision.reservations if kept.agent == agent],
    )
