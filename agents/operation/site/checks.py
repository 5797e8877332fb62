"""Whether a situation makes sense: names that exist, times in order, units that are there. All problems are found, not the first only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from agents.operation.site.options import Options, mean_of
from agents.operation.site.problems import MOST_PROBLEMS, Problem, shown
from agents.operation.site.situation import MOST_SECONDS, Job, Quantiles, Situation, Task

MOST_TASKS: Final = 100_000
MOST_OPTIONS: Final = 2_000_000
"""Pairs of a task and an agent that may run it."""
MOST_CELLS: Final = 1_000_000
"""Agents times kinds of tasks."""


def problems_of(situation: Situation) -> list[Problem]:
    """Return errors and warnings, at most MOST_PROBLEMS."""
    found: list[Problem] = []
    for problem in _problems(situation):
        found.append(problem)
        if len(found) == MOST_PROBLEMS:
            break
    return found


def _problems(s: Situation) -> Iterator[Problem]:
    options = s.options
    tasks = sum(len(job.tasks) for job in s.jobs)
    kinds = len({task.kind for job in s.jobs for task in job.tasks})
    if tasks > MOST_TASKS:
        yield Problem("too_large", "jobs", f"{tasks} tasks", f"at most {MOST_TASKS} tasks")
        return
    if kinds * len(s.agents) > MOST_CELLS:
        yield Problem(
            "too_large",
            "jobs",
            f"{kinds} kinds for {len(s.agents)} agents",
            f"at most {MOST_CELLS} pairs of agent and kind",
        )
        return
    yield from _unique("resources", [each.name for each in s.resources])
    yield from _unique("agents", [each.name for each in s.agents])
    yield from _unique("jobs", [each.name for each in s.jobs])
    yield from _site(s, options)
    used, pairs = Counter[tuple[str | None, str | None]](), 0
    for j, job in enumerate(s.jobs):
        if not _is_plain_job(s, job, options):
            yield from _job(s, j, job, options)
        states: dict[str, Task] = {}
        for t, task in enumerate(job.tasks):
            may = options.of(task)
            pairs += len(may)
            if pairs <= MOST_OPTIONS and _is_plain(task, may, options):
                continue
            path = f"jobs[{j}].tasks[{t}]"
            states = states or {task.name: task for task in job.tasks}
            if pairs > MOST_OPTIONS:
                yield Problem(
                    "too_large",
                    path,
                    f"more than {MOST_OPTIONS} pairs of task and agent in all",
                    f"at most {MOST_OPTIONS}",
                )
                return
            yield from _task(path, task, may, options)
            yield from _state(path, s, job, task, states, may, options)
            if task.state == "running":
                for name, units in task.demands.items():
                    used[None if name in options.shared else task.agent, name] += units
                used[task.agent, None] += 1
    yield from _in_use(s, used, options)
    yield from _memory(s, options)


def _is_plain(task: Task, may: dict[str, float], options: Options) -> bool:
    """Whether nothing can be wrong with a task by itself, as with most: then nobody has to look closer, which takes longer."""
    if task.state != "waiting" or task.agent is not None or task.since is not None or task.until is not None:
        return False
    if not may or task.pinned is not None or type(task.duration) is not float:
        return False
    if task.eligible is not None and (type(task.eligible) is not list or len(may) < len(task.eligible)):
        return False
    for name, units in task.demands.items():  # noqa: SIM110 - all() takes longer to set up than most have demands
        if units > options.shared.get(name, -1):
            return False
    return True


def _is_plain_job(s: Situation, job: Job, options: Options) -> bool:
    """Whether nothing can be wrong with a job as a whole, as with most."""
    if job.owner is not None and job.owner not in options.agents:
        return False
    if job.arrived is not None or (job.due is not None and job.due < s.time):
        return False
    names = _told_in_order(job)
    return names is not None and len(names) == len(job.tasks)


def _unique(path: str, names: Sequence[str]) -> Iterator[Problem]:
    if len(set(names)) < len(names):
        seen: set[str] = set()
        for k, name in enumerate(names):
            if name in seen:
                yield Problem("duplicate_name", f"{path}[{k}].name", shown(name), f"a name that no other of {path} has")
            seen.add(name)


def _known(path: str, name: str, known: Iterable[str], what: str) -> Iterator[Problem]:
    if name not in known:
        yield Problem(
            f"unknown_{what}", path, shown(name), f"the name of {'an' if what == 'agent' else 'a'} {what} that exists"
        )


def _site(s: Situation, options: Options) -> Iterator[Problem]:
    for r, resource in enumerate(s.resources):
        if resource.shared and resource.capacity is None:
            yield Problem("missing", f"resources[{r}].capacity", "absent", "given for a shared resource")
    own = {resource.name for resource in s.resources if not resource.shared}
    for a, agent in enumerate(s.agents):
        for name in agent.capacities:
            if name not in own:
                wanted = "a resource that is not shared"
                yield Problem(
                    "unknown_resource", f"agents[{a}].capacities.{name}", shown(name), f"the name of {wanted}"
                )
    if not any(agent.up for agent in s.agents):
        yield Problem("nobody_up", "agents", "all down", "up, one at least, for anything to start", "warning")


def _job(s: Situation, j: int, job: Job, options: Options) -> Iterator[Problem]:
    path = f"jobs[{j}]"
    if job.owner is not None:
        yield from _known(f"{path}.owner", job.owner, options.agents, "agent")
    if job.arrived is False and job.release < s.time:
        yield Problem(
            "released_before", f"{path}.arrived", "False", f"true, as its release at {job.release:g} s is past"
        )
    if job.arrived and job.release > s.time:
        yield Problem(
            "released_later", f"{path}.arrived", "True", f"false, as its release at {job.release:g} s is to come"
        )
    if job.due is not None and job.due < s.time and any(task.state != "done" for task in job.tasks):
        yield Problem("due_passed", f"{path}.due", f"{job.due:g}", f"later than now, {s.time:g}, to be met", "warning")
    yield from _unique(f"{path}.tasks", [task.name for task in job.tasks])
    names = {task.name for task in job.tasks}
    wrong = False
    for t, task in enumerate(job.tasks):
        for k, name in enumerate(task.predecessors):
            if name not in names:
                wrong = True
                yield Problem(
                    "unknown_task",
                    f"{path}.tasks[{t}].predecessors[{k}]",
                    shown(name),
                    "the name of a task of the same job",
                )
    if not wrong and len(in_order(job)) < len(names):
        left = sorted(names - {task.name for task in in_order(job)})
        yield Problem("cycle", f"{path}.tasks", f"{shown(left[0])} waits for itself", "a job without circles")


def _told_in_order(job: Job) -> set[str] | None:
    """Names of a job's tasks if every one is told behind its predecessors, as mostly."""
    behind: set[str] = set()
    for task in job.tasks:
        if task.predecessors and not behind.issuperset(task.predecessors):
            return None
        behind.add(task.name)
    return behind


