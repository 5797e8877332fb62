"""The planner: when everything will probably be done, by whom, and by which policy: all of them play the same futures."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agents.evaluation.play import decide
from agents.operation.deciding.decision import Deciders
from agents.operation.planning.futures import Belief, ByBelief, Futures, believe
from agents.operation.planning.keeping import Keeper, Kept, frozen_tasks, kept_at, pinned, with_bell
from agents.operation.site.conversion import Site, to_site
from agents.operation.site.problems import Problem, SituationError, shown
from agents.operation.site.situation import Part, Situation
from envs.engine.codes import Phase
from envs.events import EventKind
from envs.scenario import Scenario, Uncertainty
from envs.world import World

BATCH: Final = 16
"""Futures that are played side by side, and after which the clock is looked at."""
RULES: Final = ("wsrpt,urgency", "atc,urgency", "critical_path,urgency", "fifo,fcfs")
"""What a policy is compared with where nobody says otherwise."""
GRID: Final = 20
"""Times at which leases are told."""
LEVEL: Final = 1.96
"""Standard errors of a 95 % interval."""
PREVIOUS: Final = "the previous plan"
"""Stands among the contenders for who follows it."""


class Spread(Part):
    """An uncertain number: below p10 in one future out of ten."""

    p10: float
    p50: float
    p90: float


class TaskPlan(Part):
    """A task that is not done."""

    job: str
    task: str
    agent: str
    """That runs it in most futures,"""
    share: float
    """in this share of them."""
    start: Spread
    end: Spread


class JobPlan(Part):
    """A job that is not done."""

    job: str
    end: Spread
    due: float | None
    on_time: float | None
    """Share of futures in which it meets its due date."""
    position: int
    """Jobs that are not done and probably end before it, and one: its place in the queue."""


class Lease(Part):
    """How much of a shared resource is in use, over time."""

    resource: str
    capacity: int
    times: list[float]
    p50: list[float]
    p90: list[float]


class Contender(Part):
    """A policy that was tried."""

    policy: str
    """Or ``the previous plan``."""
    cost: float
    """Mean over the futures."""
    more: float
    """Mean cost more than the chosen one's in the same futures,"""
    low: float
    """and its 95 % interval."""
    high: float


class ExecutionPlan(Part):
    """What probably happens from now on, if the chosen policy decides."""

    time: float
    policy: str
    """That decides; where the previous plan is followed, about what that leaves open."""
    kept: bool = False
    """Whether the previous plan is followed."""
    frozen: int = 0
    """Tasks that had to keep agent and order."""
    contenders: list[Contender]
    """The chosen one, then the cheapest first."""
    tasks: list[TaskPlan]
    """By median start."""
    jobs: list[JobPlan]
    """By median end."""
    leases: list[Lease]
    cost: Spread
    futures: int
    assumptions: list[str]
    took_seconds: float

    def write(self, indent: int | None = None) -> str:
        """Return the JSON document."""
        return self.model_dump_json(indent=indent)

    def job(self, name: str) -> JobPlan:
        """Return a job's expected end and place in the queue.

        Raises:
            SituationError: it does not exist, or is done.
        """
        for each in self.jobs:
            if each.job == name:
                return each
        raise SituationError([Problem("unknown_job", "job", shown(name), "the name of a job that is not done")])


