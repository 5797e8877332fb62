"""A situation: what a user knows about tasks, agents and resources at one instant, by name, as JSON in and out.

The schema is versioned and published (docs/situation.schema.json). What it means for the world is in ``conversion.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.operation.site.problems import MOST_BYTES, Problem, SituationError, from_pydantic, read_json

if TYPE_CHECKING:
    from agents.operation.site.options import Options

VERSION: Final = 1
NAMES: Final = re.compile(r'"[ \t\n\r]*:')
NAMES_BYTES: Final = re.compile(rb'"[ \t\n\r]*:')
"""Where names of members end."""
QUANTILES: Final = 3
"""Members of the object."""
MOST_UNITS: Final = 10**9
"""Of a resource, or of a demand."""
MOST_SECONDS: Final = 1e12

Name = Annotated[str, Field(min_length=1, max_length=200)]
Units = Annotated[int, Field(ge=0, le=MOST_UNITS)]
Seconds = Annotated[float, Field(ge=0, le=MOST_SECONDS)]
Positive = Annotated[float, Field(gt=0, le=MOST_SECONDS)]


class Part(BaseModel):
    """What all parts share: no unknown fields, no numbers in quotes, nothing infinite, nothing changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Quantiles(Part):
    """An uncertain duration, seconds: it is shorter than p10 in one case out of ten, than p50 in half of them, than p90 in nine."""

    p10: Positive
    p50: Positive
    p90: Positive


Duration = Seconds | Quantiles


class Resource(Part):
    """Something that tasks hold units of while they run."""

    name: Name
    shared: bool = True
    """One pool for all agents; otherwise every agent has its own units."""
    capacity: Units | None = None
    """Units of the pool; where it is not shared, of every agent that does not say otherwise in its ``capacities``."""


class Agent(Part):
    """Someone or something that runs tasks."""

    name: Name
    capacities: dict[Name, Units] = Field(default_factory=dict)
    """Own units, by resource that is not shared."""
    speeds: dict[Name, Positive] = Field(default_factory=dict)
    """By kind of task: tasks of a kind take their duration divided by this, 1 where it is not given."""
    up: bool = True
    at_once: Annotated[int, Field(ge=1, le=MOST_UNITS)] | None = 1
    """Most tasks that it runs at once; null: as many as its resources allow."""


class Task(Part):
    """A unit of work."""

    name: Name
    kind: Name = "task"
    """Tasks of a kind take long or short together: what agents learn about durations, they learn by kind."""
    duration: Duration | None = None
    """Estimate; may be left out where ``eligible`` gives one per agent."""
    demands: dict[Name, Units] = Field(default_factory=dict)
    """Units held while it runs, by resource."""
    eligible: list[Name] | dict[Name, Duration] | None = None
    """Agents that may run it, perhaps with an estimate for each; null: all that have the units."""
    predecessors: list[Name] = Field(default_factory=list)
    """Tasks of the same job that must be done first."""
    state: Literal["waiting", "running", "done"] = "waiting"
    agent: Name | None = None
    """Who runs it, or ran it."""
    since: Seconds | None = None
    """When it started."""
    until: Seconds | None = None
    """When it was done."""
    failed: Annotated[int, Field(ge=0, le=10_000)] = 0
    """How many attempts have failed."""
    pinned: Name | None = None
    """Only this agent may run it."""
    earliest: Seconds | None = None
    """It does not start before: an appointment, or the end of a delay after a failure."""
    progress: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of its work that interrupted attempts have done, and that is kept: the attempt that runs, or comes, takes so much less."""
    command: (
        Annotated[list[str], Field(min_length=1, max_length=10_000)] | Annotated[str, Field(min_length=1)] | None
    ) = None
    """What ``parley run`` runs: a program and its arguments, or a line for the shell. Decisions do not depend on this and the following."""
    cwd: str | None = None
    """Folder in which the command runs; relative to that of the file, which it is by default."""
    environment: dict[Name, str] = Field(default_factory=dict)
    """Variables of the command, beside those of ``parley run``."""
    timeout: Positive | None = None
    """Seconds after which an attempt is stopped, and has failed."""
    retries: Annotated[int, Field(ge=0, le=1000)] = 0
    """How often a failed attempt is tried again."""


class Job(Part):
    """Tasks that belong together."""

    name: Name
    tasks: Annotated[list[Task], Field(min_length=1)]
    owner: Name | None = None
    """The agent on whose account it is; null: the first that may run its first task."""
    release: Seconds = 0.0
    """When it came, or will come."""
    due: Seconds | None = None
    weight: Positive = 1.0
    arrived: bool | None = None
    """Whether it is here; null: if its release is not in the future."""


class Seen(Part):
    """What an agent's earlier tasks of a kind have taken, as a multiple of their estimates."""

    agent: Name
    kind: Name
    ratios: list[Positive] = Field(default_factory=list)
    """Actual duration / estimate, the oldest first."""
    count: Annotated[int, Field(ge=0, le=MOST_UNITS)] = 0
    """Instead of, or before, ``ratios``: how many there were,"""
    mean: float = 0.0
    """the mean of the logarithms of their ratios,"""
    m2: Annotated[float, Field(ge=0)] = 0.0
    """and the sum of the squared differences from that mean."""
    failures: Annotated[int, Field(ge=0, le=MOST_UNITS)] = 0


