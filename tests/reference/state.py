"""What changes during an episode, and what can be asked about it: docs/world.md, section 3 and the tests of section 5."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from envs.events import NONE, EventKind
from envs.scenario import Scenario
from tests.reference.draws import What, exponential
from tests.reference.graph import Facts, JobFacts, TaskFacts

Event = tuple[float, int, int, int, int, float]
"""(time, kind, agent, job, task, value)."""


class Status(Enum):
    """Where a task stands."""

    PENDING = auto()
    READY = auto()
    RUNNING = auto()
    RETRYING = auto()
    DONE = auto()
    ABANDONED = auto()


@dataclass
class Sum:
    """A running sum that knows how many terms it has, and is exactly 0 when it has none."""

    value: float = 0.0
    count: int = 0

    def add(self, term: float) -> None:
        """One term more."""
        self.count += 1
        self.value += term

    def subtract(self, term: float) -> None:
        """One term less."""
        self.count -= 1
        self.value = self.value - term if self.count else 0.0


@dataclass
class Seen:
    """What an agent has seen of a kind: log(realised / nominal), by Welford."""

    n: int = 0
    mean: float = 0.0
    m2: float = 0.0

    def observe(self, x: float) -> None:
        """One observation more."""
        self.n += 1
        d = x - self.mean
        self.mean += d / self.n
        self.m2 += d * (x - self.mean)


@dataclass
class Task:
    """A task in an episode."""

    fact: TaskFacts
    status: Status = Status.PENDING
    open: int = 0
    starts: int = 0
    failures: int = 0
    progress: float = 0.0
    ready_time: float = 0.0
    retry_time: float = math.inf
    earliest: float = 0.0
    agent: int = NONE
    began: float = 0.0
    full: float = 0.0
    ends: float = math.inf
    expected_end: float = math.inf
    will_fail: bool = False


@dataclass
class Job:
    """A job in an episode."""

    fact: JobFacts
    work: Sum
    tardy: bool = False
    """Its weight counts in the tardy rate of its owner."""
    slow: bool = False
    seen_slow: bool = False
    over: bool = False
    """Done or abandoned."""
    end: float = math.nan


@dataclass
class Agent:
    """An agent in an episode."""

    free: list[int]
    leased: list[int]
    seen: list[Seen]
    balance: float
    up: bool = True
    breakdowns: int = 0
    next_change: float = math.inf
    """The next breakdown of an agent that is up, the recovery of one that is down."""
    active: bool = False
    queue_work: Sum = field(default_factory=Sum)
    future_work: Sum = field(default_factory=Sum)
    flow_rate: Sum = field(default_factory=Sum)
    tardy_rate: Sum = field(default_factory=Sum)
    slow_rate: Sum = field(default_factory=Sum)
    seen_slow_rate: Sum = field(default_factory=Sum)


@dataclass
class Reservation:
    """A standing reservation."""

    agent: int
    task: int
    expected_start: float


class State:
    """Everything about one episode."""

    def __init__(self, scenario: Scenario, facts: Facts, seed: int) -> None:
        self.scenario, self.facts, self.seed = scenario, facts, seed
        self.now = 0.0
        self.events: list[Event] = []
        self.tasks = [Task(fact, open=len(fact.predecessors)) for fact in facts.tasks]
        self.jobs = [Job(fact, Sum(fact.total, len(fact.tasks))) for fact in facts.jobs]
        kinds, resources = len(facts.speed[0]), len(facts.shared)
        self.agents = [
            Agent(list(capacity), [0] * resources, [Seen() for _ in range(kinds)], scenario.negotiation.credits)
            for capacity in facts.local_capacity
        ]
        self.free_shared = list(facts.shared_capacity)
        self.arrived = 0
        self.tasks_arrived = 0
        self.work_arrived = 0.0
        self.weight_arrived = 0.0
        self.reservations: list[Reservation] = []
        self.rounds = 0
        """Of this epoch so far."""
        self.price = 0.0
        self.by_tardy_at = sorted(self.jobs, key=lambda job: (job.fact.tardy_at, job.fact.index))
        self.by_slow_at = sorted(self.jobs, key=lambda job: (job.fact.slow_at, job.fact.index))
        self.by_seen_slow_at = sorted(self.jobs, key=lambda job: (job.fact.seen_slow_at, job.fact.index))
        self.own_cost = [0.0] * facts.num_agents
        self.team_cost = 0.0
        self.terms = [0.0] * 6
        for a in range(facts.num_agents):
            self.draw_breakdown(a)

    def log(self, kind: EventKind, agent: int = NONE, job: int = NONE, task: int = NONE, value: float = 0.0) -> None:
        """Write down an event."""
        self.events.append((self.now, int(kind), agent, job, task, value))

    def log_task(self, kind: EventKind, task: Task, agent: int = NONE, value: float = 0.0) -> None:
        """Write down an event of a task."""
        self.log(kind, agent, task.fact.job, task.fact.index, value)

    def draw_breakdown(self, a: int) -> None:
        """Say when an agent that is up breaks down next."""
        mean, agent = self.scenario.uncertainty.mean_time_between_failures, self.agents[a]
        agent.next_change = math.inf
        if mean < math.inf:
            agent.next_change = self.now + exponential(mean, self.seed, What.BREAKDOWN, a, agent.breakdowns)

    @property
    def num_agents(self) -> int:
        """A."""
        return len(self.agents)

    @property
    def scale(self) -> float:
        """The mean nominal duration of the tasks submitted so far, seconds."""
        return (self.work_arrived / self.tasks_arrived or 1.0) if self.tasks_arrived else 1.0

    @property
    def mean_weight(self) -> float:
        """The mean weight of the jobs submitted so far."""
        return self.weight_arrived / self.arrived if self.arrived else 1.0

    def running(self) -> Iterator[Task]:
        """Running tasks, ascending."""
        return (task for task in self.tasks if task.status is Status.RUNNING)

    def factor(self, a: int, kind: int) -> float:
        """What an agent multiplies nominal durations of a kind with."""
        seen, knowledge = self.agents[a].seen[kind], self.scenario.knowledge
        if not knowledge.learn or seen.n == 0:
            return 1.0
        return math.exp(seen.n * seen.mean / (seen.n + knowledge.prior_count))

    def spread(self, a: int, kind: int) -> float:
        """The standard deviation that an agent expects of log(realised / nominal)."""
        seen, knowledge = self.agents[a].seen[kind], self.scenario.knowledge
        n0, s0 = knowledge.prior_count, knowledge.prior_std
        if not knowledge.learn or seen.n == 0:
            return s0
        return math.sqrt((seen.m2 + n0 * s0 * s0) / (seen.n + n0))

    def estimate(self, a: int, task: Task) -> float:
        """Seconds that an agent expects a task to take it."""
        return task.fact.options[a] * self.factor(a, task.fact.kind) * (1.0 - task.progress)

    def expected_length(self, a: int, task: Task) -> float:
        """Seconds by which reservations count."""
        if self.scenario.reservations.blocking:
            return task.fact.options[a] * (1.0 - task.progress)
        return self.estimate(a, task)

    def is_over_by(self, a: int, task: Task, deadline: float) -> bool:
        """Whether a task that started now would be out of the way in time."""
        end = self.now + self.expected_length(a, task)
        return end < deadline if self.scenario.reservations.blocking else end <= deadline

    def remaining_end(self, task: Task) -> float:
        """When a running task is expected to end."""
        return max(self.now, task.expected_end)

    def running_predecessor(self, task: Task) -> Task | None:
        """The running task that is all a *soon* task waits for; None where the task is not soon."""
        if task.status is Status.PENDING and task.open == 1:
            for p in task.fact.predecessors:
                if self.tasks[p].status is Status.RUNNING:
                    return self.tasks[p]
        return None

    def event_to_come(self) -> bool:
        """Whether something will surely happen without anybody's doing."""
        return (
            any(task.status in (Status.RUNNING, Status.RETRYING) for task in self.tasks)
            or self.arrived < len(self.jobs)
            or not all(agent.up for agent in self.agents)
        )

    def free(self, a: int) -> list[int]:
        """Free units that an agent can draw on, per resource."""
        return [self.free_shared[r] if shared else self.agents[a].free[r] for r, shared in enumerate(self.facts.shared)]

    def own_reservation(self, a: int) -> Reservation | None:
        """The standing reservation of an agent."""
        return next((reservation for reservation in self.reservations if reservation.agent == a), None)

    def share(self, a: int) -> float:
        """The dominant share of what an agent has leased."""
        leased = self.agents[a].leased
        return max(
            (leased[r] / capacity for r, capacity in enumerate(self.facts.shared_capacity) if capacity > 0), default=0.0
        )

    def avail(self, a: int) -> float:
        """Seconds until an agent is expected to have a free unit of each of its own resources."""
        agent = self.agents[a]
        if not agent.up:
            return self.scenario.uncertainty.mean_time_to_repair
        own = [self.remaining_end(task) for task in self.running() if task.agent == a]
        used_up = any(capacity > 0 and agent.free[r] == 0 for r, capacity in enumerate(self.facts.local_capacity[a]))
        return min(own) - self.now if own and used_up else 0.0

    def fits(self, a: int, task: Task) -> bool:
        """Whether units suffice to start a task now, standing reservations respected."""
        backfill = self.scenario.reservations.backfill
        blocking = [
            held for held in self.reservations if not backfill or not self.is_over_by(a, task, held.expected_start)
        ]
        for r, demand in enumerate(task.fact.demand):
            shared = self.facts.shared[r]
            blocked = sum(self.tasks[b.task].fact.demand[r] for b in blocking if shared or b.agent == a)
            if demand > 0 and self.free(a)[r] - blocked < demand:
                return False
        return True

    def expected_start(self, a: int, task: Task) -> float:
        """When an agent expects units for a task, reservations ignored."""
        predecessor = self.running_predecessor(task)
        if predecessor is not None:
            return self.remaining_end(predecessor)
        free = self.free(a)
        if _covered(task.fact.demand, free):
            return self.now
        for other in sorted(self.running(), key=lambda other: (self.remaining_end(other), other.fact.index)):
            for r, demand in enumerate(other.fact.demand):
                if self.facts.shared[r] or other.agent == a:
                    free[r] += demand
            if _covered(task.fact.demand, free):
                return self.remaining_end(other)
        return self.now


def total(values: Iterable[float]) -> float:
    """Add up one by one; the built-in sum() compensates for rounding from Python 3.12 on."""
    added = 0.0
    for value in values:
        added += value
    return added


def _covered(demand: list[int], free: list[int]) -> bool:
    return all(d <= f for d, f in zip(demand, free, strict=True))
