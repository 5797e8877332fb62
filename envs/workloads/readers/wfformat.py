"""Scientific workflows in WfFormat 1.0 to 1.6 (Coleman et al. 2022, "WfCommons"): one job per execution, a graph of tasks.

The tasks stand in ``workflow.jobs`` up to 1.2, in ``workflow.tasks`` up to 1.4, and from 1.5 on in
``workflow.specification.tasks`` with what was measured in ``workflow.execution.tasks``. Up to 1.4 tasks refer to each
other by name, later by id.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from envs import strict_json
from envs.workloads.drawing import integer, number, require, stream
from envs.workloads.generators.random_workflow import draw_speeds
from envs.workloads.graph import IntArray
from envs.workloads.instance import Instance, WorkloadError
from envs.workloads.source import (
    MAX_AGENTS,
    MAX_SECONDS,
    MAX_UNITS,
    FileWorkload,
    build,
    check_size,
    most_characters,
    open_text,
    precedence,
    too_long,
)

MAX_CHARACTERS: Final = 512 * 2**20
"""Size of a file above which it is refused unread."""

_RUNTIME: Final = ("runtimeInSeconds", "runtime")
_CORES: Final = ("coreCount", "cores")
_NUMBERING: Final = "0123456789_.-#:/"

Json = Any
"""Whatever a file holds: every use checks the type first."""


@dataclass(frozen=True)
class _Task:
    kind: str
    runtime: float
    cores: int


@dataclass(frozen=True)
class WfFormatWorkload(FileWorkload):
    """Executions of one workflow by agents of different speed; every task may run on every agent and holds local ``cores``.

    The kind of a task is its category, else the program it ran, else its name without the number at the end. A task
    without a core count, or with less than one core, holds one; fractions are rounded up.
    """

    agents: int = 4
    cores: int = 0
    """Cores of each agent; 0: the most that one task holds."""
    speed_spread: float = 0.0
    """Speeds rise geometrically from 1 / (1 + spread) at the first agent to 1 + spread at the last; one agent has speed 1."""
    kind_spread: float = 0.0
    """Times a factor per agent and kind of task, drawn from ``speed_seed``, log-uniform between 1 / (1 + spread) and 1 + spread."""
    speed_seed: int = 0
    speed_known: bool = True
    """True: nominal durations are divided by the speed; False: they are not, and agents have to find out."""
    copies: int = 1
    """Jobs; job j is owned by agent j modulo A."""
    interarrival: float = 0.0
    """Seconds between the releases of successive copies."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(integer(self.agents, 1, MAX_AGENTS), self, "agents", f"an integer in 1..{MAX_AGENTS}")
        require(
            integer(self.cores, 0, MAX_UNITS),
            self,
            "cores",
            f"an integer in 0..{MAX_UNITS} (0 for the most of any task)",
        )
        require(number(self.speed_spread, 0, 1e6), self, "speed_spread", "in [0, 1e6]")
        require(number(self.kind_spread, 0, 1e6), self, "kind_spread", "in [0, 1e6]")
        require(integer(self.speed_seed, 0), self, "speed_seed", "an integer >= 0")
        require(isinstance(self.speed_known, bool), self, "speed_known", "true or false")
        require(integer(self.copies, 1), self, "copies", "an integer >= 1")
        require(number(self.interarrival, 0, MAX_SECONDS), self, "interarrival", f"in [0, {MAX_SECONDS:g}]")

    def read(self) -> tuple[Instance, tuple[str, ...]]:
        workflow, entries = _entries(self.path)
        options = len(entries) * self.copies * self.agents
        check_size(self.path, f"{len(entries)} tasks x {self.copies} copies x {self.agents} agents", options)
        measured = _measured(self.path, workflow)
        untimed = not any(entry.get(name) is not None for entry in entries.values() for name in _RUNTIME)
        if untimed and "specification" in workflow and "execution" not in workflow:
            wanted = f"{_RUNTIME[0]} in workflow.execution.tasks"
            raise WorkloadError(
                f"{self.path}: has a specification and no execution, which says how long tasks took; must have {wanted}"
            )
        tasks = {key: _task(self.path, key, entry, measured.get(key, entry)) for key, entry in entries.items()}
        cores = self.cores or max(task.cores for task in tasks.values())
        for key, task in tasks.items():
            if task.cores > cores:
                raise WorkloadError(
                    f"{self.path}: task {key!r} holds {task.cores} cores, must be at most the {cores} of an agent"
                )
        first, successor = precedence(self.path, [repr(key) for key in tasks], _edges(self.path, entries))
        check_size(self.path, f"{successor.size} edges x {self.copies} copies", successor.size * self.copies)
        return self._instance(list(tasks), list(tasks.values()), cores, first, successor), ()

    def _instance(
        self, keys: list[str], tasks: list[_Task], cores: int, first: IntArray, successor: IntArray
    ) -> Instance:
        count, agents, copies = len(tasks), self.agents, self.copies
        kinds = {kind: number for number, kind in enumerate(dict.fromkeys(task.kind for task in tasks))}
        speed = (1 + self.speed_spread) ** np.linspace(-1, 1, agents) if agents > 1 else np.ones(1)
        kind = np.array([kinds[task.kind] for task in tasks])
        by_kind = speed[:, None] * draw_speeds(stream(self.speed_seed), agents, len(kinds), self.kind_spread)
        nominal = np.repeat([task.runtime for task in tasks], agents).reshape(count, agents)
        shift = np.arange(copies)[:, None]
        return build(
            self.path,
            resources=("cores",),
            shared=np.zeros(1, np.bool_),
            shared_capacity=np.zeros(1),
            local_capacity=np.full((agents, 1), cores),
            speed=np.ones(by_kind.shape) if self.speed_known else by_kind,
            job_release=np.arange(copies) * self.interarrival,
            job_due=np.full(copies, np.inf),
            job_weight=np.ones(copies),
            job_owner=np.arange(copies) % agents,
            job_first=np.arange(copies + 1) * count,
            task_kind=np.tile(kind, copies),
            task_demand=np.tile([task.cores for task in tasks], copies).reshape(-1, 1),
            task_ratio=np.ones(copies * count),
            option_first=np.arange(copies * count + 1) * agents,
            option_agent=np.tile(np.arange(agents), copies * count),
            option_nominal=np.tile((nominal / by_kind.T[kind] if self.speed_known else nominal).ravel(), copies),
            successor_first=np.append((first[:-1] + shift * successor.size).ravel(), copies * successor.size),
            successor=(successor + shift * count).ravel(),
            task_names=keys * copies,
        )