class Reservation(Part):
    """A decision of before that still stands: the agent keeps its place for a task that could not start yet."""

    agent: Name
    job: Name
    task: Name
    start: Seconds
    """When it was expected to start."""


class Situation(Part):
    """Everything that a decision is made from."""

    version: Literal[1] = VERSION
    time: Seconds
    """Now, in seconds since any origin that all times share."""
    resources: Annotated[list[Resource], Field(max_length=64)] = []
    agents: Annotated[list[Agent], Field(min_length=1, max_length=2_000)]
    jobs: Annotated[list[Job], Field(min_length=1, max_length=100_000)]
    history: Annotated[list[Seen], Field(max_length=100_000)] = []
    reservations: Annotated[list[Reservation], Field(max_length=2_000)] = []
    price: Annotated[float, Field(ge=-1e6, le=1e6)] = 0.0
    """What contested units went for lately: ``price`` of the decision before."""
    balances: dict[Name, Annotated[float, Field(ge=0)]] = {}
    """Credits that agents have left, where bids are paid for; those not named have all of theirs."""

    @classmethod
    def read(cls, document: str | bytes) -> Situation:
        """Read a JSON document.

        Raises:
            SituationError: with every problem that was found.
        """
        quick = _quickly(document)
        return cls.of(read_json(document)) if quick is None else quick.checked()

    @classmethod
    def of(cls, value: Any) -> Situation:
        """Check plain data: what a JSON document holds; raises as ``read`` does."""
        try:
            situation = cls.model_validate(value)
        except ValidationError as error:
            raise SituationError(from_pydantic(error.errors(include_url=False, include_context=False))) from None
        return situation.checked()

    def checked(self) -> Situation:
        """Return itself; raises as ``read`` does, of what single fields cannot show."""
        if errors := [problem for problem in self._problems if problem.severity == "error"]:
            raise SituationError(errors)
        return self

    @cached_property
    def _problems(self) -> list[Problem]:
        from agents.operation.site.checks import problems_of

        return problems_of(self)

    @cached_property
    def options(self) -> Options:
        """Who may run which task."""
        from agents.operation.site.options import Options

        return Options(self)

    @classmethod
    def new(cls, time: float = 0.0) -> Builder:
        """Begin to build one: ``Situation.new(time=0).agent("a").job("j").task("t", duration=60).build()``."""
        return Builder(time)

    def warnings(self) -> list[Problem]:
        """Return what is odd and allowed."""
        return [problem for problem in self._problems if problem.severity == "warning"]

    def write(self, indent: int | None = None) -> str:
        """Return the JSON document; numbers come back exactly, and what has its default value is left out."""
        return self.model_dump_json(exclude_defaults=True, indent=indent)

    def merged(self, changes: Mapping[str, Any]) -> Situation:
        """Return the situation with changes merged by name: agents, jobs, their tasks and resources that are named change or are added.

        A member ``"remove": true`` of a named part takes it out. Other members replace what was there. Instead of a list, named parts
        may come as an object: ``{"agents": {"ben": {"up": false}, "cy": null}}`` changes one agent and takes another out.

        Raises:
            SituationError: where the result is no situation.
        """
        return Situation.of(_merge(self.model_dump(exclude_defaults=True), changes))


def _quickly(document: str | bytes) -> Situation | None:
    """Read a document in one go, in half the time, where that says all that ``read_json`` would; None: it has to be asked.

    The schema bounds depth and refuses what is infinite. No member stands there twice if there are as many names as were kept: without
    backslashes every name ends in the only kind of quotation mark that a colon follows, but for texts that begin with one.
    """
    escapes = b"\\" in document if isinstance(document, bytes) else "\\" in document
    if len(document) > MOST_BYTES or escapes:
        return None
    try:
        situation = Situation.model_validate_json(document)
    except ValidationError:
        return None
    return situation if count_names(document) == _members(situation) else None


def count_names(document: str | bytes) -> int:
    """How many names of members a document without backslashes has."""
    if isinstance(document, bytes):
        close, colons = document.count(b'":'), document.count(b":")
        return close if close == colons else len(NAMES_BYTES.findall(document))
    close, colons = document.count('":'), document.count(":")
    return close if close == colons else len(NAMES.findall(document))  # else colons stand in texts, or behind spaces


