"""What is known of agents by kind of task, from experience: how long they take, how sure that is, how often they fail; old news fade."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from agents.operation.knowledge.behaviour import BehaviourOptimizer
from agents.operation.knowledge.experience import Experience, ExperienceCollector, ratio_of
from agents.operation.site.situation import Seen, Situation
from envs import strict_json
from envs.files import write_text
from envs.scenario import Knowledge

FORMAT: Final = 1
HALF_LIFE: Final = 7 * 86_400.0
"""Seconds."""
ALARM: Final = 10.0
"""Standard deviations of surprise, summed up beyond SLACK each, after which an agent has changed (Page 1954): luck alone needs tens of
thousands of observations for that."""
SLACK: Final = 0.5
"""Standard deviations: smaller surprises are luck."""
KEPT: Final = 1.0
"""Observations that are left of each belief about an agent that has changed."""
LEAST: Final = 0.01
"""Observations: what has faded below this is forgotten."""
MOST_BYTES: Final = 2**26
MOST_COUNT: Final = 2**31 - 1


class KnowledgeError(ValueError):
    """A file that holds no knowledge; the message names it and what is wrong."""


@dataclass
class Belief:
    """About an agent at a kind of task, as of ``time``: counts fade, so they are no whole numbers."""

    time: float
    count: float = 0.0
    mean: float = 0.0
    """Of log(actual / estimate)."""
    m2: float = 0.0
    """Sum of squared differences from the mean."""
    ended: float = 0.0
    """Attempts that ended by themselves,"""
    failures: float = 0.0
    """and those of them that failed."""
    longer: float = 0.0
    """Surprise that tasks take longer than believed,"""
    shorter: float = 0.0
    """and that they take less, summed up lately: see ALARM."""

    def shrink(self, kept: float) -> None:
        """Have everything count so much less."""
        self.count, self.m2, self.ended, self.failures = (
            kept * value for value in (self.count, self.m2, self.ended, self.failures)
        )

    def fade(self, time: float, half_life: float) -> None:
        """Let time pass: what was seen counts half as much after a half-life. Time that runs backwards changes nothing."""
        if time > self.time:
            self.shrink(0.5 ** ((time - self.time) / half_life))
            self.time = time

    def observe(self, ratio: float) -> None:
        """Take in actual / estimate by Welford's update, as the world does (``envs/engine/knowledge.py``)."""
        x = math.log(ratio)
        self.count += 1
        away = x - self.mean
        self.mean += away / self.count
        self.m2 += away * (x - self.mean)


class Estimate(NamedTuple):
    """What follows from a belief."""

    factor: float
    """By which estimates are to be multiplied."""
    spread: float
    """Standard deviation of log(actual / estimate)."""
    failure_rate: float
    """Of attempts; shrunk towards 0."""
    seen: float
    """Observations that it rests on."""