def in_order(job: Job) -> list[Task]:
    """Return a job's tasks, every one behind its predecessors; those on a circle, and behind one, are missing."""
    if _told_in_order(job) is not None:
        return list(job.tasks)
    waits = {task.name: len(set(task.predecessors)) for task in job.tasks}
    after: dict[str, list[Task]] = {}
    for task in job.tasks:
        for name in set(task.predecessors):
            after.setdefault(name, []).append(task)
    order = [task for task in job.tasks if not waits[task.name]]
    for task in order:
        for successor in after.get(task.name, ()):
            waits[successor.name] -= 1
            if not waits[successor.name]:
                order.append(successor)
    return order


def _task(path: str, task: Task, may: dict[str, float], options: Options) -> Iterator[Problem]:
    found = False
    for name in task.demands:
        if name not in options.resources:
            found = True
            yield Problem(
                "unknown_resource", f"{path}.demands.{name}", shown(name), "the name of a resource that exists"
            )
    if task.pinned is not None:
        yield from _known(f"{path}.pinned", task.pinned, options.agents, "agent")
    for k, name in enumerate(task.eligible or ()) if len(may) < len(task.eligible or ()) else ():
        at = f"{path}.eligible.{name}" if isinstance(task.eligible, dict) else f"{path}.eligible[{k}]"
        yield from _known(at, name, options.agents, "agent")
    estimates = [(f"{path}.duration", task.duration)]
    if isinstance(task.eligible, dict):
        estimates += [(f"{path}.eligible.{name}", each) for name, each in task.eligible.items()]
    elif task.duration is None:
        yield Problem("missing", f"{path}.duration", "absent", "given, or given per agent in eligible")
        return
    for at, each in estimates:
        if isinstance(each, Quantiles) and not each.p10 <= each.p50 <= each.p90:
            yield Problem("not_ascending", at, shown(each), "three durations that ascend: p10, p50, p90")
        elif isinstance(each, Quantiles) and mean_of(each) > MOST_SECONDS:
            wanted = f"closer together, so that the mean is at most {MOST_SECONDS:g} s"
            yield Problem("too_uncertain", at, shown(each), wanted)
    if found:
        return
    pools = options.shared
    if may and all(name in pools and units <= pools[name] for name, units in task.demands.items()):
        return
    for name in may if task.eligible is not None else ():
        if (lacking := options.lacks(task, name)) is not None:
            has = options.shared.get(lacking, options.own[name].get(lacking, 0))
            yield Problem(
                "too_large",
                f"{path}.demands.{lacking}",
                str(task.demands[lacking]),
                f"at most {has}, all that {name} can have",
            )
    if not may:
        what = "an agent that may run it" if task.pinned is None else f"an agent in eligible, {task.pinned!r} is not"
        yield Problem(
            "nobody_eligible", path, "a task that nobody can run", f"given {what} and has the units it demands"
        )


