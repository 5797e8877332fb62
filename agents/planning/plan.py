"""Search at decision time: completions by the policy, batched through the engine; the best complete plan is kept.

Only for episodes in which nothing is unknown: see :func:`is_deterministic`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.compiled.completions import NOTHING
from agents.evaluation.play import Episodes
from agents.planning.beam import Beam
from agents.planning.completions import Flight, Plan
from agents.planning.lookahead import Pilot
from agents.planning.projects.crossover import improve
from agents.planning.projects.justification import is_project
from agents.planning.settings import PlanError, Search
from agents.progress import Progress
from agents.protocols import Negotiator, Scorer
from envs.scenario import Scenario
from envs.workloads.instance import Instance


@dataclass(frozen=True)
class Planned:
    """The best plans found."""

    plans: list[Plan]
    """[E]."""
    decisions: int
    """Choices that seats made in all completions."""
    seconds: float
    """Wall time of the search."""


def is_deterministic(scenario: Scenario, instance: Instance) -> bool:
    """Whether agents know from the start what will happen: no noise, failures, breakdowns, hidden durations or speeds, later arrivals."""
    unsure = scenario.uncertainty
    return (
        unsure.duration_sigma == 0
        and unsure.failure_probability == 0
        and math.isinf(unsure.mean_time_between_failures)
        and bool((instance.task_ratio == 1).all() and (instance.speed == 1).all() and (instance.job_release == 0).all())
    )


def plan(
    scenario: Scenario,
    episodes: Episodes,
    prioritizer: Scorer,
    negotiator: Negotiator,
    search: Search,
    *,
    label: str = "",
    progress: bool = False,
) -> Planned:
    """Search for the cheapest plan of each episode.

    Raises:
        PlanError: where something in an episode is uncertain: a plan made beforehand would use what nobody can know; or where plans are
            to be justified that are no project's.
    """
    for instance in episodes.instances:
        if not is_deterministic(scenario, instance):
            raise PlanError(
                f"{instance.name}: plans are searched only where durations, failures and arrivals are known from the start"
            )
        if search.justify and not is_project(scenario, instance):
            raise PlanError(
                f"{instance.name}: search.justify is for one agent's makespan, on units of its own, where it may reserve until an event"
            )
    size = np.array([instance.num_tasks for instance in episodes.instances])[episodes.instance]
    order = np.argsort(size, kind="stable")  # equal sizes together: small worlds are cheaper
    plans: list[Plan | None] = [None] * len(order)
    decisions, began = 0, time.perf_counter()
    with Progress(total=len(order), desc=label, unit="episode", disable=not progress, leave=False) as bar:
        for first in range(0, len(order), search.abreast):
            batch = order[first : first + search.abreast]
            found, made = _plan_batch(scenario, _some(episodes, batch), prioritizer, negotiator, search, bar)
            decisions += made
            for place, best in zip(batch, found, strict=True):
                plans[place] = best
                bar.update()
    return Planned([best for best in plans if best is not None], decisions, time.perf_counter() - began)


def _some(episodes: Episodes, index: Any) -> Episodes:
    """The episodes of some indices, with the instances that they need."""
    needed, instance = np.unique(episodes.instance[index], return_inverse=True)
    return Episodes([episodes.instances[i] for i in needed], instance.astype(np.int32), episodes.seeds[index])


def _plan_batch(
    scenario: Scenario, episodes: Episodes, prioritizer: Scorer, negotiator: Negotiator, search: Search, bar: Progress
) -> tuple[list[Plan], int]:
    """The best plan of each episode, and the choices that were made for it."""
    width = search.choices if search.choices > 1 else 0
    count = len(episodes.seeds)
    until = time.perf_counter() + search.seconds * count
    held = count * (search.beam if search.beam > 1 else search.starts) if width else count
    flight = Flight(
        scenario,
        episodes,
        prioritizer,
        negotiator,
        held=held,
        slots=min(search.slots, max(1, count * search.draws) if not width else search.slots),
        width=width,
        seed=search.seed,
        temperature=search.temperature,
    )
    found: list[list[Plan]] = [[] for _ in range(count)]
    for episode, drawn in _draw(flight, count, search, until, bar):
        ranked = sorted([*found[episode], drawn], key=lambda each: each.cost)
        found[episode] = ranked[: search.draws if search.justify else max(search.starts, search.beam)]
    if width:
        _look_ahead(flight, found, search.beam, until, bar)
    if search.justify:
        for plans, improved in zip(found, improve(scenario, episodes, found, search, until), strict=True):
            plans.append(improved)
    return [min(plans, key=lambda each: each.cost) for plans in found], flight.decisions


def _draw(flight: Flight, count: int, search: Search, until: float, bar: Progress) -> Iterator[tuple[int, Plan]]:
    """Complete every episode from its start, once greedily and then by drawing."""
    todo = iter([(number, episode) for number in range(search.draws) for episode in range(count)])
    left = count * search.draws
    while left:
        while flight.room and (start := next(todo, None)) is not None:
            number, episode = start
            if number and time.perf_counter() > until:
                left -= 1
                continue
            flight.launch(episode, episode, key=number if number else NOTHING)
        bar.beat(f"{flight.decisions:,} decisions, {left:,} schedules to draw")
        for landed in flight.step():
            left -= 1
            yield landed.tag, landed.plan


def _look_ahead(flight: Flight, found: list[list[Plan]], beam: int, until: float, bar: Progress) -> None:
    """Improve the plans of each episode in place."""
    count = len(found)
    pilots: list[tuple[int, Pilot | Beam]] = []
    if beam > 1:
        pilots += [
            (episode, Beam(flight, range(episode, beam * count, count), plans)) for episode, plans in enumerate(found)
        ]
    else:
        starts = [
            (number, episode)
            for number in range(max(map(len, found)))
            for episode in range(count)
            if number < len(found[episode])
        ]
        for number, episode in starts:
            pilots.append((episode, Pilot(flight, episode + number * count, found[episode][number])))
    while time.perf_counter() < until:
        for _, pilot in pilots:
            pilot.settle()
        waiting = [pilot for _, pilot in pilots if not pilot.settled]
        if not waiting:
            break
        while flight.room and waiting:
            waiting = [pilot for pilot in waiting if flight.room and pilot.launch()]
        bar.beat(
            f"{flight.decisions:,} decisions, {sum(not pilot.settled for _, pilot in pilots)} lookaheads under way"
        )
        for landed in flight.step():
            landed.tag.pilot.land(landed)
    for episode, pilot in pilots:
        found[episode].append(pilot.incumbent)
