"""Where a world stands in the middle of an episode, as data: what happened, and what no event tells."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.engine import layout
from envs.engine.codes import Phase
from envs.engine.compiled import Record
from envs.engine.layout import Records
from envs.events import NONE, EventKind, EventLog
from envs.scenario import Scenario
from envs.workloads.instance import Instance

MOST_ATTEMPTS: Final = 2**14
"""Of a task before the first event."""
_NAMES_TASK: Final = (EventKind.TASK_READY, EventKind.TASK_START, EventKind.TASK_END, EventKind.TASK_FAILED)
_NAMES_AGENT: Final = (
    EventKind.TASK_START,
    EventKind.TASK_END,
    EventKind.TASK_FAILED,
    EventKind.AGENT_DOWN,
    EventKind.AGENT_UP,
)


class SnapshotError(ValueError):
    """A snapshot that no episode can have led to; the message names the field or the event, and what is wrong with it."""


class Snapshot(NamedTuple):
    """A world that waits for decisions. A agents, N events, R reservations."""

    seed: int
    """Of the episode: what was drawn for times that are still to come."""
    time: float
    """Now, seconds."""
    events: EventLog
    """[N] so far. TASK_SUBMISSION, _START, _END, _FAILED, AGENT_DOWN and _UP say what happened, and TASK_READY that the delay after
    a failure is over; all others follow from these and may be left out. A TASK_END by no agent: it was done, nobody knows how."""
    active: NDArray[np.bool_]
    """[A] may still pick at this instant."""
    balance: NDArray[np.float64]
    """[A] credits."""
    reserved_by: NDArray[np.int32]
    """[R] agents of the standing reservations, in their order."""
    reserved_task: NDArray[np.int32]
    """[R]."""
    reserved_start: NDArray[np.float64]
    """[R] expected starts, seconds."""
    round: int = 0
    """Rounds of this epoch so far. NONE: it is yet to open, everybody may pick, and reservations that hold until their task starts are
    taken up again."""
    price: float = 0.0
    """Running mean of the highest bids."""
    steps: int = 0
    """Rounds of the episode in which somebody had a choice, up to the last prioritization."""
    picks: NDArray[np.int32] | None = None
    """[A] actions of the prioritizers, where it is the negotiators' turn."""
    beliefs: Records | None = None
    """[A, kinds] layout.BELIEF: count, mean, m2 and failures of what agents had seen before the first event; None: nothing."""
    attempts: NDArray[np.int32] | None = None
    """[T] how often each task had failed before the first event; None: never."""
    progress: NDArray[np.float64] | None = None
    """[T] share of each task's work, in [0, 1), that was done and kept before the first event; None: nothing."""
    earliest: NDArray[np.float64] | None = None
    """[T] seconds, before which each task does not become READY, such as the end of a delay after a failure; None: whenever it can."""

    @classmethod
    def of(cls, scenario: Scenario, agents: int, events: EventLog, time: float, seed: int = 0) -> Snapshot:
        """Return the beginning of an instant: everybody may pick, nothing is reserved, all credits are there."""
        everybody, nothing = np.ones(agents, np.bool_), np.zeros(0, np.int32)
        balance = np.full(agents, scenario.negotiation.credits)
        return cls(seed, time, events, everybody, balance, nothing, nothing, np.zeros(0))


def snapshot_of(world: Record, agents: Records, reservations: Records, log: EventLog, no_op: int) -> Snapshot:
    """Return where a world stands by its own records: WORLD, AGENT [A] and the standing RESERVATIONs; ``no_op`` is action K."""
    picked = world["phase"] == Phase.NEGOTIATE and bool(agents["acts"].any())  # otherwise the round was played unasked
    picks = np.where(agents["passes"], no_op, agents["place"]).astype(np.int32) if picked else None
    return Snapshot(
        seed=int(world["seed"]),
        time=float(world["time"]),
        events=log,
        active=agents["active"].copy(),
        balance=agents["balance"].copy(),
        reserved_by=reservations["agent"].copy(),
        reserved_task=reservations["task"].copy(),
        reserved_start=reservations["start"].copy(),
        round=int(world["round"]),
        price=float(world["price"]),
        steps=int(world["steps"]) - int(picked),
        picks=picks,
    )


def events_of(snapshot: Snapshot) -> Records:
    """Pack the events, as the kernels read them."""
    records = np.zeros(len(snapshot.events.time), layout.EVENT)
    for name in EventLog._fields:
        records[name] = getattr(snapshot.events, name)
    return records


def packed(
    snapshot: Snapshot, instance: Instance
) -> tuple[
    Records,
    Records,
    Records,
    NDArray[np.int32],
    NDArray[np.float64],
    NDArray[np.float64],
    NDArray[np.float64],
]:
    """Pack all but the events, as ``restore_world`` takes it: moment, reservations, beliefs, attempts, progress, earliest, numbers."""
    moment = np.zeros(len(snapshot.active), layout.MOMENT)
    moment["active"], moment["balance"] = snapshot.active, snapshot.balance
    held = np.zeros(len(snapshot.reserved_by), layout.RESERVATION)
    held["agent"], held["task"], held["start"] = snapshot.reserved_by, snapshot.reserved_task, snapshot.reserved_start
    beliefs = np.zeros(instance.speed.shape, layout.BELIEF) if snapshot.beliefs is None else snapshot.beliefs
    attempts = (
        np.zeros(instance.num_tasks, np.int32)
        if snapshot.attempts is None
        else np.ascontiguousarray(snapshot.attempts, np.int32)
    )
    progress, earliest = (
        np.zeros(instance.num_tasks) if each is None else np.ascontiguousarray(each, np.float64)
        for each in (snapshot.progress, snapshot.earliest)
    )
    numbers = np.array([snapshot.round, snapshot.price, snapshot.steps], np.float64)
    return moment, held, beliefs, attempts, progress, earliest, numbers


