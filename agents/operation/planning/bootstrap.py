"""Futures drawn from a log: durations as they were, and jobs that come as they came.

A *log* is a situation, too: its ``history``, and its tasks that are done, say what durations were; its jobs say when jobs come, and which.
Drawn again with replacement (Efron 1979), they need no family of distributions. Where a log says too little, belief decides.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.operation.deciding.history import History
from agents.operation.planning.futures import Belief, ByBelief, Future, Futures, Shape, luck
from agents.operation.site.conversion import Site, to_site
from agents.operation.site.moments import situation_of
from agents.operation.site.options import sigma_of
from agents.operation.site.play_rules import DEFAULT
from agents.operation.site.problems import Problem, SituationError
from agents.operation.site.situation import Job, Quantiles, Situation, Task
from envs.workloads.instance import Instance

FEWEST: Final = 8
"""Durations below which a log says too little of a kind, or of an agent's tasks of a kind."""
MOST_JOBS: Final = 2_000
"""That come in one future."""
SIGMA: Final = 0.5
"""Standard deviation of log(actual / estimate) for kinds that are nowhere."""

Ratios = dict[tuple[str, str], list[float]]
"""By agent and kind: actual duration / estimate."""


class Empirical(NamedTuple):
    """What was seen, each equally likely."""

    seen: list[float]
    """Ascending."""

    def at(self, chance: float) -> float:
        """See :class:`agents.operation.planning.futures.Shape`."""
        return self.seen[min(int(chance * len(self.seen)), len(self.seen) - 1)]

    def below(self, ratio: float) -> float:
        """See :class:`agents.operation.planning.futures.Shape`."""
        return bisect.bisect_right(self.seen, ratio) / len(self.seen)


def ratios_of(s: Situation) -> Ratios:
    """Return what is known of durations: told in ``history``, and of tasks that are done whole."""
    found: Ratios = {}
    for seen in s.history:
        found.setdefault((seen.agent, seen.kind), []).extend(seen.ratios)
    for job in s.jobs:
        for task in job.tasks:
            if task.state == "done" and task.agent is not None and task.since is not None and task.until is not None:
                nominal, took = s.options.of(task).get(task.agent, 0.0), task.until - task.since
                if nominal > 0 and took > 0 and not task.progress:
                    found.setdefault((task.agent, task.kind), []).append(took / nominal)
    return found


class ByLog(ByBelief):
    """Durations vary as those of a log, and of the situation itself, did, by kind; agents are as fast as they were there."""

    assumption = (
        "durations vary as they did in the log, by kind and agent, and as is believed where it has fewer than 8 of them"
    )

    def __init__(self, log: Situation | None = None) -> None:
        """Take a log; None: what the situation itself tells of its past."""
        self._log: Ratios = {} if log is None else ratios_of(log)
        self._of: tuple[Situation, Ratios, dict[str, Empirical]] | None = None

    def _known(self, s: Situation) -> tuple[Ratios, dict[str, Empirical]]:
        """By agent and kind, all ratios; by kind, how they scatter around the mean of their agent."""
        if self._of is None or self._of[0] is not s:
            known = {key: list(values) for key, values in self._log.items()}
            for key, values in ratios_of(s).items():
                known.setdefault(key, []).extend(values)
            scatter: dict[str, list[float]] = {}
            for (_, kind), values in known.items():
                if len(values) >= FEWEST:
                    mean = sum(values) / len(values)
                    scatter.setdefault(kind, []).extend(value / mean for value in values)
            self._of = s, known, {kind: Empirical(sorted(values)) for kind, values in scatter.items()}
        return self._of[1:]

    def factors(self, site: Site, belief: Belief, number: int, seed: int) -> NDArray[np.float64]:
        """[A, G] means of as many durations as there are, drawn again: the fewer there are, the less sure."""
        factors = super().factors(site, belief, number, seed)
        known = self._known(site.situation)[0]
        for a, agent in enumerate(site.situation.agents):
            for g, kind in enumerate(site.kinds):
                values = known.get((agent.name, kind), ())
                if len(values) >= FEWEST:
                    chances = luck((f"{agent.name} at {kind}, {k}" for k in range(len(values))), number, seed)
                    factors[a, g] = np.array(values)[(chances * len(values)).astype(np.intp)].mean()
        return factors

    def shape(self, site: Site, belief: Belief, t: int) -> Shape:
        """How a task's duration varies around its estimate."""
        found = self._known(site.situation)[1].get(site.tasks[t][1].kind)
        return super().shape(site, belief, t) if found is None else found


