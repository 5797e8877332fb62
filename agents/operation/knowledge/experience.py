"""What happened in an execution, real or simulated, as one stored, versioned experience: attempts, jobs, metrics, feedback of users."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple, Protocol

import numpy as np
from pydantic import Field

from agents.operation.knowledge.experiences import Experiences
from agents.operation.site.checks import in_order
from agents.operation.site.moments import situation_at
from agents.operation.site.options import Options
from agents.operation.site.situation import Job, Name, Part, Seconds, Situation
from envs.events import NONE, PROTOCOL, EventKind, EventLog
from envs.scenario import Scenario
from envs.validate.costs import SHORTEST_JOB
from envs.workloads.instance import Instance

VERSION: Final = 1


class Attempt(Part):
    """An agent had a task for a while."""

    job: Name
    task: Name
    kind: Name
    agent: Name
    estimate: float
    """Seconds that it was thought to take there."""
    began: Seconds
    ended: Seconds
    outcome: Literal["done", "failed", "stopped"]
    whole: bool = True
    """Nothing of the task was done before, so that its length can be compared with the estimate."""


class JobOutcome(Part):
    """What became of a job."""

    job: Name
    release: Seconds
    due: Seconds | None
    weight: float
    length: float
    """Seconds of the longest path through it, by what was thought of its tasks."""
    state: Literal["done", "abandoned", "open"]
    ended: Seconds | None


class Feedback(Part):
    """What a user says of a finished job."""

    job: Name
    score: Annotated[float, Field(ge=0, le=1)]
    """1: as wanted; 0: worth nothing."""
    comment: Annotated[str, Field(max_length=10_000)] = ""


class Experience(Part):
    """One execution."""

    version: Literal[1] = VERSION
    source: Literal["real", "simulated"]
    policy: str
    began: Seconds
    ended: Seconds
    attempts: list[Attempt]
    jobs: list[JobOutcome]
    events: dict[str, int]
    """How many messages there were of each kind."""
    metrics: dict[str, float]
    """Of jobs that are done: see :func:`metrics_of`."""
    feedback: list[Feedback] = Field(default_factory=list)

    def write(self) -> str:
        """Return the JSON document."""
        return self.model_dump_json(exclude_defaults=True)


class Said(Protocol):
    """A message of the guide's protocols; those about tasks have ``job``, ``task`` and ``agent`` as well."""

    @property
    def kind(self) -> str:
        """As in ``envs.events.PROTOCOL``."""

    @property
    def time(self) -> float:
        """Seconds."""


class Happening(NamedTuple):
    """What changed, by name."""

    time: float
    what: Literal["submitted", "started", "done", "failed", "stopped", "abandoned", "other"]
    message: str
    """Its kind."""
    job: str | None = None
    task: str | None = None
    agent: str | None = None


class Executed(NamedTuple):
    """An execution to learn from."""

    situation: Situation
    """Where it began: all jobs, their tasks and what was thought of them."""
    happenings: Sequence[Happening]
    """In their order."""
    policy: str
    source: Literal["real", "simulated"]

    @classmethod
    def really(cls, situation: Situation, messages: Iterable[Said], policy: str) -> Executed:
        """Take the messages of a run of real tasks."""
        return cls(situation, [_happening(message) for message in messages], policy, "real")

    @classmethod
    def simulated(cls, instance: Instance, scenario: Scenario, log: EventLog, policy: str) -> Executed:
        """Take an episode of a world; agents, jobs and tasks have the names that ``agents.operation.site.moments`` gives them."""
        situation = situation_at(instance, scenario, log, 0)
        return cls(situation, list(_of_log(situation, instance, log)), policy, "simulated")


class ExperienceCollector:
    """Makes experiences of executions and, where it has a store, keeps them."""

    def __init__(self, store: Experiences | None = None) -> None:
        """Keep experiences in ``store``."""
        self.store = store

    async def collect_experience(self, execution: Executed, feedback: Sequence[Feedback] = ()) -> Experience:
        """Collect in a thread of its own; arguments are those of ``collect``."""
        return await asyncio.to_thread(self.collect, execution, feedback)

    def collect(self, execution: Executed, feedback: Sequence[Feedback] = ()) -> Experience:
        """Return what there is to learn from an execution; what is still running is left out."""
        s = execution.situation
        attempts = list(_attempts(s, execution.happenings))
        jobs = list(_jobs(s, execution.happenings))
        times = [each.time for each in execution.happenings] or [s.time]
        experience = Experience(
            source=execution.source,
            policy=execution.policy,
            began=min(s.time, times[0]),
            ended=times[-1],
            attempts=attempts,
            jobs=jobs,
            events=dict(Counter(each.message for each in execution.happenings)),
            metrics=metrics_of(attempts, jobs),
            feedback=list(feedback),
        )
        if self.store is not None:
            self.store.append(experience.policy, experience.source, experience.write())
        return experience

    def kept(self, after: int = 0) -> Iterator[tuple[int, Experience]]:
        """Yield what the store has behind number ``after``, with the feedback that came in the meantime."""
        if self.store is None:
            return
        for number, document, said in self.store.entries(after):
            experience = Experience.model_validate_json(document)
            late = [Feedback(job=job, score=score, comment=comment) for job, score, comment in said]
            yield number, experience.model_copy(update={"feedback": [*experience.feedback, *late]})


