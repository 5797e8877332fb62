"""Checks a decision against the situation, by names and sums alone: nothing here is shared with the world that made it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from agents.operation.site.problems import Problem
from agents.operation.site.situation import Agent, Job, Situation, Task

Placed = tuple[str, str, str]
"""Job, task, agent."""


def violations(s: Situation, starts: Iterable[Placed], reservations: Iterable[Placed]) -> list[Problem]:
    """Return every constraint that a decision breaks."""
    found: list[Problem] = []
    jobs = {job.name: job for job in s.jobs}
    agents = {agent.name: agent for agent in s.agents}
    taken: set[tuple[str, str]] = set()
    running = [(task.agent, task) for job in s.jobs for task in job.tasks if task.state == "running"]
    for name, each in (("starts", starts), ("reservations", reservations)):
        for k, (job, task, agent) in enumerate(each):
            path = f"{name}[{k}]"
            wrong = _misplaced(
                s,
                jobs.get(job),
                task,
                agents.get(agent),
                set() if name == "starts" else taken,
                is_start=name == "starts",
            )
            if wrong is None and (job, task) in taken:
                wrong = "once only"
            if wrong is not None:
                found.append(Problem("invalid_decision", path, f"{job}/{task} at {agent}", wrong))
                continue
            taken.add((job, task))
            if name == "starts":
                running.append((agent, next(each for each in jobs[job].tasks if each.name == task)))
    return [*found, *_too_much(s, running)]


def _misplaced(
    s: Situation, job: Job | None, name: str, agent: Agent | None, begun: set[tuple[str, str]], *, is_start: bool
) -> str | None:
    """What a placement would have to be, or None where it is right; ``begun`` are tasks that start in the same decision."""
    task = next((each for each in job.tasks if each.name == name), None) if job is not None else None
    if job is None or task is None or agent is None:
        return "of a job, a task and an agent that exist"
    if task.state != "waiting":
        return f"of a task that waits, this one is {task.state}"
    if job.arrived is False or (job.arrived is None and job.release > s.time):
        return "of a job that is here"
    if is_start and task.earliest is not None and task.earliest > s.time:
        return f"no earlier than {task.earliest:g}"
    if not agent.up:
        return "at an agent that is up"
    if (task.eligible is not None and agent.name not in task.eligible) or task.pinned not in (None, agent.name):
        return "at an agent that may run it"
    states = {each.name: each.state for each in job.tasks}
    unfinished = [
        "running" if (job.name, each) in begun else states[each]
        for each in set(task.predecessors)
        if states[each] != "done"
    ]
    if unfinished and (is_start or unfinished != ["running"]):
        return "of a task whose predecessors are done"
    return None


def _too_much(s: Situation, running: list[tuple[str | None, Task]]) -> list[Problem]:
    pools, own = Counter[str](), Counter[tuple[str | None, str]]()
    counts = Counter(agent for agent, _ in running)
    shared = {resource.name: resource.shared for resource in s.resources}
    for agent, task in running:
        for name, units in task.demands.items():
            if shared[name]:
                pools[name] += units
            else:
                own[agent, name] += units
    found = []
    limits = {resource.name: resource.capacity or 0 for resource in s.resources}
    found += [
        Problem("overcommitted", "starts", f"{units} {name} in use", f"at most {limits[name]}")
        for name, units in pools.items()
        if units > limits[name]
    ]
    for each in s.agents:
        for name, limit in limits.items():
            most = each.capacities.get(name, limit)
            if not shared[name] and own[each.name, name] > most:
                used = f"{own[each.name, name]} {name} in use at {each.name}"
                found.append(Problem("overcommitted", "starts", used, f"at most {most}"))
        if each.at_once is not None and counts[each.name] > each.at_once:
            found.append(
                Problem(
                    "overcommitted", "starts", f"{counts[each.name]} tasks at {each.name}", f"at most {each.at_once}"
                )
            )
    return found
