"""The decision engine: what each agent should do next, who gets which shared units, and why, by the policies of the simulator."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from agents import policies
from agents.operation.deciding.analysis import Analysis, analyse
from agents.operation.deciding.instant import GaveUp, Limits, Outcome, play_instant
from agents.operation.deciding.priorities import Priority, PriorityManager
from agents.operation.deciding.reasons import WhyNot, why_not
from agents.operation.deciding.validation import violations
from agents.operation.site.conversion import Site, to_site
from agents.operation.site.play_rules import DEFAULT, FILE, PlayRules, read
from agents.operation.site.problems import Problem
from agents.operation.site.situation import Part, Situation
from agents.protocols import Negotiator, Prioritizer, rules_of_play
from agents.rules import index
from envs.state.snapshot import SnapshotError

FALLBACK: Final = "wsrpt,urgency"
FARTHEST: Final = 60.0
"""Standard deviations of training beyond which an observation is out of range; the farthest that training itself met are below 30."""


class DecisionError(ValueError):
    """No decision: the fallback gave none that is valid either, or there is no such policy."""


class Start(Part):
    """A task that an agent starts now."""

    job: str
    task: str
    agent: str
    expected_end: float
    bid: float | None = None
    """Of its agent, where others wanted the same units."""


class Grant(Part):
    """Units of a shared resource that go to a task that starts now."""

    job: str
    task: str
    agent: str
    resource: str
    units: int


class Reserve(Part):
    """A task that cannot start yet, for which its agent keeps its place."""

    job: str
    task: str
    agent: str
    start: float
    """Expected."""
    reason: str


class Effect(Part):
    """What the decision does at once."""

    started: int
    idle_agents: list[str]
    """Up, and with nothing to do after it."""
    first_end: float | None
    """When the first of what starts now is expected to end."""


class Decision(Part):
    """What to do now."""

    time: float
    starts: list[Start]
    grants: list[Grant]
    reservations: list[Reserve]
    priorities: list[Priority]
    why_not: list[WhyNot]
    analysis: Analysis
    """The situation: state, constraints, opportunities, risks."""
    effect: Effect
    confidence: float | None
    """Mean probability that the policy gave to what it picked; null where it says nothing of the kind, or nothing was to choose."""
    price: float
    """For the next situation, as are the reservations and the balances."""
    balances: dict[str, float]
    policy: str
    """Which decided."""
    fallback: bool
    reason: str | None
    """Why the fallback decided."""
    took_ms: float
    warnings: list[dict[str, str]]
    kind: Literal["decision"] = "decision"

    def write(self, indent: int | None = None) -> str:
        """Return the JSON document."""
        return self.model_dump_json(indent=indent)


class Deciders:
    """Two policies by name, and the rules of play that they know."""

    def __init__(self, name: str) -> None:
        """Load ``PRIORITIZER,NEGOTIATOR`` or a folder of both; a role that a folder has not is played by the rule it was trained beside.

        Raises:
            PolicyError, ArtifactError, RuleError, PlayRulesError: where there is no such policy.
        """
        self.name = name
        first, _, second = name.partition(",")
        folder = None if policies.is_rule("prioritizer", first) else policies.policy_folder(first)
        has_rules = folder is not None and (not (folder / index.FILE).is_file() or (folder / FILE).is_file())
        rules = read(folder) if folder is not None and has_rules else DEFAULT
        self.prioritizer: Prioritizer = policies.load_prioritizer(
            first if _has(folder, "prioritizer") else rules.prioritizer
        )
        self.rules: PlayRules = replace(rules, scenario=rules_of_play(rules.scenario, self.prioritizer))
        beside = first if folder is not None and _has(folder, "negotiator") else rules.negotiator
        self.negotiator: Negotiator = policies.load_negotiator(second or beside)


def _has(folder: Path | None, role: str) -> bool:
    """Whether a folder holds something for a role: everything but a trained policy that is of the other role only."""
    others = [name for name in ("prioritizer", "negotiator") if folder is not None and (folder / name).is_dir()]
    return not others or role in others


class DecisionEngine:
    """Decides about situations. Its steps can be called one by one; ``decide`` calls them in turn."""

    def __init__(self, name: str, fallback: str = FALLBACK, *, farthest: float = FARTHEST) -> None:
        """Load a policy, or two, and the fallback's; see :class:`Deciders`."""
        self.deciders = Deciders(name)
        self._fallback = Deciders(fallback)
        self._farthest = farthest
        self.priorities = PriorityManager(self.deciders.prioritizer)

    @classmethod
    def load(cls, name: str, fallback: str = FALLBACK, *, farthest: float = FARTHEST) -> DecisionEngine:
        """Return the engine of ``policies/shared_cluster``, of a folder of yours, or of a pair of rules such as ``wsrpt,drf``."""
        return cls(name, fallback, farthest=farthest)

    async def make_decision(self, context: Situation, **how: Any) -> Decision:
        """Decide in a thread of its own; arguments and errors are those of ``decide``."""
        return await asyncio.to_thread(self.decide, context, **how)

    def decide(
        self,
        situation: Situation,
        *,
        deadline_ms: float | None = None,
        explain: bool = False,
        why_not_of: Sequence[str] = (),
    ) -> Decision:
        """Decide for this instant.

        Args:
            situation: as :meth:`Situation.read` returns it.
            deadline_ms: milliseconds from now at which the policy has to be ready; after it the fallback decides.
            explain: say of every priority which columns moved it.
            why_not_of: tasks, ``JOB/TASK`` or ``TASK``, of which to say why they do not start.

        Raises:
            SituationError: a task of ``why_not_of`` does not exist.
            DecisionError: there is no valid decision.
        """
        began = time.perf_counter()
        site = self.take_in(situation)
        outcome, by, reason = self.choose(site, began + deadline_ms / 1e3 if deadline_ms is not None else float("inf"))
        starts, reservations = self.name_starts(site, outcome), self.name_reservations(site, outcome)
        return Decision(
            time=situation.time,
            starts=starts,
            grants=self.grant(site, outcome),
            reservations=reservations,
            priorities=(self.priorities if by is self.deciders else PriorityManager(by.prioritizer)).rank(
                site, outcome, explain=explain
            ),
            why_not=[why_not(site, outcome, name, by.rules.scenario) for name in why_not_of],
            analysis=analyse(situation, site),
            effect=self.foresee(site, outcome),
            confidence=_confidence(outcome),
            price=outcome.price,
            balances={}
            if outcome.balances is None
            else {agent.name: float(outcome.balances[a]) for a, agent in enumerate(situation.agents)},
            policy=by.name,
            fallback=reason is not None,
            reason=reason,
            warnings=[warning.as_json() for warning in situation.warnings()],
            took_ms=(time.perf_counter() - began) * 1e3,
        )

    def take_in(self, situation: Situation) -> Site:
        """Return the situation as the world knows it."""
        return to_site(situation, self.deciders.rules.scenario.negotiation.credits)

    def choose(self, site: Site, deadline: float = float("inf")) -> tuple[Outcome, Deciders, str | None]:
        """Have the policy decide, and where it gives no valid answer in time, the fallback; say who did, and why the fallback.

        Raises:
            DecisionError: the fallback's answer is invalid, too.
        """
        try:
            outcome = self._play(site, self.deciders, Limits(deadline, self._farthest))
        except (GaveUp, SnapshotError) as error:  # the second: beyond the time at which its episodes ended
            reason = str(error)
        else:
            wrong = self.validate(site, outcome)
            if not wrong:
                return outcome, self.deciders, None
            reason = f"an invalid answer: {wrong[0]}"
        outcome = self._play(site, self._fallback, Limits())
        if wrong := self.validate(site, outcome):
            raise DecisionError(f"no valid decision: {wrong[0]}; this is a bug, please report it with the situation")
        return outcome, self._fallback, reason

    @staticmethod
    def _play(site: Site, by: Deciders, limits: Limits) -> Outcome:
        return play_instant(site, by.rules.scenario, by.prioritizer, by.negotiator, limits)

    def validate(self, site: Site, outcome: Outcome) -> list[Problem]:
        """Return what is wrong with a decision by code that knows nothing of the world: see :mod:`agents.operation.deciding.validation`."""
        pairs = [(start.job, start.task, start.agent) for start in self.name_starts(site, outcome)]
        held = [(kept.job, kept.task, kept.agent) for kept in self.name_reservations(site, outcome)]
        return violations(site.situation, pairs, held)

    @staticmethod
    def name_starts(site: Site, outcome: Outcome) -> list[Start]:
        """What starts now, by name."""
        agents = site.situation.agents
        return [
            Start(job=job.name, task=task.name, agent=agents[each.agent].name, expected_end=each.end, bid=each.bid)
            for each in outcome.starts
            for job, task in (site.tasks[each.task],)
        ]

    @staticmethod
    def name_reservations(site: Site, outcome: Outcome) -> list[Reserve]:
        """What is waited for, by name."""
        agents = site.situation.agents
        before = {(held.job, held.task) for held in site.situation.reservations}
        return [
            Reserve(
                job=job.name,
                task=task.name,
                agent=agents[each.agent].name,
                start=each.start,
                reason=_reason(job.name, task, before),
            )
            for each in outcome.reservations
            for job, task in (site.tasks[each.task],)
        ]

    @staticmethod
    def grant(site: Site, outcome: Outcome) -> list[Grant]:
        """Who gets which shared units."""
        shared = {resource.name for resource in site.situation.resources if resource.shared}
        return [
            Grant(
                job=job.name, task=task.name, agent=site.situation.agents[each.agent].name, resource=name, units=units
            )
            for each in outcome.starts
            for job, task in (site.tasks[each.task],)
            for name, units in task.demands.items()
            if name in shared and units
        ]

    @staticmethod
    def foresee(site: Site, outcome: Outcome) -> Effect:
        """What the decision does at once."""
        s = site.situation
        running = {task.agent for job in s.jobs for task in job.tasks if task.state == "running"}
        busy = running | {s.agents[each.agent].name for each in outcome.starts}
        return Effect(
            started=len(outcome.starts),
            idle_agents=[agent.name for agent in s.agents if agent.up and agent.name not in busy],
            first_end=min((each.end for each in outcome.starts), default=None),
        )


def _reason(job: str, task: Any, before: set[tuple[str, str]]) -> str:
    if (job, task.name) in before:
        return "reserved before, and still to come"
    if task.predecessors:
        return "worth waiting for: its predecessor, or the units it needs, will be free soon"
    return "worth waiting for: the units it needs will be free soon"


def _confidence(outcome: Outcome) -> float | None:
    """Mean probability of the picks; scores are log-probabilities where there is one for the no-op, too."""
    chances = [
        np.exp(asked.scores[np.arange(len(asked.picks)), asked.picks])
        for asked in outcome.asked
        if asked.scores is not None and asked.scores.shape == asked.mask.shape
    ]
    return float(np.concatenate(chances).mean()) if chances else None