class Arriving:
    """Jobs of a log come again: gaps between them, and the jobs themselves, are drawn with replacement."""

    arrivals = True

    def __init__(self, source: Futures, log: Situation, seconds: float) -> None:
        """Take where durations come from, whose jobs come, and for how long from now.

        Raises:
            SituationError: the log has too few jobs, or jobs of no use here.
        """
        if not 0 < seconds < float("inf"):
            raise SituationError([Problem("out_of_range", "arrivals", f"{seconds:g}", "a number of seconds > 0")])
        if len(log.jobs) < 2:
            raise SituationError([Problem("too_few", "log.jobs", f"{len(log.jobs)}", "at least 2, to come again")])
        self._source, self._log, self._seconds = source, log, seconds
        self.assumption = f"{source.assumption}; jobs of the log come again for {seconds:g} s, drawn with their gaps"

    def draw(self, site: Site, belief: Belief, number: int, seed: int) -> Future:
        """Return future ``number``."""
        s = site.situation
        jobs = list(self._coming(s, number, seed))
        fields = {name: getattr(s, name) for name in Situation.model_fields} | {"jobs": [*s.jobs, *jobs]}
        bigger = to_site(Situation.model_validate(fields))
        snapshot = bigger.snapshot._replace(balance=site.snapshot.balance)
        future = self._source.draw(replace(bigger, snapshot=snapshot), _extended(site, bigger, belief), number, seed)
        own = [bigger.numbers[job.name, task.name] for job, task in site.tasks]
        return Future(future.instance, snapshot, np.array(own, np.int32))

    @cached_property
    def _gaps(self) -> NDArray[np.float64]:
        return np.diff(np.sort([job.release for job in self._log.jobs]))

    def _coming(self, s: Situation, number: int, seed: int) -> Iterator[Job]:
        jobs = [job for job in self._log.jobs if _fits(job, s)]
        if not jobs:
            wanted = "jobs whose resources and agents the situation has"
            raise SituationError([Problem("unknown_resource", "log.jobs", "of no use here", wanted)])
        names = {job.name for job in s.jobs}
        time, gaps = s.time, self._gaps
        for k in range(MOST_JOBS):
            gap, which = luck((f"gap {k}", f"job {k}"), number, seed).tolist()
            time += float(gaps[int(gap * len(gaps))])
            if time > s.time + self._seconds:
                return
            name = f"{k + 1} to come"
            yield _again(jobs[int(which * len(jobs))], name if name not in names else f"{name} ({number})", time)


def _fits(job: Job, s: Situation) -> bool:
    """Whether a job of a log could come here."""
    options = s.options
    if job.owner is not None and job.owner not in options.agents:
        return False
    return all(options.resources.issuperset(task.demands) and _agents(task, s) for task in job.tasks)


def _agents(task: Task, s: Situation) -> list[str]:
    options = s.options
    names = (
        list(options.agents) if task.eligible is None else [name for name in task.eligible if name in options.agents]
    )
    return [name for name in names if task.pinned in (None, name) and options.lacks(task, name) is None]


def _again(job: Job, name: str, release: float) -> Job:
    """The job as it was when nothing of it had been done."""
    fresh = {
        "state": "waiting",
        "agent": None,
        "since": None,
        "until": None,
        "failed": 0,
        "progress": 0.0,
        "earliest": None,
    }
    due = None if job.due is None else release + max(0.0, job.due - job.release)
    tasks = [task.model_copy(update=fresh) for task in job.tasks]
    return job.model_copy(update={"name": name, "release": release, "due": due, "arrived": None, "tasks": tasks})


def _extended(site: Site, bigger: Site, belief: Belief) -> Belief:
    """What is believed of the site, for a bigger one: of kinds that it has not, nothing but that estimates are right in the mean."""
    shape = len(site.situation.agents), len(bigger.kinds)
    factor, doubt, sigma = np.ones(shape), np.zeros(shape), np.full(bigger.instance.num_tasks, SIGMA)
    for g, kind in enumerate(site.kinds):
        place = bigger.kinds.index(kind)
        factor[:, place], doubt[:, place] = belief.factor[:, g], belief.doubt[:, g]
    by_kind = {task.kind: belief.sigma[t] for t, (_, task) in enumerate(site.tasks)}
    for t, (job, task) in enumerate(bigger.tasks):
        mine = site.numbers.get((job.name, task.name))
        if mine is not None:
            sigma[t] = belief.sigma[mine]
        elif isinstance(task.duration, Quantiles):
            sigma[t] = sigma_of(task.duration)
        else:
            sigma[t] = by_kind.get(task.kind, SIGMA)
    return Belief(factor, sigma, doubt)


def log_of_history(history: History) -> Situation:
    """Return one log of all situations that were decided about: of each job the last that was told.

    Raises:
        SituationError: there is none.
    """
    jobs: dict[str, Job] = {}
    last: Situation | None = None
    for entry in history.entries():
        last = history.get(entry.number)[0]
        jobs.update({job.name: job for job in last.jobs})
    if last is None:
        raise SituationError([Problem("too_few", "log", "an empty history", "one with decisions")])
    fields = {name: getattr(last, name) for name in Situation.model_fields}
    return Situation.model_validate(fields | {"jobs": list(jobs.values()), "reservations": []})


def log_of_instance(instance: Instance) -> Situation:
    """Return the log that a public file is: its jobs, and by agent and kind what tasks took, divided by their estimates."""
    s = situation_of(instance, DEFAULT.scenario, float(instance.job_release[-1]))
    ratios: Mapping[str, Sequence[float]] = {
        f"kind-{g}": instance.task_ratio[(instance.task_kind == g) & (instance.task_ratio > 0)].tolist()
        for g in range(instance.num_kinds)
    }
    history = [
        {"agent": agent.name, "kind": kind, "ratios": values} for agent in s.agents for kind, values in ratios.items()
    ]
    return s.merged({"history": history})
