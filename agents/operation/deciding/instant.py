"""One instant, played: a world is put where a situation stands, and the policies decide in it until its clock would move."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.operation.site.conversion import MEMORY, Site
from agents.protocols import Mask, Negotiator, Observation, Prioritizer, Ranker, Scorer
from envs.engine.codes import Phase
from envs.events import EventKind, EventLog
from envs.scenario import Scenario
from envs.world import Outputs, World


class GaveUp(Exception):
    """A policy that gives no usable answer; the message says why."""


class Start(NamedTuple):
    """A task that starts now."""

    agent: int
    task: int
    end: float
    """Expected."""
    bid: float | None
    """Where it was contested."""


class Kept(NamedTuple):
    """A reservation that stands."""

    agent: int
    task: int
    start: float
    """Expected."""


class Asked(NamedTuple):
    """What N prioritizers saw in one round, and what they said."""

    agents: NDArray[np.intp]
    """[N]."""
    tasks: NDArray[np.int32]
    """[N, K]."""
    candidates: Observation
    context: Observation
    mask: Mask
    scores: NDArray[np.floating] | None
    """[N, K or more] what the policy ranks by, if it says so."""
    picks: NDArray[np.int32]
    """[N]."""


class Move(NamedTuple):
    """What agents did in one round, by their numbers."""

    picks: dict[int, int | None]
    """Tasks that prioritizers picked; None: the no-op."""
    bids: dict[int, float]
    """Of negotiators, in their rounds."""


@dataclass
class Outcome:
    """What came of an instant."""

    starts: list[Start] = field(default_factory=list)
    reservations: list[Kept] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    price: float = 0.0
    balances: NDArray[np.float64] | None = None
    moves: list[Move] = field(default_factory=list)
    """Of all rounds."""
    sequence: list[tuple[int, int, int]] = field(default_factory=list)
    """Starts, reservations and requests in their order: (EventKind, agent, task)."""


class Limits(NamedTuple):
    """What ends the patience with a policy."""

    deadline: float = float("inf")
    """``time.perf_counter()`` at which it is too late."""
    farthest: float = float("inf")
    """Standard deviations of training that an observation may be away."""


def play_instant(
    site: Site, scenario: Scenario, prioritizer: Prioritizer, negotiator: Negotiator, limits: Limits | None = None
) -> Outcome:
    """Play the instant.

    Raises:
        GaveUp: too late, too far from what the policy was trained on, or an illegal answer.
        SnapshotError: the situation contradicts itself in a way that its checks do not see.
    """
    limits = limits or Limits()
    world = World(scenario, 1, instances=[site.instance], auto_reset=False, record=True)
    out = world.restore(0, site.snapshot, still=True)
    outcome = Outcome(price=site.snapshot.price)
    picks, bids = np.zeros(out.acting.shape, np.int32), np.zeros(out.acting.shape)
    say = _sayer(prioritizer)
    while out.phase[0] != Phase.OVER:
        if time.perf_counter() > limits.deadline:
            raise GaveUp(f"the deadline passed after {len(outcome.asked)} rounds of picks")
        if out.phase[0] == Phase.PRIORITISE:
            asked = _ask(out, say)
            if not outcome.asked:
                _check_range(prioritizer, asked, limits.farthest)
            outcome.asked.append(asked)
            picks[0, asked.agents] = asked.picks
            outcome.moves.append(Move(_picked(asked), {}))
        else:
            bids[0, out.acting[0]] = negotiator.bid(out.negotiation[0, out.acting[0]])
            agents = np.flatnonzero(out.acting[0])
            outcome.moves.append(Move({}, dict(zip(agents.tolist(), bids[0, agents].tolist(), strict=True))))
        try:
            out = world.step(picks, bids)
        except ValueError as error:
            raise GaveUp(f"an illegal answer: {error}") from None
        _remember_price(outcome, world.new_events(0))
    _read(outcome, site, world.log(0), scenario)
    return outcome


Say = Callable[[Observation, Observation, Mask], tuple[NDArray[np.int32], NDArray[np.floating] | None]]
"""Returns picks, and what they are ranked by if the policy says so."""


def _sayer(prioritizer: Prioritizer) -> Say:
    """How to ask a prioritizer: which protocols it follows takes long to find out, so that it is not done in every round."""
    if isinstance(prioritizer, Ranker):
        ranker = prioritizer
        return lambda candidates, context, mask: (
            ranker.pick(candidates, context, mask),
            ranker.values(candidates, context),
        )
    if isinstance(prioritizer, Scorer):
        scorer = prioritizer

        def likeliest(*seen: Any) -> tuple[NDArray[np.int32], NDArray[np.floating] | None]:
            scores = scorer.scores(*seen)
            return scores.argmax(axis=1).astype(np.int32), scores

        return likeliest
    return lambda *seen: (prioritizer.pick(*seen), None)


def _ask(out: Outputs, say: Say) -> Asked:
    agents = np.flatnonzero(out.acting[0])
    seen = out.candidates[0, agents], out.context[0, agents], out.mask[0, agents]
    chosen, scores = say(*seen)
    return Asked(agents, out.task[0, agents], *seen, scores, chosen)


def _picked(asked: Asked) -> dict[int, int | None]:
    most = asked.tasks.shape[1]
    pairs = zip(asked.agents.tolist(), asked.picks.tolist(), strict=True)
    return {a: int(asked.tasks[n, pick]) if pick < most else None for n, (a, pick) in enumerate(pairs)}


def _check_range(prioritizer: Prioritizer, asked: Asked, most: float) -> None:
    measure = getattr(prioritizer, "farthest", None)
    if measure is None:
        return
    away = measure(asked.candidates, asked.context, asked.mask)
    if not away <= most:
        raise GaveUp(
            f"the situation is {away:.0f} standard deviations away from training, at most {most:g} are allowed"
        )


def _remember_price(outcome: Outcome, news: EventLog) -> None:
    """Take the bids of the last step into the price."""
    requests = news.value[news.kind == EventKind.RESOURCE_REQUEST]
    if len(requests):
        outcome.price = MEMORY * outcome.price + (1.0 - MEMORY) * float(requests.max())


def _read(outcome: Outcome, site: Site, log: EventLog, scenario: Scenario) -> None:
    """Take out of the log what was decided."""
    first = len(site.snapshot.events.time)
    bids: dict[tuple[int, int], float] = {}
    balances = site.snapshot.balance.copy()
    kept: dict[int, Kept] = {
        task: Kept(agent, task, start)
        for agent, task, start in zip(
            site.snapshot.reserved_by.tolist(),
            site.snapshot.reserved_task.tolist(),
            site.snapshot.reserved_start.tolist(),
            strict=True,
        )
    }
    rows = zip(*(column[first:].tolist() for column in (log.kind, log.agent, log.task, log.value)), strict=True)
    for kind, agent, task, value in rows:
        if kind == EventKind.RESOURCE_REQUEST:
            bids[agent, task] = value
        elif kind == EventKind.ALLOCATION_UPDATE and value:
            balances[agent] -= value
            balances += value / len(balances)
        elif kind == EventKind.TASK_START:
            outcome.starts.append(Start(agent, task, value, bids.get((agent, task))))
        elif kind == EventKind.RESERVATION:
            outcome.reservations.append(Kept(agent, task, value))
        if kind in (EventKind.RESOURCE_REQUEST, EventKind.TASK_START, EventKind.RESERVATION):
            outcome.sequence.append((kind, agent, task))
    if scenario.negotiation.credits:
        outcome.balances = balances
    if scenario.reservations.hold == "start":
        outcome.reservations = [*_still_held(kept, outcome, site), *outcome.reservations]


def _still_held(before: dict[int, Kept], outcome: Outcome, site: Site) -> list[Kept]:
    """Reservations of before that neither started nor were dropped."""
    started = {start.task for start in outcome.starts}
    held = []
    for task, kept in before.items():
        agent = site.situation.agents[kept.agent]
        states = {each.name: each.state for each in site.tasks[task][0].tasks}
        open_before = [states[name] for name in site.tasks[task][1].predecessors if states[name] != "done"]
        soon = open_before in ([], ["running"])
        if task not in started and agent.up and soon and site.tasks[task][1].state == "waiting":
            held.append(kept)
    return held