@dataclass(frozen=True)
class Change:
    """What new plans may change of an earlier one."""

    previous: ExecutionPlan
    keep: float = 0.0
    """It is followed unless another policy costs less by more than this share of its cost, and by more than luck explains."""
    freeze: float = 0.0
    """Seconds from now: tasks that were to start before keep their agents and their order, whoever decides."""

    def __post_init__(self) -> None:
        """Raise SituationError for numbers out of range."""
        for name in ("keep", "freeze"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise SituationError([Problem("out_of_range", name, f"{value:g}", "a number >= 0")])


@dataclass
class _Played:
    """What came of the futures that a policy has played."""

    costs: list[float] = field(default_factory=list)
    starts: list[NDArray[np.float64]] = field(default_factory=list)
    """[T] per future; NaN where it never started again."""
    ends: list[NDArray[np.float64]] = field(default_factory=list)
    agents: list[NDArray[np.int32]] = field(default_factory=list)


class TaskPlanner:
    """Plans by simulation: policies decide in futures that start where the situation stands."""

    def __init__(self, policy: str, rivals: Sequence[str] = RULES, *, source: Futures | None = None) -> None:
        """Take a policy, whose objective counts, and others that might do better here; raises as :class:`Deciders` does."""
        self.deciders = {name: Deciders(name) for name in dict.fromkeys([policy, *rivals])}
        self._first = policy
        self._source = source or ByBelief()

    def plan_task_execution(
        self,
        situation: Situation,
        *,
        seconds: float = 5.0,
        futures: int = 64,
        seed: int = 0,
        change: Change | None = None,
    ) -> ExecutionPlan:
        """Plan until ``futures`` were played or ``seconds`` are over, but at least one batch of futures by the first contender.

        That is the policy, or the previous plan where there is one: it is never lost.

        Args:
            situation: where to start.
            seconds: wall time, after which no batch is begun.
            futures: at most.
            seed: equal ones give equal futures, to every policy and to every change of the situation that keeps its tasks.
            change: what may change of an earlier plan; None: everything.
        """
        if futures < 1 or not seconds >= 0:
            raise SituationError(
                [Problem("out_of_range", "futures", f"{futures} in {seconds} s", "at least 1, and seconds at least 0")]
            )
        began = time.perf_counter()
        scenario = self.deciders[self._first].rules.scenario
        site, contestants, frozen = self._contestants(situation, scenario, change)
        belief = believe(site, scenario)
        played = {name: _Played() for name in contestants}
        leader = next(iter(contestants))
        for first in range(0, futures, BATCH):
            numbers = range(first, min(first + BATCH, futures))
            for name, (by, kept) in contestants.items():
                if len(played[leader].costs) and time.perf_counter() - began > seconds:
                    break
                self._play(played[name], site, belief, by, scenario, numbers, seed, kept)
            if time.perf_counter() - began > seconds:
                break
        contenders = _compare(played, change)
        chosen = contenders[0].policy
        plan = self._told(site, scenario, played[chosen], contenders, time.perf_counter() - began)
        return plan.model_copy(
            update={"policy": contestants[chosen][0].name, "kept": chosen == PREVIOUS, "frozen": frozen}
        )

    def _contestants(
        self, situation: Situation, scenario: Scenario, change: Change | None
    ) -> tuple[Site, dict[str, tuple[Deciders, Kept | None]], int]:
        """Where they start, who plays and what each has to keep, and how many tasks are frozen."""
        credits = scenario.negotiation.credits
        if change is None:
            return to_site(situation, credits), {name: (by, None) for name, by in self.deciders.items()}, 0
        tasks = change.previous.tasks
        frozen = frozen_tasks(situation, tasks, situation.time + change.freeze)
        site = to_site(pinned(situation, frozen), credits)
        fixed = kept_at(site, tasks, frozen, follow=False) if frozen else None
        follower = self.deciders.get(change.previous.policy, self.deciders[self._first])
        contestants: dict[str, tuple[Deciders, Kept | None]] = {
            PREVIOUS: (follower, kept_at(site, tasks, frozen, follow=True)),
            **{name: (by, fixed) for name, by in self.deciders.items()},
        }
        return site, contestants, len(frozen)

    def what_if(
        self,
        situation: Situation,
        changes: Mapping[str, Mapping[str, Any]],
        *,
        seconds: float = 5.0,
        futures: int = 64,
        seed: int = 0,
    ) -> dict[str, ExecutionPlan]:
        """Plan the situation as it is, by the name ``now``, and as each of the changes would make it, in the same luck.

        Raises:
            SituationError: a change makes no situation.
        """
        cases = {"now": situation, **{name: situation.merged(change) for name, change in changes.items()}}
        share = seconds / len(cases)
        return {
            name: self.plan_task_execution(case, seconds=share, futures=futures, seed=seed)
            for name, case in cases.items()
        }

    def _play(
        self,
        played: _Played,
        site: Site,
        belief: Belief,
        by: Deciders,
        judged: Scenario,
        numbers: range,
        seed: int,
        kept: Kept | None,
    ) -> None:
        """Have a policy play futures, under its own rules of waiting, for the objective that counts, and keep what is to be kept."""
        own = by.rules.scenario if by.rules.scenario.negotiation.credits == judged.negotiation.credits else judged
        certain = Uncertainty(
            mean_time_to_repair=judged.uncertainty.mean_time_to_repair
        )  # all luck is in the instances
        scenario = replace(
            own,
            objective=judged.objective,
            uncertainty=certain,
            knowledge=judged.knowledge,
            allow_pass=own.allow_pass or kept is not None,
        )
        futures = [self._source.draw(site, belief, number, seed) for number in numbers]
        if kept is not None:
            futures = [with_bell(each) for each in futures]
        instances = [each.instance for each in futures]
        world = World(scenario, len(instances), instances=instances, auto_reset=False, record=True)
        world.reset(seeds=np.array(numbers, np.uint64), instance=np.arange(len(instances), dtype=np.int32))
        out = world.out
        for b, (number, future) in enumerate(zip(numbers, futures, strict=True)):
            out = world.restore(b, future.snapshot._replace(seed=number), b)
        picks, bids = np.zeros(out.acting.shape, np.int32), np.zeros(out.acting.shape)
        costs = np.zeros(len(instances))
        choose = (
            partial(decide, prioritizer=by.prioritizer, negotiator=by.negotiator)
            if kept is None
            else Keeper(
                kept, [each.own for each in futures], world, by.prioritizer, by.negotiator, may_pass=own.allow_pass
            )
        )
        while (out.phase != Phase.OVER).any():
            choose(out, picks=picks, bids=bids)
            out = world.step(picks, bids)
            costs += out.team_cost
        for b in range(len(instances)):
            log = world.log(b)
            start, end = np.full((2, instances[b].num_tasks), np.nan)
            agent = np.full(instances[b].num_tasks, -1, np.int32)
            begun, ended = log.kind == EventKind.TASK_START, log.kind == EventKind.TASK_END
            start[log.task[begun]], agent[log.task[begun]] = log.time[begun], log.agent[begun]
            end[log.task[ended]] = log.time[ended]
            if kept is not None:  # nobody pays for the time until the bell
                costs[b] -= judged.objective.makespan * max(0.0, end[-1] - np.nanmax(end[:-1]))
            played.costs.append(float(costs[b]))
            played.starts.append(start[futures[b].own])
            played.ends.append(end[futures[b].own])
            played.agents.append(agent[futures[b].own])

    def _told(
        self, site: Site, scenario: Scenario, played: _Played, contenders: list[Contender], took: float
    ) -> ExecutionPlan:
        starts, ends, agents = np.array(played.starts), np.array(played.ends), np.array(played.agents)
        s = site.situation
        jobs = _jobs(site, ends)
        return ExecutionPlan(
            time=s.time,
            policy=contenders[0].policy,
            contenders=contenders,
            tasks=sorted(_tasks(site, starts, ends, agents), key=lambda each: (each.start.p50, each.end.p50)),
            jobs=jobs,
            leases=_leases(site, starts, ends),
            cost=_spread(np.array(played.costs)),
            futures=len(played.costs),
            assumptions=_assumptions(site, scenario, self._source),
            took_seconds=took,
        )


def _compare(played: Mapping[str, _Played], change: Change | None) -> list[Contender]:
    """The contenders by cost in the futures that all of them have played; of equals, the one that was named first."""
    common = min(len(each.costs) for each in played.values())
    leader = next(iter(played))
    if not common:  # time for nobody but the first
        costs = np.array(played[leader].costs)
        return [Contender(policy=leader, cost=float(costs.mean()), more=0.0, low=0.0, high=0.0)]
    tried = {name: np.array(each.costs[:common]) for name, each in played.items()}
    chosen = min(tried, key=lambda name: tried[name].mean())
    if change is not None:
        gain = _contender(chosen, tried[PREVIOUS], tried[chosen])
        if gain.more <= change.keep * tried[PREVIOUS].mean() or gain.low <= 0:
            chosen = PREVIOUS
    told = [_contender(name, costs, tried[chosen]) for name, costs in tried.items()]
    return sorted(told, key=lambda each: (each.policy != chosen, each.more))


def _contender(name: str, costs: NDArray[np.float64], chosen: NDArray[np.float64]) -> Contender:
    """What [futures] costs are more than the chosen one's."""
    more = costs - chosen
    error = LEVEL * float(more.std(ddof=1)) / math.sqrt(len(more)) if len(more) > 1 else 0.0
    mean = float(more.mean())
    return Contender(policy=name, cost=float(costs.mean()), more=mean, low=mean - error, high=mean + error)


def _spread(values: NDArray[np.float64]) -> Spread:
    p10, p50, p90 = np.quantile(values, [0.1, 0.5, 0.9]).tolist()
    return Spread(p10=p10, p50=p50, p90=p90)


def _tasks(
    site: Site, starts: NDArray[np.float64], ends: NDArray[np.float64], agents: NDArray[np.int32]
) -> list[TaskPlan]:
    told = []
    for t, (job, task) in enumerate(site.tasks):
        whole = np.isfinite(starts[:, t]) & np.isfinite(ends[:, t])
        if task.state == "done" or not whole.any():
            continue
        agent, count = Counter(agents[whole, t].tolist()).most_common(1)[0]
        told.append(
            TaskPlan(
                job=job.name,
                task=task.name,
                agent=site.situation.agents[agent].name,
                share=count / len(starts),
                start=_spread(starts[whole, t]),
                end=_spread(ends[whole, t]),
            )
        )
    return told


def _jobs(site: Site, ends: NDArray[np.float64]) -> list[JobPlan]:
    open_jobs = []
    for job in site.situation.jobs:
        if all(task.state == "done" for task in job.tasks):
            continue
        last = ends[:, [site.numbers[job.name, task.name] for task in job.tasks if task.state != "done"]].max(axis=1)
        on_time = None if job.due is None else float((last <= job.due).mean())
        open_jobs.append((job.name, last[np.isfinite(last)], job.due, on_time))
    ranked = sorted((each for each in open_jobs if len(each[1])), key=lambda each: float(np.median(each[1])))
    return [
        JobPlan(job=name, end=_spread(last), due=due, on_time=on_time, position=place + 1)
        for place, (name, last, due, on_time) in enumerate(ranked)
    ]


def _leases(site: Site, starts: NDArray[np.float64], ends: NDArray[np.float64]) -> list[Lease]:
    last = np.nanmax(ends, initial=site.situation.time)
    times = np.linspace(site.situation.time, last, GRID)
    told = []
    for resource in site.situation.resources:
        if resource.shared:
            demand = np.array([task.demands.get(resource.name, 0) for _, task in site.tasks])
            used = np.array([((starts <= at) & (ends > at)) @ demand for at in times.tolist()])  # [times, futures]
            p50, p90 = np.quantile(used, [0.5, 0.9], axis=1).tolist()
            told.append(
                Lease(resource=resource.name, capacity=resource.capacity or 0, times=times.tolist(), p50=p50, p90=p90)
            )
    return told


def _assumptions(site: Site, scenario: Scenario, source: Futures) -> list[str]:
    told = [source.assumption, "nothing fails and no agent breaks down"]
    if any(not agent.up for agent in site.situation.agents):
        told.append(f"agents that are down come back after {scenario.uncertainty.mean_time_to_repair:g} s on average")
    coming = sum(job.release > site.situation.time for job in site.situation.jobs)
    if not source.arrivals:
        told.append(f"no job comes but the {coming} announced ones" if coming else "no further job comes")
    return told