def _load(path: str) -> Json:
    with open_text(path) as file:
        most = most_characters(path)
        text = file.read(min(most, MAX_CHARACTERS) + 1)
    if len(text) > most:
        raise too_long(path)
    if len(text) > MAX_CHARACTERS:
        raise WorkloadError(f"{path}: is longer than {MAX_CHARACTERS} characters, must be at most that")
    try:
        return strict_json.loads(text)
    except ValueError as error:
        raise WorkloadError(f"{path}: is no JSON: {error}") from None


def _entries(path: str) -> tuple[Mapping[str, Json], dict[str, Mapping[str, Json]]]:
    """Return the workflow and its tasks by key."""
    workflow = _get(path, "the file", _load(path), "workflow", dict)
    if "specification" in workflow:
        place, parent = "workflow.specification", _get(path, "workflow", workflow, "specification", dict)
    else:
        place, parent = "workflow", workflow
    entries = _by_key(path, place, parent, "jobs" if "jobs" in parent else "tasks")
    if not entries:
        raise WorkloadError(f"{path}: {place} has no tasks, must have at least one")
    return workflow, entries


def _measured(path: str, workflow: Mapping[str, Json]) -> dict[str, Mapping[str, Json]]:
    """Return what the execution of each task says, by key; empty before 1.5."""
    return _by_key(path, "workflow.execution", workflow["execution"], "tasks") if "execution" in workflow else {}


def _by_key(path: str, place: str, parent: Json, name: str) -> dict[str, Mapping[str, Json]]:
    """Return the entries of a list by their id, or by their name where they have no id."""
    found: dict[str, Mapping[str, Json]] = {}
    for position, entry in enumerate(_get(path, place, parent, name, list)):
        key = entry.get("id", entry.get("name")) if isinstance(entry, dict) else None
        if not isinstance(key, str) or not key:
            raise WorkloadError(f"{path}: {place}.{name}[{position}] has the id {key!r:.40}, must be a text")
        if key in found:
            raise WorkloadError(
                f"{path}: {place}.{name}[{position}] has the id {key!r} of an earlier one, must have its own"
            )
        found[key] = entry
    return found


def _get(path: str, place: str, parent: Json, name: str, kind: type) -> Json:
    value = parent.get(name) if isinstance(parent, dict) else None
    if not isinstance(value, kind):
        raise WorkloadError(
            f"{path}: {place} has no {name!r} that is {'a list' if kind is list else 'an object'}: is this WfFormat?"
        )
    return value


def _task(path: str, key: str, entry: Mapping[str, Json], measured: Mapping[str, Json]) -> _Task:
    runtime = _amount(path, key, measured, _RUNTIME, MAX_SECONDS)
    cores = max(1, math.ceil(_amount(path, key, measured, _CORES, MAX_UNITS, absent=1)))
    return _Task(_kind(key, entry, measured), runtime, cores)


def _amount(
    path: str, key: str, measured: Mapping[str, Json], names: tuple[str, ...], high: float, absent: float | None = None
) -> float:
    """Return the number in [0, high] under the first of the names that the task has."""
    name, value = next(((name, measured[name]) for name in names if measured.get(name) is not None), (names[0], absent))
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= high:
        raise WorkloadError(f"{path}: {name} of task {key!r} is {value!r:.40}, must be a number in 0..{high:g}")
    return float(value)


def _kind(key: str, entry: Mapping[str, Json], measured: Mapping[str, Json]) -> str:
    category, name, command = entry.get("category"), entry.get("name"), measured.get("command")
    if isinstance(category, str) and category:
        return category
    program = command.get("program") if isinstance(command, dict) else None
    if (
        isinstance(program, str) and len(program.split()) == 1 and program.strip("-")
    ):  # Nextflow puts the whole script there
        return program
    stem = (name if isinstance(name, str) and name else key).rstrip(_NUMBERING)
    return stem.removesuffix("ID").rstrip(_NUMBERING) or "task"


def _edges(path: str, entries: Mapping[str, Mapping[str, Json]]) -> Iterator[tuple[int, int]]:
    """Yield (before, after) for every parent and every child that a task names, by id or by a name that is its own."""
    names = [entry.get("name") for entry in entries.values()]
    uses = Counter(name for name in names if isinstance(name, str))
    number = {name: position for position, name in enumerate(names) if isinstance(name, str) and uses[name] == 1}
    number |= {key: position for position, key in enumerate(entries)}
    for key, entry in entries.items():
        for relation in ("parents", "children"):
            others = entry.get(relation) or []
            if not isinstance(others, list):
                raise WorkloadError(f"{path}: {relation} of task {key!r} is {others!r:.40}, must be a list of ids")
            for other in others:
                if not isinstance(other, str) or other not in number:
                    raise WorkloadError(
                        f"{path}: task {key!r} has {other!r:.80} among its {relation}, must be the id of a task"
                    )
                yield (number[other], number[key]) if relation == "parents" else (number[key], number[other])
