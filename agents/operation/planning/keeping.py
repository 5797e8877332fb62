"""Plans that change as little as possible: policies that keep what an earlier plan settled, and what it costs to do so.

Two things are kept. What was to start before a time is *frozen*: whoever plays, these tasks keep their agents and the order in which each
agent starts them. And the earlier plan itself can be *followed*: then everything else that it has keeps its agent and order, too, as far as
agents need not wait for it, and a policy decides about the rest alone.

Agents wait by passing. Worlds in which these plans are played allow it, and always have something to come, a *bell*, as nobody may pass
otherwise. Policies that never learned to pass are not told; agents that have nothing to pick leave the instant there, which a context
column counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.operation.planning.futures import Future
from agents.operation.site.conversion import Site
from agents.operation.site.situation import Situation
from agents.protocols import Negotiator, Prioritizer
from envs.columns import Candidate
from envs.engine.codes import Phase
from envs.events import EventKind
from envs.world import Outputs, World

if TYPE_CHECKING:
    from agents.operation.planning.planning import TaskPlan

LAST: Final = np.iinfo(np.int32).max
"""The place of what no plan has."""
NOBODY: Final = -1
FORECAST: Final = [Candidate.FORECAST_NEXT, Candidate.FORECAST_END]
"""Columns that agents see only where they may pass."""


BELL: Final = 1e9
"""Seconds from now until it rings."""


class Kept(NamedTuple):
    """What is kept of an earlier plan, by the numbers of a site. T tasks."""

    place: NDArray[np.int32]
    """[T] in the order of starts; LAST: it is not kept."""
    agent: NDArray[np.int32]
    """[T] that was to run it; NOBODY."""
    frozen: NDArray[np.bool_]
    """[T]."""


def frozen_tasks(s: Situation, tasks: Sequence[TaskPlan], before: float) -> list[TaskPlan]:
    """Return what of a plan's tasks is frozen: those that wait, were to start before a time, and still can as they were to.

    They cannot where the agent is gone, down or no longer eligible, or where they wait for something that is not frozen itself.
    """
    jobs = {job.name: {task.name: task for task in job.tasks} for job in s.jobs}
    up = {agent.name for agent in s.agents if agent.up}
    frozen: dict[tuple[str, str], TaskPlan] = {}
    for each in in_order_of_start(tasks):
        task = jobs.get(each.job, {}).get(each.task)
        if each.start.p50 >= before or task is None or task.state != "waiting":
            continue
        waits = (name for name in task.predecessors if jobs[each.job][name].state == "waiting")
        if each.agent in up and each.agent in s.options.of(task) and all((each.job, name) in frozen for name in waits):
            frozen[each.job, each.task] = each
    return list(frozen.values())


def in_order_of_start(tasks: Sequence[TaskPlan]) -> list[TaskPlan]:
    """By median start."""
    return sorted(tasks, key=lambda each: (each.start.p50, each.end.p50))


def pinned(s: Situation, frozen: Sequence[TaskPlan]) -> Situation:
    """Return the situation in which frozen tasks can go nowhere else."""
    jobs: dict[str, list[dict[str, str]]] = {}
    for each in frozen:
        jobs.setdefault(each.job, []).append({"name": each.task, "pinned": each.agent})
    return s.merged({"jobs": [{"name": job, "tasks": tasks} for job, tasks in jobs.items()]}) if jobs else s


def kept_at(site: Site, tasks: Sequence[TaskPlan], frozen: Sequence[TaskPlan], *, follow: bool) -> Kept:
    """Return what is kept at a site: of ``follow``, everything that the plan has and that still can be, otherwise what is frozen."""
    s, count = site.situation, site.instance.num_tasks
    kept = Kept(np.full(count, LAST, np.int32), np.full(count, NOBODY, np.int32), np.zeros(count, np.bool_))
    for place, each in enumerate(in_order_of_start(tasks if follow else frozen)):
        t = site.numbers.get((each.job, each.task))
        if t is not None and each.agent in s.options.of(site.tasks[t][1]):
            kept.place[t], kept.agent[t] = place, s.options.number[each.agent]
    kept.frozen[[site.numbers[each.job, each.task] for each in frozen]] = True
    return kept


def with_bell(future: Future) -> Future:
    """Return it with one more job of one task, the last, which comes when all others are over, takes no time and needs nothing."""
    i, snapshot, own = future
    first = [
        np.append(each, each[-1] + more)
        for each, more in ((i.job_first, 1), (i.option_first, 1), (i.successor_first, 0))
    ]
    more = replace(
        i,
        job_release=np.append(i.job_release, max(snapshot.time + BELL, i.job_release[-1])),
        job_due=np.append(i.job_due, np.inf),
        job_weight=np.append(i.job_weight, 1.0),
        job_owner=np.append(i.job_owner, 0),
        job_first=first[0],
        task_kind=np.append(i.task_kind, 0),
        task_demand=np.vstack([i.task_demand, np.zeros((1, i.num_resources), np.int32)]),
        task_ratio=np.append(i.task_ratio, 1.0),
        option_first=first[1],
        option_agent=np.append(i.option_agent, 0),
        option_nominal=np.append(i.option_nominal, 0.0),
        successor_first=first[2],
    )
    snapshot = snapshot._replace(
        attempts=_longer(snapshot.attempts), progress=_longer(snapshot.progress), earliest=_longer(snapshot.earliest)
    )
    return Future(more, snapshot, own)


def _longer(of_tasks: NDArray[Any] | None) -> NDArray[Any] | None:
    return None if of_tasks is None else np.append(of_tasks, of_tasks.dtype.type(0))


class Keeper:
    """Decides in worlds of one site: by what is kept, and by a policy where that leaves a choice."""

    def __init__(
        self,
        kept: Kept,
        own: Sequence[NDArray[np.int32]],
        world: World,
        prioritizer: Prioritizer,
        negotiator: Negotiator,
        *,
        may_pass: bool,
    ) -> None:
        """Take worlds in which agents may pass; ``own`` are the site's tasks in each, ``may_pass`` says whether the policy knows that."""
        self._world, self._may_pass = world, may_pass
        self._prioritizer, self._negotiator = prioritizer, negotiator
        most = max(each.num_tasks for each in world.instances)
        self._place = np.full((len(own), most), LAST, np.int32)
        self._agent = np.full((len(own), most), NOBODY, np.int32)
        for b, tasks in enumerate(own):
            self._place[b, tasks], self._agent[b, tasks] = kept.place, kept.agent
        order = np.argsort(kept.place, kind="stable")
        frozen = order[kept.frozen[order]]
        self._frozen = [[tasks[frozen[kept.agent[frozen] == a]] for a in range(world.num_agents)] for tasks in own]
        """Per world and agent, in their order."""

    def __call__(self, out: Outputs, picks: NDArray[np.int32], bids: NDArray[np.float64]) -> None:
        """Write the decisions of all acting seats into ``picks`` and ``bids`` [B, A]."""
        asked = out.acting & (out.phase == Phase.PRIORITISE)[:, None]
        if asked.any():
            picks[asked] = self._pick(out, asked)
        bidding = out.acting & (out.phase == Phase.NEGOTIATE)[:, None]
        if bidding.any():
            seen = out.negotiation[bidding]
            if not self._may_pass:
                seen[:, FORECAST] = 0.0
            bids[bidding] = self._negotiator.bid(seen)

    def _pick(self, out: Outputs, asked: NDArray[np.bool_]) -> NDArray[np.int32]:
        """[N] the actions of the seats [B, A] that are asked."""
        world, seat = np.nonzero(asked)
        tasks, mask = out.task[asked], out.mask[asked]  # [N, K], [N, K+1]
        allowed = mask[:, :-1] & self._allowed(world, seat, tasks, mask)
        none = ~allowed.any(axis=1)
        waits = none & mask[:, -1]
        allowed[none & ~waits] = mask[none & ~waits, :-1]  # otherwise time would stand still
        order = np.argsort(~allowed, axis=1, kind="stable")  # policies want legal candidates first
        shown = np.take_along_axis(out.candidates[asked], order[:, :, None], axis=1)
        legal = np.take_along_axis(allowed, order, axis=1)
        shown[~legal] = 0.0
        if not self._may_pass:
            shown[:, :, FORECAST] = 0.0
        passing = mask[:, -1] & (self._may_pass & (allowed == mask[:, :-1]).all(axis=1) | waits)
        found = self._prioritizer.pick(shown, out.context[asked], np.column_stack([legal, passing]))
        no_op = mask.shape[1] - 1
        real = np.take_along_axis(order, np.minimum(found, no_op - 1)[:, None], axis=1)[:, 0]
        return np.where(found == no_op, no_op, real).astype(np.int32)

    def _allowed(
        self, world: NDArray[np.intp], seat: NDArray[np.intp], tasks: NDArray[np.int32], mask: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """[N, K] which candidates keep what is kept."""
        at, place = self._agent[world[:, None], tasks], self._place[world[:, None], tasks]
        own, free = mask[:, :-1] & (at == seat[:, None]), mask[:, :-1] & (at == NOBODY)
        first = np.where(own, place, LAST).min(axis=1, keepdims=True)
        allowed: NDArray[np.bool_] = np.where(own.any(axis=1)[:, None], own & (place == first), free)
        begun: dict[int, NDArray[np.bool_]] = {}
        for n, (b, a) in enumerate(zip(world.tolist(), seat.tolist(), strict=True)):
            frozen = self._frozen[b][a]
            if len(frozen):
                if b not in begun:
                    begun[b] = self._begun(b)
                left = frozen[~begun[b][frozen]]
                if len(left):
                    allowed[n] = mask[n, :-1] & (tasks[n] == left[0])
        return allowed

    def _begun(self, b: int) -> NDArray[np.bool_]:
        """[T] what has started in a world."""
        log = self._world.log(b)
        begun = np.zeros(self._place.shape[1], np.bool_)
        begun[log.task[log.kind == EventKind.TASK_START]] = True
        return begun
