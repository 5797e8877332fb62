"""How fast agents adapt when the work changes: days of a shared queue, of which one day others become good at other kinds of tasks.

Before the change, each agent is slow at one kind of task, and the kinds are equally common; from the change on each is slow at another
one, and one kind makes up most of the work. Nobody tells the agents. Everybody plays the same days, with the same luck.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig

from agents.evaluation.play import decide
from agents.evaluation.statistics import Interval, relative_difference
from agents.operation.knowledge.experience import Executed, ExperienceCollector, ratio_of
from agents.operation.knowledge.knowledge import ALARM, KnowledgeBase
from agents.policies import load_prioritizer
from agents.progress import Progress
from agents.rules import negotiator
from envs.engine import layout
from envs.engine.codes import Phase
from envs.engine.layout import Records
from envs.events import NONE, EventLog
from envs.scenario import Knowledge, Objective, Scenario, Uncertainty
from envs.state.snapshot import Snapshot
from envs.workloads.drawing import stream
from envs.workloads.generators.synthetic import SyntheticWorkload
from envs.workloads.instance import Instance
from envs.world import World
from experiments.reports.outcome import Outcome, Sheet
from experiments.reports.report import Cell, Figure

AGENTS: Final = 4
SLOWNESS: Final = 3.0
"""Times that an agent takes for the kind that it is slow at."""
MIX: Final = ((0.25, 0.25, 0.25, 0.25), (0.1, 0.1, 0.1, 0.7))
"""Shares of the kinds, before and after."""
BEFORE, AFTER = 8, 20
"""Days."""
REPLICATES: Final = 24
"""Sequences of days that are played side by side: the observations of every interval."""
TRAINING: Final = 24
"""Other days, on which the policies for both mixes are chosen, and on which who knows a mix has learned about it."""
POLICIES: Final = ("wsrpt+p", "spt+p", "fifo+p", "critical_path+p", "atc+p")
FAR: Final = 10**6
"""Other days have numbers from here on."""
NEAR: Final = 0.05
DAYS_TOGETHER: Final = 3
"""Days whose mean has to be near."""
RESAMPLES: Final = 2_000
NOTHING: Final = "no knowledge base"
TRAINED: Final = "trained for the mix"
MEMORIES: Final = {
    "half-life 1 day": (1.0, math.inf),
    "half-life 4 days": (4.0, math.inf),
    "never forgets": (math.inf, math.inf),
    "alarms, else never": (math.inf, ALARM),
    "alarms, half-life 4 days": (4.0, ALARM),
}
"""Half-life in days, and the surprise at which an agent counts as changed."""
Costs = NDArray[np.float64]


@dataclass(frozen=True)
class Days:
    """The days of a mix."""

    mix: int
    """Of MIX: 0 before the change, 1 after it."""
    is_told: bool = False
    """Whether agents know who is slow at what: nominal durations then are true ones."""

    def instance(self, seed: int) -> Instance:
        """Draw a day; equal seeds differ between mixes in the kinds of tasks and in who is slow alone."""
        drawn = WORKLOAD.instance(seed)
        kinds = stream(seed).choice(len(MIX[self.mix]), size=drawn.num_tasks, p=MIX[self.mix]).astype(np.int32)
        speed = np.ones((AGENTS, len(MIX[self.mix])))
        for agent in range(AGENTS):
            speed[agent, (agent + 2 * self.mix) % AGENTS] = 1.0 / SLOWNESS
        if not self.is_told:
            return replace(drawn, task_kind=kinds, speed=speed)
        task = np.repeat(np.arange(drawn.num_tasks), np.diff(drawn.option_first))
        nominal = drawn.option_nominal / speed[drawn.option_agent, kinds[task]]
        return replace(drawn, task_kind=kinds, speed=np.ones_like(speed), option_nominal=nominal)


WORKLOAD: Final = SyntheticWorkload(
    agents=AGENTS,
    jobs=120,
    scale_spread=1.0,
    shape="single",
    slots=1,
    shared_capacity=(),
    shared_use=(),
    big_min=(),
    big_max=(),
    load_min=0.8,
    load_max=0.8,
    eligible="all",
    slack_min=0.0,
    slack_max=0.0,
)
SCENARIO: Final = Scenario(
    Days(0),
    objective=Objective(flow=1.0),
    uncertainty=Uncertainty(duration_sigma=0.4),
    knowledge=Knowledge(prior_count=2.0),
    candidates=32,
    allow_pass=True,
)


def benchmark(config: DictConfig) -> Outcome:
    """Play all days, and say how long each way of knowing needs to be near what knows everything."""
    return study(REPLICATES, BEFORE, AFTER, TRAINING)


def study(replicates: int, before: int, after: int, training: int) -> Outcome:
    """Compare ways of knowing over ``before + after`` days, in so many replicates; policies are chosen on other days."""
    chosen = [_best(mix, training) for mix in range(len(MIX))]
    costs: dict[str, Costs] = {}
    total = (before + after) * (len(MEMORIES) + 2)
    with Progress(total=total, desc="playing", unit="day") as bar:
        costs[NOTHING] = _play_days(before, after, replicates, chosen[0], None, bar)
        for name, (half_life, alarm) in MEMORIES.items():
            bases = [KnowledgeBase(half_life, SCENARIO.knowledge, alarm=alarm) for _ in range(replicates)]
            costs[name] = _play_days(before, after, replicates, chosen[0], bases, bar)
        costs[TRAINED] = _play_trained(before, after, replicates, training, chosen, bar)
    return _outcome(costs, before, chosen, replicates, training)


def _over(bar: Progress, days: int) -> Iterator[int]:
    """Count days on a bar."""
    for day in range(days):
        yield day
        bar.update()


def _best(mix: int, training: int) -> str:
    """The policy for a mix: the best of all on other days of it, told the truth."""
    days = [Days(mix, is_told=True).instance(FAR + seed) for seed in range(training)]
    return min(POLICIES, key=lambda name: float(_play(days, name, FAR, None).mean()))


def _play_trained(before: int, after: int, replicates: int, training: int, chosen: list[str], bar: Progress) -> Costs:
    """[days, replicates] costs of who has spent ``training`` other days in the mix of the day, and learns nothing more."""
    known = []
    for mix, policy in enumerate(chosen):
        bases = [KnowledgeBase(math.inf, SCENARIO.knowledge, alarm=math.inf) for _ in range(replicates)]
        for day in range(training):
            first = FAR + day * replicates
            _play([Days(mix).instance(first + b) for b in range(replicates)], policy, FAR + day, bases)
        known.append(bases)
    return np.stack(
        [
            _play(_days(day, before, replicates), chosen[mix], day, known[mix], learns=False)
            for day in _over(bar, before + after)
            for mix in (int(day >= before),)
        ]
    )


def _days(day: int, before: int, replicates: int) -> list[Instance]:
    source = Days(int(day >= before))
    return [source.instance(day * replicates + b) for b in range(replicates)]


def _play_days(
    before: int, after: int, replicates: int, policy: str, bases: list[KnowledgeBase] | None, bar: Progress
) -> Costs:
    """[days, replicates] costs of days one after the other, with what was learned on those before."""
    return np.stack([_play(_days(day, before, replicates), policy, day, bases) for day in _over(bar, before + after)])


def _play(
    days: list[Instance], policy: str, day: int, bases: list[KnowledgeBase] | None, *, learns: bool = True
) -> Costs:
    """[replicates] costs of a day: who has a base begins with what it believes, and adds what it saw, in days, if it ``learns``."""
    world = World(SCENARIO, len(days), instances=days, auto_reset=False, record=bases is not None and learns)
    world.reset()
    times, numbers = np.zeros(0), np.zeros(0, np.int32)
    nothing = EventLog(times, numbers, numbers, numbers, numbers, times)
    for b, instance in enumerate(days):
        start = Snapshot.of(SCENARIO, AGENTS, nothing, 0.0, seed=day * len(days) + b)
        beliefs = None if bases is None else _beliefs(bases[b], instance, float(day))
        world.restore(b, start._replace(round=NONE, beliefs=beliefs), b)
    by, fcfs = load_prioritizer(policy), negotiator("fcfs")
    out = world.out
    cost = out.team_cost.copy()
    picks, bids = np.zeros(out.acting.shape, np.int32), np.zeros(out.acting.shape)
    while (out.phase != Phase.OVER).any():
        decide(out, by, fcfs, picks, bids)
        out = world.step(picks, bids)
        cost += out.team_cost
    if bases is not None and learns:
        for b, instance in enumerate(days):
            _learn(bases[b], instance, world.log(b), policy, float(day))
    return cost


def _learn(base: KnowledgeBase, instance: Instance, log: EventLog, policy: str, day: float) -> None:
    seen = ExperienceCollector().collect(Executed.simulated(instance, SCENARIO, log, policy))
    length = max(seen.ended, 1.0)
    for each in sorted(seen.attempts, key=lambda attempt: attempt.ended):
        base.observe(each.agent, each.kind, day + each.ended / length, ratio_of(each))


def _beliefs(base: KnowledgeBase, instance: Instance, day: float) -> Records:
    """As the world takes them; agents and kinds by the numbers in their names."""
    beliefs: Records = np.zeros(instance.speed.shape, layout.BELIEF)
    for seen in base.history(day):
        place = int(seen.agent.split("-")[1]), int(seen.kind.split("-")[1])
        beliefs["count"][place], beliefs["mean"][place], beliefs["m2"][place] = seen.count, seen.mean, seen.m2
    return beliefs


def adaptation(costs: Costs, told: Costs) -> float:
    """Return the days from the change until the mean of DAYS_TOGETHER days is within NEAR of who is trained; inf: not within these days.

    Args:
        costs: [days, replicates] from the change on.
        told: the same of the policy that was trained for the new mix.
    """
    by_day = costs.mean(axis=1), told.mean(axis=1)
    ones = np.ones(DAYS_TOGETHER)
    excess = np.convolve(by_day[0], ones, "valid") / np.convolve(by_day[1], ones, "valid") - 1.0
    near = np.flatnonzero(excess <= NEAR)
    return float(near[0]) if near.size else math.inf


def _interval(costs: Costs, told: Costs) -> tuple[float, float]:
    """A 95 % interval of ``adaptation``: the quantiles over replicates that are drawn with replacement."""
    rng = np.random.default_rng(0)
    replicates = costs.shape[1]
    drawn = [adaptation(costs[:, c], told[:, c]) for c in rng.integers(replicates, size=(RESAMPLES, replicates))]
    low, high = np.quantile(drawn, [0.025, 0.975], method="nearest")
    return float(low), float(high)


def _outcome(costs: dict[str, Costs], before: int, chosen: list[str], replicates: int, training: int) -> Outcome:
    told = costs[TRAINED]
    after = len(told) - before
    parts = {"days before": slice(0, before), "first day after": slice(before, before + 1)}
    parts |= {f"days {before + 2}-{before + 5}": slice(before + 1, before + 5), "last 5 days": slice(-5, None)}
    rows: list[list[Cell]] = []
    numbers: dict[str, Any] = {}
    for name, one in costs.items():
        if name == TRAINED:
            continue
        days, (low, high) = adaptation(one[before:], told[before:]), _interval(one[before:], told[before:])
        excess = {part: _excess(one[where], told[where]) for part, where in parts.items()}
        rows.append([name, _days_told(days, low, high, after), *(Figure.relative(each) for each in excess.values())])
        numbers[name] = {
            "days_to_near": None if math.isinf(days) else days,
            "interval": [None if math.isinf(end) else end for end in (low, high)],
            "excess": {part: each._asdict() for part, each in excess.items()},
        }
    notes = [
        f"{replicates} sequences of {before + after} days of {WORKLOAD.jobs} tasks for {AGENTS} agents, each {SLOWNESS:g} times as slow "
        f"at one kind of {len(MIX[0])}. After day {before} everybody is slow at another kind, and the shares of the kinds go from {MIX[0]} "
        f"to {MIX[1]}. Costs are flow times.",
        f"Per cent above who is trained for the mix: it plays the best of {', '.join(POLICIES)} on {training} other days of the mix "
        f"({chosen[1]}; before the change {chosen[0]}), and knows what it saw on these. All others play {chosen[0]}, and know what they "
        f"have seen: on the same day alone ({NOTHING}), or on the days before as well, faded by a half-life, or until an alarm: an agent "
        f"has surprised too much (by {ALARM:g} standard deviations in sum), and what was believed of it counts for next to nothing.",
        f"Days until near: from the change to the first of {DAYS_TOGETHER} days whose mean cost is within {NEAR:.0%} of that one's, with a "
        "95 % interval by resampled replicates. Other intervals are paired, by replicate.",
    ]
    header = ["", f"days until within {NEAR:.0%}", *(f"{part}, %" for part in parts)]
    daily = {name: one.mean(axis=1).tolist() for name, one in costs.items()}
    return Outcome(
        "Adaptation when the work changes",
        [Sheet("By what is known", header, rows)],
        notes,
        {"ways": numbers, "daily": daily},
    )


def _excess(one: Costs, told: Costs) -> Interval:
    """Of the mean over some days, paired by replicate."""
    return relative_difference(one.mean(axis=0), told.mean(axis=0))


def _days_told(days: float, low: float, high: float, horizon: int) -> str:
    def word(value: float) -> str:
        return f">{horizon - DAYS_TOGETHER}" if math.isinf(value) else f"{value:g}"

    return f"{word(days)} [{word(low)}, {word(high)}]"