def metrics_of(attempts: Sequence[Attempt], jobs: Sequence[JobOutcome]) -> dict[str, float]:
    """Return flow, slowdown and tardiness of the jobs that are done (see ``agents.evaluation.metrics``), and how tasks went.

    ``failure_rate`` is of attempts that ended by themselves; ``error`` is the mean of |log(actual / estimate)|, both of whole attempts.
    """
    done = [(job, job.ended - job.release) for job in jobs if job.ended is not None and job.state == "done"]
    found: dict[str, float] = {"jobs_done": len(done), "jobs_abandoned": sum(job.state == "abandoned" for job in jobs)}
    if done:
        weight = np.array([job.weight for job, _ in done])
        flow = np.array([seconds for _, seconds in done])
        length = np.array([max(job.length, SHORTEST_JOB) for job, _ in done])
        late = [max(0.0, seconds - (job.due - job.release)) for job, seconds in done if job.due is not None]
        found |= {
            "weighted_flow": float(weight @ flow / weight.sum()),
            "mean_slowdown": float(np.maximum(1.0, flow / length).mean()),
            "mean_tardiness": float(np.mean(late)) if late else 0.0,
        }
    ended = [each for each in attempts if each.outcome != "stopped"]
    if ended:
        found["failure_rate"] = sum(each.outcome == "failed" for each in ended) / len(ended)
    errors = [abs(math.log(ratio)) for each in attempts if (ratio := ratio_of(each)) is not None]
    if errors:
        found["error"] = float(np.mean(errors))
    return found


def ratio_of(attempt: Attempt) -> float | None:
    """Return actual / estimated length; None where an attempt does not say."""
    took = attempt.ended - attempt.began
    known = attempt.outcome == "done" and attempt.whole and took > 0 and attempt.estimate > 0
    return took / attempt.estimate if known else None


def _attempts(s: Situation, happenings: Iterable[Happening]) -> Iterator[Attempt]:
    options = Options(s)
    tasks = {(job.name, task.name): task for job in s.jobs for task in job.tasks}
    begun: dict[tuple[str, str, str], float] = {
        (job.name, task.name, task.agent): task.since
        for job in s.jobs
        for task in job.tasks
        if task.state == "running" and task.agent is not None and task.since is not None
    }
    stopped: set[tuple[str, str]] = set()
    for time, what, _, job, name, agent in happenings:
        if job is None or name is None or agent is None or (job, name) not in tasks:
            continue
        key, task = (job, name, agent), tasks[job, name]
        if what == "started":
            begun[key] = time
        elif what in ("done", "failed", "stopped") and key in begun:
            yield Attempt(
                job=job,
                task=name,
                kind=task.kind,
                agent=agent,
                estimate=options.of(task).get(agent, 0.0),
                began=begun.pop(key),
                ended=time,
                outcome=what,
                whole=(job, name) not in stopped,
            )
            if what == "stopped":
                stopped.add((job, name))


def _jobs(s: Situation, happenings: Iterable[Happening]) -> Iterator[JobOutcome]:
    options = Options(s)
    left = {job.name: {task.name for task in job.tasks if task.state != "done"} for job in s.jobs}
    ended: dict[str, tuple[Literal["done", "abandoned"], float]] = {}
    for time, what, _, job, task, _ in happenings:
        if job not in left:
            continue
        if what == "done":
            left[job].discard(task or "")
            if not left[job] or task is None:
                ended.setdefault(job, ("done", time))
        elif what == "abandoned":
            ended[job] = "abandoned", time
    for each in s.jobs:
        state, end = ended.get(each.name, ("open", None))
        yield JobOutcome(
            job=each.name,
            release=each.release,
            due=each.due,
            weight=each.weight,
            length=_length(each, options),
            state=state,  # type: ignore[arg-type]  # one of the three
            ended=end,
        )


def _length(job: Job, options: Options) -> float:
    """The longest path through a job, each task where it is the shortest."""
    longest: dict[str, float] = {}
    for task in in_order(job):
        own = min(options.of(task).values(), default=0.0)
        longest[task.name] = own + max((longest[name] for name in task.predecessors), default=0.0)
    return max(longest.values(), default=0.0)


def _happening(message: Said) -> Happening:
    """Read a message of a run: started and stopped are states, failures and interruptions alerts."""
    at: Any = message
    job, task, agent = (getattr(at, name, None) for name in ("job", "task", "agent"))
    state = {
        "task_submission": "submitted",
        "completion_notification": "done",
        "status_update": {"started": "started", "stopped": "stopped"}.get(getattr(at, "state", ""), "other"),
        "alert_notification": {"failed": "failed", "interrupted": "stopped", "abandoned": "abandoned"}.get(
            getattr(at, "alert", ""), "other"
        ),
    }.get(message.kind, "other")
    return Happening(message.time, state, message.kind, job, task, agent)  # type: ignore[arg-type]  # one of those of ``what``


_WHAT: Final = {
    EventKind.TASK_SUBMISSION: "submitted",
    EventKind.TASK_START: "started",
    EventKind.TASK_END: "done",
    EventKind.TASK_FAILED: "failed",
    EventKind.TASK_INTERRUPTED: "stopped",
    EventKind.JOB_DONE: "done",
    EventKind.JOB_ABANDONED: "abandoned",
}


def _of_log(s: Situation, instance: Instance, log: EventLog) -> Iterator[Happening]:
    agents = [agent.name for agent in s.agents]
    places = [(job.name, task.name) for job in s.jobs for task in job.tasks]
    first = instance.job_first
    for time, number, a, j, t, _ in zip(*(column.tolist() for column in log), strict=True):
        kind = EventKind(number)
        job = places[t][0] if t != NONE else places[first[j]][0] if j != NONE else None
        yield Happening(
            time,
            _WHAT.get(kind, "other"),  # type: ignore[arg-type]  # one of those of ``what``
            PROTOCOL[kind],
            job,
            places[t][1] if t != NONE else None,
            agents[a] if a != NONE else None,
        )
