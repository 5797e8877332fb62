"""Resource-constrained projects (RCPSP): PSPLIB's .sm (Kolisch and Sprecher 1996) and Patterson's .rcp (1984).

Both list activities, numbered from 1, with duration, demands and successors. The first and the last are usually dummies
that mark start and end; they are dropped where they really take no time and no units.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from envs.workloads.drawing import require
from envs.workloads.instance import Instance, WorkloadError
from envs.workloads.source import MAX_CELLS, FileWorkload, Numbers, build, check_size, data_lines, lines, precedence

SUFFIXES: Final = (".sm", ".rcp")
MULTI_MODE: Final = ".mm"
"""Where PSPLIB keeps projects of several modes: read as .sm is, up to the first thing that has no place in this world."""

_COUNTS: Final = {
    "jobs": re.compile(r"jobs\b[^:]*:(.*)"),
    "renewable": re.compile(r"\s*-\s*renewable\s*:([^R]*)"),
    "nonrenewable": re.compile(r"\s*-\s*nonrenewable\s*:([^N]*)"),
    "doubly constrained": re.compile(r"\s*-\s*doubly constrained\s*:([^D]*)"),
}
_SINGLE_MODE: Final = ": multi-mode projects, whose activities choose between durations and units, cannot be played"
_SECTIONS: Final = ("PROJECT INFORMATION", "PRECEDENCE RELATIONS", "REQUESTS/DURATIONS", "RESOURCEAVAILABILITIES")


@dataclass
class _Project:
    """What a file says; activities count from 0 here."""

    capacity: list[int]
    duration: list[float] = field(default_factory=list)
    demand: list[list[int]] = field(default_factory=list)
    successors: list[list[int]] = field(default_factory=list)
    release: float = 0.0
    due: float = np.inf


@dataclass(frozen=True)
class ProjectWorkload(FileWorkload):
    """One project: one agent, whose local capacities are the renewable resources, and one job that is the whole project.

    A .sm file also gives a due date (0: none) and a release date; .rcp files have neither.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self._suffix() in (*SUFFIXES, MULTI_MODE),
            self,
            "path",
            f"a file that ends in {' or '.join(SUFFIXES)} (.gz may follow)",
        )

    def _suffix(self) -> str:
        plain = self.path.lower().removesuffix(".gz")
        return plain[plain.rfind(".") :]

    def read(self) -> tuple[Instance, tuple[str, ...]]:
        project = _read_rcp(self.path) if self._suffix() == ".rcp" else _read_sm(self.path)
        kept = _kept(project)
        if not kept:
            raise WorkloadError(f"{self.path}: has no activity beside the dummies, must have at least one")
        place = {activity: task for task, activity in enumerate(kept)}
        instance = project_instance(
            self.path,
            capacity=project.capacity,
            duration=[project.duration[activity] for activity in kept],
            demand=[project.demand[activity] for activity in kept],
            edges=[(place[a], place[b]) for a in kept for b in project.successors[a] if b in place],
            names=[str(activity + 1) for activity in kept],
            release=project.release,
            due=project.due,
        )
        return instance, ()


def project_instance(
    path: str,
    *,
    capacity: Sequence[int],
    duration: Sequence[float],
    demand: Sequence[Sequence[int]],
    edges: Iterable[tuple[int, int]],
    names: Sequence[str],
    release: float = 0.0,
    due: float = np.inf,
) -> Instance:
    """Return the instance of a project of T activities: one agent of local ``capacity`` [R], and one job.

    Args:
        path: where it comes from, for its name and for errors.
        capacity: [R] units.
        duration: [T] seconds.
        demand: [T][R] units.
        edges: pairs (before, after) of activities.
        names: [T] of the activities.
        release: seconds.
        due: seconds; inf: none.

    Raises:
        WorkloadError: where the graph has a cycle, or an activity does not fit.
    """
    first, successor = precedence(path, names, edges)
    tasks, resources = len(duration), len(capacity)
    return build(
        path,
        resources=tuple(f"R{number + 1}" for number in range(resources)),
        shared=np.zeros(resources, np.bool_),
        shared_capacity=np.zeros(resources),
        local_capacity=np.array([capacity]),
        speed=np.ones((1, 1)),
        job_release=np.array([release]),
        job_due=np.array([due]),
        job_weight=np.ones(1),
        job_owner=np.zeros(1),
        job_first=np.array([0, tasks]),
        task_kind=np.zeros(tasks),
        task_demand=np.array(demand),
        task_ratio=np.ones(tasks),
        option_first=np.arange(tasks + 1),
        option_agent=np.zeros(tasks),
        option_nominal=np.array(duration),
        successor_first=first,
        successor=successor,
        task_names=names,
    )