class KnowledgeBase:
    """Beliefs per agent and kind."""

    def __init__(self, half_life: float = HALF_LIFE, prior: Knowledge | None = None, *, alarm: float = ALARM) -> None:
        """Begin with nothing.

        Args:
            half_life: seconds after which an observation counts half; inf: nothing fades.
            prior: how far beliefs are shrunk; that of the policy's rules of play, for the world to conclude the same.
            alarm: surprise after which an agent has changed: what was believed of it, at any kind of task, then counts for next to
                nothing, so that it is tried again where it was bad; inf: never.

        Raises:
            KnowledgeError: for a half-life that is no number above 0.
        """
        for name, value in (("half_life", half_life), ("alarm", alarm)):
            if not value > 0:
                raise KnowledgeError(f"{name} is {value:g}, must be a number above 0, or inf")
        self.half_life, self.prior, self.alarm = half_life, prior or Knowledge(), alarm
        self.beliefs: dict[tuple[str, str], Belief] = {}
        self.integrated = 0
        """Number of the last experience of a store that was taken in."""

    def observe(self, agent: str, kind: str, time: float, ratio: float | None, *, failed: bool = False) -> bool:
        """Take in an attempt that ended by itself at ``time``; ``ratio`` is actual / estimate, None where that says nothing.

        Return whether the agent has changed: beliefs about it were then taken back.
        """
        belief = self.beliefs.setdefault((agent, kind), Belief(time))
        belief.fade(time, self.half_life)
        belief.ended += 1
        belief.failures += failed
        if ratio is None:
            return False
        changed = self._surprised(belief, ratio)
        if changed:
            for (who, _), each in self.beliefs.items():
                if who == agent:
                    each.shrink(min(1.0, KEPT / max(each.count, KEPT)))
                    each.longer = each.shorter = 0.0
        belief.observe(ratio)
        return changed

    def _surprised(self, belief: Belief, ratio: float) -> bool:
        """Add up how far observations are from what was believed, beyond what luck explains, either way (Page's cumulative sums)."""
        n0, s0 = self.prior.prior_count, self.prior.prior_std
        spread = math.sqrt((belief.m2 + n0 * s0 * s0) / (belief.count + n0))
        if belief.count < KEPT or spread == 0.0:
            return False  # nothing is believed yet
        away = (math.log(ratio) - belief.mean) / (spread * math.sqrt(1.0 + 1.0 / belief.count))
        belief.longer = max(0.0, belief.longer + away - SLACK)
        belief.shorter = max(0.0, belief.shorter - away - SLACK)
        return max(belief.longer, belief.shorter) > self.alarm

    def estimate(self, agent: str, kind: str, now: float) -> Estimate:
        """Return what is believed at an instant: the prior, of who was never seen at it."""
        belief = Belief(now)
        if (agent, kind) in self.beliefs:
            belief = Belief(**vars(self.beliefs[agent, kind]))
            belief.fade(now, self.half_life)
        n0, s0 = self.prior.prior_count, self.prior.prior_std
        return Estimate(
            math.exp(belief.count * belief.mean / (belief.count + n0)),
            math.sqrt((belief.m2 + n0 * s0 * s0) / (belief.count + n0)),
            belief.failures / (belief.ended + n0),
            belief.count,
        )

    def history(self, now: float) -> list[Seen]:
        """Return what a situation tells of it at an instant.

        Situations count in whole observations: where these have faded to a fraction, mean and squares are such that the world's factor
        comes out as here, and its spread wherever it can.
        """
        n0, s0 = self.prior.prior_count, self.prior.prior_std
        seen = []
        for (agent, kind), belief in sorted(self.beliefs.items()):
            now_believed = Belief(**vars(belief))
            now_believed.fade(now, self.half_life)
            count, mean, m2 = now_believed.count, now_believed.mean, now_believed.m2
            if count < LEAST:
                continue
            whole = max(1, min(MOST_COUNT, round(count)))
            if whole != count:
                mean *= (count / (count + n0)) * (whole + n0) / whole
                m2 = max(0.0, (m2 + n0 * s0 * s0) * (whole + n0) / (count + n0) - n0 * s0 * s0)
            failures = min(MOST_COUNT, round(now_believed.failures))
            seen.append(Seen(agent=agent, kind=kind, count=whole, mean=mean, m2=m2, failures=failures))
        return seen

    def as_json(self) -> dict[str, Any]:
        """Return what ``of_json`` reads."""
        rows = [
            {"agent": agent, "kind": kind, **vars(belief)} for (agent, kind), belief in sorted(self.beliefs.items())
        ]
        half_life, alarm = (None if math.isinf(value) else value for value in (self.half_life, self.alarm))
        told = {"half_life": half_life, "alarm": alarm, "prior": vars(self.prior)}
        return told | {"integrated": self.integrated, "beliefs": rows}

    @classmethod
    def of_json(cls, told: dict[str, Any]) -> KnowledgeBase:
        """Return what ``as_json`` told; raises KeyError, TypeError or ValueError where it is something else."""
        half_life, alarm = (math.inf if told[name] is None else float(told[name]) for name in ("half_life", "alarm"))
        base = cls(half_life, Knowledge(**told["prior"]), alarm=alarm)
        base.integrated = int(told["integrated"])
        for row in told["beliefs"]:
            values = {name: float(row[name]) for name in vars(Belief(0.0))}
            if (
                not all(map(math.isfinite, values.values()))
                or min(values["count"], values["m2"], values["failures"]) < 0
            ):
                raise ValueError(f"belief of {row['agent']} at {row['kind']} is {values}")
            base.beliefs[str(row["agent"]), str(row["kind"])] = Belief(**values)
        return base


