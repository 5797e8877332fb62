"""Makes the mutable arrays of B worlds, sized for the largest of their instances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.columns import NUM_CANDIDATE, NUM_CONTEXT, NUM_NEGOTIATION
from envs.engine import layout
from envs.engine.codes import NONE, Phase
from envs.engine.layout import Records
from envs.scenario import Scenario
from envs.workloads.instance import Instance

_EVENTS_PER_TASK: Final = 24
"""A log is emptied when half full, and one instant must fit in the other half."""
SEEN: Final = ("candidates", "contexts", "masks", "negotiations")
"""Arrays that hold nothing but what seats are shown."""


def as_bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    """[B, bytes] a view of what B worlds hold: records are copied slowly, bytes are not."""
    return array.view(np.uint8).reshape(len(array), -1)


def make_params(scenario: Scenario, record: bool) -> Records:
    """Return [1] PARAMS."""
    s, u, k = scenario, scenario.uncertainty, scenario.knowledge
    params = np.zeros(1, layout.PARAMS)
    values = {
        "sigma": u.duration_sigma,
        "fail": u.failure_probability,
        "retry_delay": u.retry_delay,
        "uptime": u.mean_time_between_failures,
        "repair": u.mean_time_to_repair,
        "kept": u.kept_progress,
        "prior_count": k.prior_count,
        "prior_std": k.prior_std,
        "credits": s.negotiation.credits,
        "max_time": s.limits.max_time,
        "flow": s.objective.flow,
        "tardiness": s.objective.tardiness,
        "slowdown": s.objective.slowdown,
        "makespan": s.objective.makespan,
        "lease": s.objective.lease,
        "abandonment": s.objective.abandonment,
        "cooperation": s.cooperation,
        "max_rounds": s.limits.max_rounds,
        "max_failures": u.max_failures,
        "learn": k.learn,
        "reserve": s.reservations.allowed,
        "hold": s.reservations.hold == "start",
        "backfill": s.reservations.backfill,
        "blocking": s.reservations.blocking,
        "passing": s.allow_pass,
        "record": record,
    }
    for name, value in values.items():
        params[name] = value
    return params


class State(NamedTuple):
    """The arrays of B worlds, padded to their largest instance; a world's record points to its part of each.

    A agents, K candidates shown, T tasks, J jobs, P options, M tasks that can run at once, G kinds, R resources.
    """

    world: Records
    """[B] WORLD."""
    tasks: Records
    """[B, T] TASK."""
    jobs: Records
    """[B, J] JOB."""
    agents: Records
    """[B, A] AGENT."""
    running: Records
    """[B, M] RUNNING; the first num_running are in use, in no order."""
    beliefs: Records
    """[B, A, G] BELIEF."""
    reservations: Records
    """[B, A] RESERVATION, in the order in which they were made."""
    units: Records
    """[B, A, R] UNITS."""
    pools: Records
    """[B, R] POOL."""
    live: Records
    """[B, P] LIVE."""
    retrying: Records
    """[B, T or 1] LINK, in no order."""
    order: Records
    """[B, M] ORDER of running tasks, by expected end."""
    window: Records
    """[B, 2, K] WINDOW; scratch."""
    ranked: Records
    """[B, T or 1] LINK, live tasks in the order of the forecast; scratch."""
    shown: Records
    """[B, A, K] SHOWN."""
    log: Records
    """[B, L] EVENT; L = 0 where nothing is recorded."""
    candidates: NDArray[np.float32]
    """[B, A, K, NUM_CANDIDATE]; rows behind the last candidate are 0."""
    contexts: NDArray[np.float32]
    """[B, A, NUM_CONTEXT]."""
    masks: NDArray[np.bool_]
    """[B, A, K+1]; action K is the no-op."""
    negotiations: NDArray[np.float32]
    """[B, A, NUM_NEGOTIATION]."""
    team: NDArray[np.float32]
    """[B, NUM_CONTEXT] what the agents' contexts have in common; scratch."""


def _most_running(instances: Sequence[Instance]) -> int:
    """Bound the tasks that can run at once by the units there are; a task without demand is bounded by nothing."""
    most = 0
    for i in instances:
        units = int(i.local_capacity.sum(dtype=np.int64) + i.shared_capacity.sum(dtype=np.int64))
        free = bool((i.task_demand.max(axis=1) == 0).any())
        most = max(most, i.num_tasks if free else min(i.num_tasks, units))
    return most


def state_arrays(
    scenario: Scenario, instances: Sequence[Instance], worlds: int, record: bool
) -> dict[str, tuple[tuple[int, ...], Any]]:
    """Return shape and dtype of each array of ``State``."""
    agents = max(i.num_agents for i in instances)
    resources = max(i.num_resources for i in instances)
    kinds = max(i.num_kinds for i in instances)
    tasks, jobs = max(i.num_tasks for i in instances), max(i.num_jobs for i in instances)
    options, running = max(i.num_options for i in instances), _most_running(instances)
    room = scenario.candidates
    events = 2 * (_EVENTS_PER_TASK * (tasks + agents) + 4 * jobs + 64) if record else 0
    return {
        "world": ((worlds,), layout.WORLD),
        "tasks": ((worlds, tasks), layout.TASK),
        "jobs": ((worlds, jobs), layout.JOB),
        "agents": ((worlds, agents), layout.AGENT),
        "running": ((worlds, running), layout.RUNNING),
        "beliefs": ((worlds, agents, kinds), layout.BELIEF),
        "reservations": ((worlds, agents), layout.RESERVATION),
        "units": ((worlds, agents, resources), layout.UNITS),
        "pools": ((worlds, resources), layout.POOL),
        "live": ((worlds, options + 1), layout.LIVE),
        "retrying": ((worlds, tasks), layout.LINK),
        "order": ((worlds, running), layout.ORDER),
        "window": ((worlds, 2, room), layout.WINDOW),
        "ranked": ((worlds, tasks if scenario.allow_pass else 1), layout.LINK),
        "shown": ((worlds, agents, room), layout.SHOWN),
        "log": ((worlds, events), layout.EVENT),
        "candidates": ((worlds, agents, room, NUM_CANDIDATE), np.float32),
        "contexts": ((worlds, agents, NUM_CONTEXT), np.float32),
        "masks": ((worlds, agents, room + 1), np.bool_),
        "negotiations": ((worlds, agents, NUM_NEGOTIATION), np.float32),
        "team": ((worlds, NUM_CONTEXT), np.float32),
    }


def make_state(scenario: Scenario, instances: Sequence[Instance], site: Records, params: Records, worlds: int) -> State:
    """Allocate B worlds and write into each the addresses of what belongs to it."""
    arrays = state_arrays(scenario, instances, worlds, bool(params["record"][0]))
    state = State(**{name: np.zeros(shape, dtype) for name, (shape, dtype) in arrays.items()})
    agents, kinds = state.beliefs.shape[1:]
    resources, room, events = state.pools.shape[1], scenario.candidates, state.log.shape[1]
    state.masks[:, :, room] = True
    state.shown["task"] = NONE
    world = state.world
    for name in layout.WORLD_ADDRESSES:
        if name not in ("params", "sites"):
            array = getattr(state, name)
            world[name] = array.ctypes.data + np.arange(worlds) * array.strides[0]
    world["params"], world["sites"] = params.ctypes.data, site.ctypes.data
    world["max_agents"], world["max_resources"], world["max_kinds"] = agents, resources, kinds
    world["room"], world["log_room"] = room, events
    world["phase"] = int(Phase.OVER)
    return state
