"""A world that starts in the middle: docs/world.md, section 9."""

from __future__ import annotations

from envs.events import NONE, EventKind
from envs.scenario import Scenario
from envs.state.snapshot import Snapshot
from envs.workloads.instance import Instance
from tests.reference.candidates import open_epoch
from tests.reference.clock import integrate, notice_slow
from tests.reference.draws import What, exponential
from tests.reference.execution import become_ready, break_down, complete, end, leave_ready, recover, start, submit
from tests.reference.state import Reservation, Seen, State, Status, Task
from tests.reference.twin import Output, Twin


class Impossible(Exception):
    """An event that cannot happen after those before it; it carries the event's number."""


def restore(scenario: Scenario, instance: Instance, snapshot: Snapshot) -> tuple[Twin, Output]:
    """Return a twin that stands where the snapshot does, and what it shows."""
    twin = Twin(scenario, instance, snapshot.seed)
    state = twin.state
    history = list(zip(*(column.tolist() for column in snapshot.events), strict=True))
    _remember(state, snapshot)
    for number, (time, kind, agent, job, task, _) in enumerate(history):
        integrate(state, time)
        notice_slow(state)
        if not _happens(state, EventKind(kind), agent, job, task):
            raise Impossible(number)
    integrate(state, max(snapshot.time, state.now))
    notice_slow(state)
    _leave_the_past(state)
    state.events = history
    for agent, active, balance in zip(state.agents, snapshot.active, snapshot.balance.tolist(), strict=True):
        agent.active, agent.balance = bool(active) and agent.up, balance
    held = zip(
        snapshot.reserved_by.tolist(), snapshot.reserved_task.tolist(), snapshot.reserved_start.tolist(), strict=True
    )
    state.reservations = [Reservation(*each) for each in held]
    state.rounds, state.price, twin.steps = snapshot.round, snapshot.price, snapshot.steps
    if twin.steps:
        state.own_cost, state.team_cost = [0.0] * state.num_agents, 0.0
    if snapshot.round == NONE:
        open_epoch(state)
    out = twin.go_on()
    return twin, out if snapshot.picks is None else twin.step(snapshot.picks, {})


def _remember(state: State, snapshot: Snapshot) -> None:
    """Know what was known before the episode began."""
    for task, attempts in zip(
        state.tasks, [0] * len(state.tasks) if snapshot.attempts is None else snapshot.attempts.tolist(), strict=True
    ):
        task.starts = task.failures = attempts
    for t, task in enumerate(state.tasks):
        task.progress = 0.0 if snapshot.progress is None else float(snapshot.progress[t])
        task.earliest = 0.0 if snapshot.earliest is None else float(snapshot.earliest[t])
    if snapshot.beliefs is None:
        return
    for agent, row in zip(state.agents, snapshot.beliefs, strict=True):
        for kind, known in enumerate(row):
            agent.seen[kind] = Seen(int(known["count"]), float(known["mean"]), float(known["m2"]))


def _happens(state: State, kind: EventKind, a: int, j: int, t: int) -> bool:
    """Let an event happen now; False where it cannot."""
    match kind:
        case EventKind.TASK_SUBMISSION:
            possible = j == state.arrived
            if possible:
                submit(state)
            return possible
        case EventKind.TASK_START:
            task = state.tasks[t]
            possible = (
                task.status is Status.READY
                and a in task.fact.options
                and state.agents[a].up
                and _has_room(state, a, task)
            )
            if possible:
                start(state, a, task)
            return possible
        case EventKind.TASK_END if a == NONE:
            task = state.tasks[t]
            possible = task.status is Status.READY
            if possible:
                leave_ready(state, task)
                complete(state, task)
            return possible
        case EventKind.TASK_END | EventKind.TASK_FAILED:
            return _end_attempt(state, state.tasks[t], a, kind is EventKind.TASK_FAILED)
        case EventKind.TASK_READY:
            if state.tasks[t].status is Status.RETRYING:
                state.tasks[t].earliest = state.now
                become_ready(state, state.tasks[t])
        case EventKind.AGENT_DOWN | EventKind.AGENT_UP:
            possible = state.agents[a].up is (kind is EventKind.AGENT_DOWN)
            if possible:
                (break_down if state.agents[a].up else recover)(state, a)
            return possible
    return True


def _has_room(state: State, a: int, task: Task) -> bool:
    free = [state.free_shared[r] if shared else state.agents[a].free[r] for r, shared in enumerate(state.facts.shared)]
    return all(demand <= units for demand, units in zip(task.fact.demand, free, strict=True))


def _end_attempt(state: State, task: Task, a: int, fails: bool) -> bool:
    if task.status is not Status.RUNNING or task.agent != a:
        return False
    if not fails and (task.will_fail or task.ends != state.now):
        task.full = (state.now - task.began) / (1.0 - task.progress)
    task.will_fail = fails
    end(state, task)
    return True


def _leave_the_past(state: State) -> None:
    for task in state.running():
        if task.ends < state.now:
            task.ends = max(task.expected_end, state.now)
            task.full = (task.ends - task.began) / (1.0 - task.progress)
    for task in state.tasks:
        if task.status is Status.RETRYING:
            task.retry_time = max(task.retry_time, state.now)
    uncertainty = state.scenario.uncertainty
    for a, agent in enumerate(state.agents):
        if agent.next_change < state.now:
            mean, what = (
                (uncertainty.mean_time_between_failures, What.BREAKDOWN)
                if agent.up
                else (uncertainty.mean_time_to_repair, What.REPAIR)
            )
            agent.next_change = state.now + exponential(mean, state.seed, what, a, agent.breakdowns)