class ModelUpdater:
    """Has situations know what the base knows, so that every policy decides by it."""

    def update(self, situation: Situation, base: KnowledgeBase) -> Situation:
        """Return the situation with the base's history, of its agents and its kinds of tasks."""
        agents = {agent.name for agent in situation.agents}
        kinds = {task.kind for job in situation.jobs for task in job.tasks}
        known = [seen for seen in base.history(situation.time) if seen.agent in agents and seen.kind in kinds]
        return situation.model_copy(update={"history": known}).checked()


@dataclass
class Integrated:
    """What an experience has changed."""

    beliefs: dict[tuple[str, str], tuple[Estimate, Estimate]] = field(default_factory=dict)
    """By agent and kind: before and after."""
    observations: int = 0
    changed: list[str] = field(default_factory=list)
    """Agents that turned out to be others than before."""


class KnowledgeIntegrator:
    """Turns experience into knowledge, into better models of agents, and into a choice among policies; all of it outlives a restart."""

    def __init__(
        self,
        path: Path | None = None,
        *,
        half_life: float = HALF_LIFE,
        prior: Knowledge | None = None,
        alarm: float = ALARM,
    ) -> None:
        """Go on from a file, whose half-life, prior and alarm then hold, or begin one.

        Raises:
            KnowledgeError: the file holds something else.
        """
        self.path = path
        self.base, self.behaviour, self.updater = (
            KnowledgeBase(half_life, prior, alarm=alarm),
            BehaviourOptimizer(half_life),
            ModelUpdater(),
        )
        if path is not None and path.exists():
            self.base, self.behaviour = _read(path)

    async def integrate_knowledge(self, experience: Experience) -> Integrated:
        """Integrate in a thread of its own, as ``integrate`` does."""
        return await asyncio.to_thread(self.integrate, experience)

    def integrate(self, experience: Experience, number: int | None = None) -> Integrated:
        """Take an experience in, in the order in which its attempts ended, and save; ``number`` is its place in a store."""
        ended = sorted((each for each in experience.attempts if each.outcome != "stopped"), key=lambda each: each.ended)
        touched = dict.fromkeys((each.agent, each.kind) for each in ended)
        before = {key: self.base.estimate(*key, experience.ended) for key in touched}
        changed: list[str] = []
        for each in ended:
            if self.base.observe(each.agent, each.kind, each.ended, ratio_of(each), failed=each.outcome == "failed"):
                changed.append(each.agent)
        self.behaviour.record(experience)
        if number is not None:
            self.base.integrated = number
        self.save()
        after = {key: self.base.estimate(*key, experience.ended) for key in touched}
        return Integrated({key: (before[key], after[key]) for key in touched}, len(ended), changed)

    def catch_up(self, collector: ExperienceCollector) -> int:
        """Integrate what a store has got since the last time, each experience once; return how many there were."""
        count = 0
        for number, experience in collector.kept(self.base.integrated):
            self.integrate(experience, number)
            count += 1
        return count

    def update(self, situation: Situation) -> Situation:
        """Return the situation with what is known."""
        return self.updater.update(situation, self.base)

    def choose(self, policies: Sequence[str], now: float) -> str:
        """Return the policy to use next, by results: see :class:`agents.operation.knowledge.behaviour.BehaviourOptimizer`."""
        return self.behaviour.choose(policies, now)

    def save(self) -> None:
        """Write everything, where there is a file."""
        if self.path is not None:
            content = {"format": FORMAT, "knowledge": self.base.as_json(), "behaviour": self.behaviour.as_json()}
            write_text(self.path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def _read(path: Path) -> tuple[KnowledgeBase, BehaviourOptimizer]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"larger than {MOST_BYTES} bytes")
        told: Any = strict_json.loads(path.read_bytes())
        if told["format"] != FORMAT:
            raise ValueError(f"format is {told['format']!r}, must be {FORMAT}")
        return KnowledgeBase.of_json(told["knowledge"]), BehaviourOptimizer.of_json(told["behaviour"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise KnowledgeError(f"{path}: holds no knowledge: {type(error).__name__}: {error}") from None