def _kept(project: _Project) -> list[int]:
    """Return the activities without the dummies: a first one that waits for none, a last one that none waits for it, both empty."""
    count = len(project.duration)
    awaited = {b for successors in project.successors for b in successors}
    empty = [project.duration[a] == 0 and not any(project.demand[a]) for a in range(count)]
    source = empty[0] and 0 not in awaited
    sink = empty[-1] and not project.successors[-1]
    return list(range(int(source), count - int(sink)))


def _read_rcp(path: str) -> _Project:
    """Read Patterson's format: counts, capacities, then per activity its duration, demands, number of successors, successors."""
    numbers = Numbers(path, data_lines(path))
    count, resources = numbers.integer("activities", 1, MAX_CELLS), numbers.integer("resources", 1, MAX_CELLS)
    check_size(path, f"{count} activities x {resources} resources", count * resources)
    project = _Project([numbers.integer(f"capacity of R{r + 1}", 0) for r in range(resources)])
    for _ in range(count):
        _take_request(numbers, project)
        _take_successors(numbers, project, count)
    numbers.end(f"the last of {count} activities")
    return project


def _take_request(numbers: Numbers, project: _Project) -> None:
    project.duration.append(numbers.number("duration"))
    project.demand.append(
        [numbers.integer(f"demand of R{r + 1}", 0, units) for r, units in enumerate(project.capacity)]
    )


def _take_successors(numbers: Numbers, project: _Project, count: int) -> None:
    followers = numbers.integer("number of successors", 0, count)
    project.successors.append([numbers.integer("successor", 1, count) - 1 for _ in range(followers)])


def _read_sm(path: str) -> _Project:
    """Read PSPLIB's single-mode format: two counts, then titled tables."""
    counts, tables = _sm_tables(path)
    count = counts["jobs"].integer("jobs", 1, MAX_CELLS)
    resources = counts["renewable"].integer("renewable resources", 1, MAX_CELLS)
    for unsupported in ("nonrenewable", "doubly constrained"):
        if amount := counts[unsupported].integer(f"{unsupported} resources", 0):
            raise WorkloadError(
                f"{path}:{counts[unsupported].line}: has {amount} {unsupported} resources, must have 0{_SINGLE_MODE}"
            )
    check_size(path, f"{count} jobs x {resources} resources", count * resources)
    information, relations, requests, availability = (tables[title] for title in _SECTIONS)
    project = _Project([availability.integer(f"capacity of R{r + 1}", 0) for r in range(resources)])
    availability.end("the capacities")
    information.integer("pronr.", 1)
    information.integer("#jobs", 0)
    project.release = information.number("rel.date")
    project.due = information.number("duedate") or np.inf
    information.number("tardcost")
    information.number("MPM-Time")
    information.end("the one project")
    for activity in range(1, count + 1):
        relations.integer("jobnr.", activity, activity)
        if (modes := relations.integer("#modes", 1)) > 1:
            raise WorkloadError(f"{path}:{relations.line}: job {activity} has {modes} modes, must have 1{_SINGLE_MODE}")
        _take_successors(relations, project, count)
        requests.integer("jobnr.", activity, activity)
        requests.integer("mode", 1, 1)
        _take_request(requests, project)
    relations.end(f"the last of {count} jobs")
    requests.end(f"the last of {count} jobs")
    return project


def _sm_tables(path: str) -> tuple[dict[str, Numbers], dict[str, Numbers]]:
    """Return the numbers of the counts at the top and those below the titles, without the tables' column heads."""
    counts: dict[str, Numbers] = {}
    rows: dict[str, list[tuple[int, str]]] = {}
    table: list[tuple[int, str]] | None = None
    for number, line in lines(path):
        title = line.strip().rstrip(":").rstrip()
        if line.startswith("***"):
            table = None
        elif title in _SECTIONS:
            table = rows.setdefault(title, [])
        elif table is not None:
            if not line.startswith("---"):
                table.append((number, line))
        elif ":" in line:
            counts.update(
                {
                    name: Numbers(path, [(number, match[1])])
                    for name, form in _COUNTS.items()
                    if (match := form.match(line))
                }
            )
    missing = [name for name in (*_COUNTS, *_SECTIONS) if name not in counts and name not in rows]
    if missing:
        raise WorkloadError(f"{path}: has no {missing[0]!r}: is this a PSPLIB file?")
    return counts, {title: Numbers(path, table[1:]) for title, table in rows.items()}