def _members(s: Situation) -> int:
    """How many members the objects of a document have that became this."""
    count = len(s.model_fields_set) + len(s.balances)
    for part in (*s.resources, *s.history, *s.reservations):
        count += len(part.model_fields_set)
    for agent in s.agents:
        count += len(agent.model_fields_set) + len(agent.capacities) + len(agent.speeds)
    for job in s.jobs:
        count += len(job.model_fields_set)
        for task in job.tasks:
            count += len(task.model_fields_set) + len(task.demands) + QUANTILES * (type(task.duration) is Quantiles)
            if isinstance(task.eligible, dict):
                count += len(task.eligible)
                count += QUANTILES * sum(type(each) is Quantiles for each in task.eligible.values())
    return count


def down(situation: Situation, agent: str) -> dict[str, Any]:
    """Return the changes by which an agent goes down: what it runs waits again, what waits for it alone goes on waiting.

    Raises:
        SituationError: there is no such agent.
    """
    if agent not in [each.name for each in situation.agents]:
        raise SituationError([Problem("unknown_agent", "down", repr(agent), "the name of an agent that exists")])
    stopped = {"state": "waiting", "agent": None, "since": None}
    jobs = [
        {
            "name": job.name,
            "tasks": [
                {"name": task.name, **stopped} for task in job.tasks if task.state == "running" and task.agent == agent
            ],
        }
        for job in situation.jobs
    ]
    return {"agents": [{"name": agent, "up": False}], "jobs": [job for job in jobs if job["tasks"]]}


BY_NAME: Final = ("resources", "agents", "jobs", "tasks")
"""Lists whose parts have names."""


def _merge(old: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Merge an object: lists of named parts by name, everything else as a whole."""
    if not isinstance(changes, Mapping):
        raise SituationError([Problem("dict_type", "", repr(changes)[:60], "an object")])
    return {
        **old,
        **{
            key: _merge_list(key, old.get(key, []), value) if key in BY_NAME else value
            for key, value in changes.items()
        },
    }


def _merge_list(key: str, old: list[Mapping[str, Any]], changes: Any) -> list[Any]:
    parts: dict[Any, Mapping[str, Any]] = {part["name"]: part for part in old}
    for k, change in enumerate(_listed(key, changes)):
        name = change.get("name") if isinstance(change, Mapping) else None
        if not isinstance(name, str):
            raise SituationError([Problem("missing", f"{key}[{k}].name", "absent", "the name of what changes")])
        if change.get("remove") is True:
            if parts.pop(name, None) is None:
                raise SituationError(
                    [
                        Problem(
                            "unknown_name", f"{key}[{k}].name", repr(name), f"one of {key} that exists, to be removed"
                        )
                    ]
                )
        else:
            parts[name] = _merge(parts.get(name, {}), change)
    return list(parts.values())


def _listed(key: str, changes: Any) -> list[Any]:
    """Changes to named parts as a list, however they came."""
    if not isinstance(changes, Mapping) or isinstance(changes.get("name"), str):
        return changes if isinstance(changes, list) else [changes]
    for name, change in changes.items():
        if change is not None and (not isinstance(change, Mapping) or change.get("name", name) != name):
            told = "an object with what changes, of the same name if it has one, or null to take it out"
            raise SituationError([Problem("dict_type", f"{key}.{name}", repr(change)[:60], told)])
    return [{"name": name, **({"remove": True} if change is None else change)} for name, change in changes.items()]


class Builder:
    """Builds a situation part by part; a task belongs to the last job. Nothing is checked before ``build``."""

    def __init__(self, time: float = 0.0) -> None:
        """Begin at an instant."""
        self._value: dict[str, Any] = {"time": time, "resources": [], "agents": [], "jobs": [], "history": []}

    def resource(self, name: str, capacity: int | None = None, *, shared: bool = True) -> Builder:
        """Add a resource: see :class:`Resource`."""
        self._value["resources"].append({"name": name, "capacity": capacity, "shared": shared})
        return self

    def agent(self, name: str, **fields: Any) -> Builder:
        """Add an agent: see :class:`Agent`."""
        self._value["agents"].append({"name": name, **fields})
        return self

    def job(self, name: str, **fields: Any) -> Builder:
        """Add a job: see :class:`Job`."""
        self._value["jobs"].append({"name": name, "tasks": [], **fields})
        return self

    def task(self, name: str, duration: float | Mapping[str, float] | None = None, **fields: Any) -> Builder:
        """Add a task to the last job: see :class:`Task`.

        Raises:
            SituationError: there is no job yet.
        """
        if not self._value["jobs"]:
            raise SituationError(
                [Problem("missing", "jobs", "empty", f"given a job first, which task {name!r} can belong to")]
            )
        self._value["jobs"][-1]["tasks"].append({"name": name, "duration": duration, **fields})
        return self

    def seen(self, agent: str, kind: str, *ratios: float) -> Builder:
        """Add what an agent's tasks of a kind took, divided by their estimates."""
        self._value["history"].append({"agent": agent, "kind": kind, "ratios": list(ratios)})
        return self

    def build(self) -> Situation:
        """Return the situation.

        Raises:
            SituationError: with every problem that was found.
        """
        return Situation.of(self._value)


def schema() -> dict[str, Any]:
    """Return the published JSON Schema."""
    found: dict[str, Any] = Situation.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}