def _state(
    path: str, s: Situation, job: Job, task: Task, tasks: dict[str, Task], may: dict[str, float], options: Options
) -> Iterator[Problem]:
    if task.earliest is not None and task.state != "waiting" and (task.since or s.time) < task.earliest:
        yield Problem(
            "too_early", f"{path}.earliest", f"{task.earliest:g}", f"no later than its start, as it is {task.state}"
        )
    if task.state == "waiting":
        for field in ("agent", "since", "until"):
            if getattr(task, field) is not None:
                yield Problem(
                    "not_started", f"{path}.{field}", shown(getattr(task, field)), "absent, or state running or done"
                )
        return
    if job.release > s.time or job.arrived is False:
        yield Problem("not_released", f"{path}.state", shown(task.state), "waiting, as its job is to be released later")
    for field in ("since", "until"):
        moment = getattr(task, field)
        if moment is not None and moment > s.time:
            yield Problem("in_the_future", f"{path}.{field}", f"{moment:g}", f"at most now, {s.time:g}")
    for name in task.predecessors:
        before = tasks.get(name)
        if before is not None and before.state != "done":
            yield Problem(
                "too_early", f"{path}.state", shown(task.state), f"waiting, as its predecessor {name!r} is not done"
            )
    if task.agent is not None:
        yield from _known(f"{path}.agent", task.agent, options.agents, "agent")
    if task.state == "done":
        if task.since is not None and task.until is not None and task.since > task.until:
            yield Problem("not_ascending", f"{path}.until", f"{task.until:g}", f"no earlier than since, {task.since:g}")
        return
    if task.until is not None:
        yield Problem("not_done", f"{path}.until", f"{task.until:g}", "absent, as the task is running")
    for field in ("agent", "since"):
        if getattr(task, field) is None:
            yield Problem("missing", f"{path}.{field}", "absent", "given, as the task is running")
    if task.agent in options.agents and task.agent not in may:
        yield Problem(
            "not_eligible", f"{path}.agent", shown(task.agent), f"one of {', '.join(list(may)[:5]) or 'nobody'}"
        )
    if task.agent in options.agents and not options.agents[task.agent].up:
        yield Problem("agent_down", f"{path}.agent", shown(task.agent), "an agent that is up, as the task is running")
    if task.since is not None:
        earliest = max([job.release, *(tasks[name].until or 0.0 for name in task.predecessors if name in tasks)])
        if task.since < earliest:
            yield Problem(
                "too_early", f"{path}.since", f"{task.since:g}", f"at least {earliest:g}, when it could start"
            )


def _in_use(s: Situation, used: Counter[tuple[str | None, str | None]], options: Options) -> Iterator[Problem]:
    for (agent, name), units in used.items():
        if agent is None and name in options.shared and units > options.shared[name]:
            yield Problem(
                "overcommitted", "jobs", f"{units} {name} in use by running tasks", f"at most {options.shared[name]}"
            )
        if agent in options.agents and name is not None and units > options.own[agent].get(name, units):
            has = options.own[agent].get(name, 0)
            yield Problem(
                "overcommitted", "jobs", f"{units} {name} in use at {agent} by running tasks", f"at most {has}"
            )
        if agent in options.agents and name is None and units > (options.agents[agent].at_once or units):
            yield Problem(
                "overcommitted", "jobs", f"{units} tasks running at {agent}", f"at most {options.agents[agent].at_once}"
            )


def _memory(s: Situation, options: Options) -> Iterator[Problem]:
    jobs = {job.name: {task.name: task for task in job.tasks} for job in s.jobs} if s.reservations else {}
    for k, held in enumerate(s.reservations):
        path = f"reservations[{k}]"
        yield from _known(f"{path}.agent", held.agent, options.agents, "agent")
        yield from _known(f"{path}.job", held.job, jobs, "job")
        if held.job in jobs:
            yield from _known(f"{path}.task", held.task, jobs[held.job], "task")
            if (
                held.task in jobs[held.job]
                and held.agent in options.agents
                and held.agent not in options.of(jobs[held.job][held.task])
            ):
                yield Problem("not_eligible", f"{path}.agent", shown(held.agent), "an agent that may run the task")
    for k, seen in enumerate(s.history):
        yield from _known(f"history[{k}].agent", seen.agent, options.agents, "agent")
    for name in s.balances:
        yield from _known(f"balances.{name}", name, options.agents, "agent")
