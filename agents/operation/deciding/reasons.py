"""Why a task does not start now."""

from __future__ import annotations

from collections.abc import Iterator

from agents.operation.deciding.instant import Outcome
from agents.operation.site.conversion import Site
from agents.operation.site.problems import Problem, SituationError, shown
from agents.operation.site.situation import Part
from envs.scenario import Scenario


class WhyNot(Part):
    """What a task waits for."""

    job: str
    task: str
    starts: bool
    """It does start."""
    reasons: list[str]


def find_task(site: Site, name: str) -> int:
    """Return the number of a task, ``JOB/TASK``, or ``TASK`` where only one job has it.

    Raises:
        SituationError: there is none, or several.
    """
    found = [t for t, (job, task) in enumerate(site.tasks) if name in (task.name, f"{job.name}/{task.name}")]
    whole = [t for t in found if name == "/".join((site.tasks[t][0].name, site.tasks[t][1].name))]
    found = whole or found
    if len(found) != 1:
        expected = (
            "the name of a task that exists"
            if not found
            else f"JOB/TASK, as in {_full(site, found[0])}: {len(found)} jobs have it"
        )
        raise SituationError([Problem("unknown_task", "task", shown(name), expected)])
    return found[0]


def why_not(site: Site, outcome: Outcome, name: str, scenario: Scenario) -> WhyNot:
    """Say why a task does not start, or that it does; raises as ``find_task`` does."""
    t = find_task(site, name)
    job, task = site.tasks[t]
    starts = any(start.task == t for start in outcome.starts)
    reasons = [] if starts else list(_reasons(site, outcome, t, scenario))
    return WhyNot(job=job.name, task=task.name, starts=starts, reasons=reasons)


def _full(site: Site, t: int) -> str:
    return f"{site.tasks[t][0].name}/{site.tasks[t][1].name}"


def _reasons(site: Site, outcome: Outcome, t: int, scenario: Scenario) -> Iterator[str]:
    s = site.situation
    job, task = site.tasks[t]
    if task.state != "waiting":
        yield f"it is {task.state}" + (f" at {task.agent}" if task.agent else "")
        return
    if job.release > s.time or job.arrived is False:
        yield f"its job comes at {job.release:g} s, in {job.release - s.time:g} s"
        return
    states = {each.name: each for each in job.tasks}
    before = [states[name] for name in task.predecessors if states[name].state != "done"]
    if before:
        yield "it waits for " + ", ".join(f"{each.name}, which is {each.state}" for each in before)
        return
    if task.earliest is not None and task.earliest > s.time:
        yield f"it is not to start before {task.earliest:g} s, in {task.earliest - s.time:g} s"
        return
    for kept in outcome.reservations:
        if kept.task == t:
            yield f"{s.agents[kept.agent].name} keeps its place for it, and is expected to start it at {kept.start:.6g} s"
            return
    i = site.instance
    may = i.option_agent[i.option_first[t] : i.option_first[t + 1]].tolist()
    if not any(s.agents[a].up for a in may):
        yield "all agents that may run it are down: " + ", ".join(s.agents[a].name for a in may[:5])
        return
    yield from _units(site, outcome, t)
    yield from _chosen(site, outcome, t, may, scenario)


def _units(site: Site, outcome: Outcome, t: int) -> Iterator[str]:
    """Units of shared resources that are missing once everything that was decided has them."""
    s = site.situation
    for resource in s.resources:
        wanted = site.tasks[t][1].demands.get(resource.name, 0)
        if not resource.shared or not wanted:
            continue
        held = sum(task.demands.get(resource.name, 0) for _, task in site.tasks if task.state == "running")
        free = (resource.capacity or 0) - held
        given = sum(site.tasks[start.task][1].demands.get(resource.name, 0) for start in outcome.starts)
        kept = sum(site.tasks[each.task][1].demands.get(resource.name, 0) for each in outcome.reservations)
        if wanted > free:
            yield f"it needs {wanted} {resource.name}, of which {free} are free"
        elif wanted > free - given:
            yield f"it needs {wanted} {resource.name}: {free} were free, {given} go to tasks that start now"
        elif wanted > free - given - kept:
            yield f"it needs {wanted} {resource.name}: {free - given} are left, {kept} of them are reserved"


def _chosen(site: Site, outcome: Outcome, t: int, may: list[int], scenario: Scenario) -> Iterator[str]:
    """What the agents that may run it do instead."""
    s = site.situation
    busy: dict[int, list[str]] = {}
    number = {agent.name: a for a, agent in enumerate(s.agents)}
    for _, task in site.tasks:
        if task.state == "running" and task.agent is not None:
            busy.setdefault(number[task.agent], []).append(f"runs {task.name}")
    for start in outcome.starts:
        busy.setdefault(start.agent, []).append(f"starts {_full(site, start.task)}")
    for kept in outcome.reservations:
        busy.setdefault(kept.agent, []).append(f"waits for {_full(site, kept.task)}")
    for a in may[:5]:
        name = s.agents[a].name
        if not s.agents[a].up:
            yield f"{name} is down"
        elif a in busy:
            yield f"{name} {', '.join(busy[a][:3])}"
        elif not any(
            t in asked.tasks[n]
            for asked in outcome.asked
            for n, agent in enumerate(asked.agents.tolist())
            if agent == a
        ):
            yield f"{name} was not shown it: it sees {scenario.candidates} candidates at most, and only what fits"
        else:
            yield f"{name} leaves it to others"