def check_snapshot(snapshot: Snapshot, instance: Instance, agents: int, max_time: float) -> None:
    """Raise SnapshotError where an index, a time or a length of a snapshot is out of range: then no kernel may follow it."""
    events = snapshot.events
    count = len(events.time)
    for name in EventLog._fields:
        if np.shape(getattr(events, name)) != (count,):
            raise SnapshotError(
                f"events.{name} has shape {np.shape(getattr(events, name))}, must be ({count},), as events.time has"
            )
    if not (np.isfinite(events.time).all() and (np.diff(events.time) >= 0).all()):
        raise SnapshotError("events.time must be finite and ascend")
    if not np.isfinite(snapshot.time) or (count and snapshot.time < events.time[-1]):
        raise SnapshotError(f"time is {snapshot.time}, must be finite and not before the last event")
    if snapshot.time > max_time:
        raise SnapshotError(f"time is {snapshot.time}, must be at most limits.max_time, {max_time:g}")
    task, agent = np.asarray(events.task), np.asarray(events.agent)
    agent = np.where(
        (events.kind == EventKind.TASK_END) & (agent == NONE), 0, agent
    )  # it was done before anybody looked
    for what, index, most, kinds in (
        ("task", task, instance.num_tasks, _NAMES_TASK),
        ("agent", agent, instance.num_agents, _NAMES_AGENT),
    ):
        wrong = np.isin(events.kind, kinds) & ((index < 0) | (index >= most))
        if wrong.any():
            k = int(wrong.argmax())
            raise SnapshotError(f"event {k} names {what} {index[k]}, must be in 0..{most - 1}")
    submitted = int((events.kind == EventKind.TASK_SUBMISSION).sum())
    if submitted < instance.num_jobs and instance.job_release[submitted] < snapshot.time:
        raise SnapshotError(
            f"job {submitted} was released at {instance.job_release[submitted]:g} s, before now, and no event submits it"
        )
    for name in ("active", "balance"):
        if np.shape(getattr(snapshot, name)) != (agents,):
            raise SnapshotError(f"{name} has shape {np.shape(getattr(snapshot, name))}, must be ({agents},)")
    if not np.isfinite(snapshot.balance).all() or not np.isfinite(snapshot.price):
        raise SnapshotError("balance and price must be finite")
    if snapshot.attempts is not None and (
        np.shape(snapshot.attempts) != (instance.num_tasks,)
        or not ((snapshot.attempts >= 0) & (snapshot.attempts < MOST_ATTEMPTS)).all()
    ):
        raise SnapshotError(f"attempts must be ({instance.num_tasks},), one number in 0..{MOST_ATTEMPTS - 1} per task")
    for name, least, below, said in (
        ("progress", 0.0, 1.0, "shares in [0, 1)"),
        ("earliest", -np.inf, np.inf, "finite times"),
    ):
        value = getattr(snapshot, name)
        shaped = value is None or np.shape(value) == (instance.num_tasks,)
        if not shaped or (value is not None and not ((value >= least) & (value < below) & np.isfinite(value)).all()):
            raise SnapshotError(f"{name} must be ({instance.num_tasks},) {said}")
    known = snapshot.beliefs
    if known is not None:
        if known.dtype != layout.BELIEF or known.shape != instance.speed.shape:
            raise SnapshotError(f"beliefs must be {instance.speed.shape} records of layout.BELIEF")
        if not (
            np.isfinite(known["mean"]).all()
            and np.isfinite(known["m2"]).all()
            and (known["m2"] >= 0).all()
            and (known["count"] >= 0).all()
        ):
            raise SnapshotError("beliefs must have finite means, and m2 and counts that are not negative")
    for k, (t, a) in enumerate(zip(snapshot.reserved_task.tolist(), snapshot.reserved_by.tolist(), strict=True)):
        exists = 0 <= t < instance.num_tasks
        may = exists and a in instance.option_agent[instance.option_first[t] : instance.option_first[t + 1]]
        if not may or not np.isfinite(snapshot.reserved_start[k]):
            raise SnapshotError(
                f"reservation {k} is of task {t} at agent {a}, which has no such option, or has no start"
            )


def describe(events: EventLog, k: int) -> str:
    """An event in a few words."""
    names = [
        f"{name} {int(getattr(events, name)[k])}"
        for name in ("agent", "job", "task")
        if getattr(events, name)[k] != NONE
    ]
    return f"{EventKind(int(events.kind[k])).name} at {events.time[k]:g} s of {', '.join(names) or 'nobody'}"
