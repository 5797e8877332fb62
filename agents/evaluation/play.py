"""Score decision makers fairly: everybody plays the same episodes, and every event log passes the independent checker."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.compiled.completions import Choose as Choose
from agents.compiled.completions import Completions
from agents.compiled.completions import decide as decide
from agents.evaluation.metrics import Metrics, compute_metrics
from agents.progress import Progress
from agents.protocols import Negotiator, Prioritizer, rules_of_play
from envs.engine.codes import Phase
from envs.events import EventLog
from envs.scenario import Scenario
from envs.validate import validate
from envs.workloads.instance import Instance
from envs.world import Outputs, World

HELD_OUT: Final = 0x45564C
"""Sets the seeds of evaluation apart from those of training, where both start from the same number."""


class InvalidEpisode(RuntimeError):
    """The checker refused an event log: the world has a defect, and nothing that it says is to be published."""


class Episodes(NamedTuple):
    """What everybody plays: E episodes, each an instance and the seed of its random draws."""

    instances: list[Instance]
    """The different ones."""
    instance: NDArray[np.int32]
    """[E] which of them."""
    seeds: NDArray[np.uint64]
    """[E]."""


@dataclass(frozen=True)
class Results:
    """What came of E episodes, in their order."""

    objective: NDArray[np.float64]
    """[E] weighted cost of the team: what the scenario says is to be small."""
    terms: NDArray[np.float64]
    """[E, terms] unweighted costs, as in ``Outputs.terms``."""
    metrics: tuple[Metrics, ...]
    """[E]."""
    decisions: int
    """Choices that seats made, both roles."""
    seconds: float
    """Wall time of playing, without the checker."""

    def column(self, name: str) -> NDArray[np.float64]:
        """Return one scalar metric of every episode [E]."""
        return np.array([getattr(metrics, name) for metrics in self.metrics], np.float64)


def draw_episodes(scenario: Scenario, count: int, seed: int) -> Episodes:
    """Return ``count`` episodes of the scenario's workload; the k-th depends on ``seed`` >= 0 and k alone."""
    words = (
        np.random.SeedSequence([HELD_OUT, seed])
        .generate_state(2 * count, np.uint64)
        .astype(np.uint64)
        .reshape(count, 2)
    )
    drawn = [scenario.workload.instance(int(word) >> 1) for word in words[:, 0]]
    different = list({id(instance): instance for instance in drawn}.values())  # a file gives the same one every time
    place = {id(instance): index for index, instance in enumerate(different)}
    return Episodes(different, np.array([place[id(instance)] for instance in drawn], np.int32), words[:, 1])


def without_repeats(scenario: Scenario, episodes: Episodes) -> Episodes:
    """The first episode alone, where all are of one instance and nothing is drawn in them: they would come out the same."""
    unsure = scenario.uncertainty
    drawn = unsure.duration_sigma or unsure.failure_probability or math.isfinite(unsure.mean_time_between_failures)
    if drawn or len(episodes.instances) > 1:
        return episodes
    return Episodes(episodes.instances, episodes.instance[:1], episodes.seeds[:1])


def play(
    scenario: Scenario,
    episodes: Episodes,
    prioritizer: Prioritizer,
    negotiator: Negotiator,
    *,
    worlds: int = 64,
    label: str = "",
    progress: bool = False,
) -> Results:
    """Play every episode once and check it.

    Args:
        scenario: the rules of play; a prioritizer that never reserves is not made to (``agents.protocols.rules_of_play``).
        episodes: equal ones make two calls comparable, pair by pair.
        prioritizer: decides for every agent.
        negotiator: bids for every agent.
        worlds: episodes in flight at once, at most.
        label: stands before the progress bar.
        progress: show the bar on stderr.

    Raises:
        InvalidEpisode: where the checker refuses a log.
        ValueError: where a policy decides what is illegal.
    """
    scenario = rules_of_play(scenario, prioritizer)
    return _play(
        lambda world, *_: Completions.by(world, prioritizer, negotiator), scenario, episodes, worlds, label, progress
    )


def play_by(
    chooser: Callable[[World, int], Choose | Completions],
    scenario: Scenario,
    episodes: Episodes,
    *,
    worlds: int = 64,
    label: str = "",
    progress: bool = False,
) -> Results:
    """Play every episode once and check it, as :func:`play` does; ``chooser(world, e)`` decides in episode e and those beside it."""

    def completer(world: World, first: int, bar: Progress) -> Completions:
        chosen = chooser(world, first)
        return chosen if isinstance(chosen, Completions) else Completions(world, _beating(bar, chosen))

    return _play(completer, scenario, episodes, worlds, label, progress)


def _play(
    completer: Callable[[World, int, Progress], Completions],
    scenario: Scenario,
    episodes: Episodes,
    worlds: int,
    label: str,
    progress: bool,
) -> Results:
    count = len(episodes.seeds)
    batches = -(-count // worlds)
    world = World(scenario, -(-count // batches), instances=episodes.instances, auto_reset=False, record=True)
    _load_kernels(world)
    costs, terms, metrics, decisions, seconds = [], [], [], 0, 0.0
    with Progress(total=count, desc=label, unit="episode", disable=not progress, leave=False) as bar:
        for first in range(0, count, world.num_worlds):
            batch = slice(first, first + world.num_worlds)
            completions = completer(world, first, bar)
            began = time.perf_counter()
            team, own, chosen = play_batch(world, episodes.seeds[batch], episodes.instance[batch], completions)
            seconds += time.perf_counter() - began
            decisions += chosen
            for b in range(len(team)):
                metrics.append(_check(world, b, float(team[b]), own[b]))
                bar.update()
            costs.append(team)
            terms.append(world.out.terms[: len(team)].copy())
    return Results(np.concatenate(costs), np.concatenate(terms), tuple(metrics), decisions, seconds)


def _beating(bar: Progress, choose: Choose) -> Choose:
    """Decide as ``choose`` does, and show how many episodes of those in flight are over: where each pick is searched, steps take long."""

    def beating(out: Outputs, picks: NDArray[np.int32], bids: NDArray[np.float64]) -> None:
        bar.beat(
            f"{int((out.phase == Phase.OVER).sum())} of {len(out.phase)} in flight are over, round {int(out.steps.max())}"
        )
        choose(out, picks, bids)

    return choose if bar.disable else beating


def record(
    scenario: Scenario, instance: Instance, seed: int, prioritizer: Prioritizer, negotiator: Negotiator
) -> EventLog:
    """Play one episode, by the rules that :func:`play` plays by, and return its event log."""
    world = World(rules_of_play(scenario, prioritizer), 1, instances=[instance], auto_reset=False, record=True)
    play_batch(
        world, np.array([seed], np.uint64), np.zeros(1, np.int32), Completions.by(world, prioritizer, negotiator)
    )
    return world.log(0)


def _load_kernels(world: World) -> None:
    """Have the engine compiled, or loaded from its cache, before the clock starts: one step with the lowest legal actions."""
    out = world.reset()
    world.step(out.mask.argmax(axis=2).astype(np.int32), np.zeros(out.acting.shape))


def play_batch(
    world: World, seeds: NDArray[np.uint64], instance: NDArray[np.int32], completions: Completions
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Return the weighted cost per episode [n], per episode and agent [n, A], and how many choices were made."""
    size = len(seeds)
    world.schedule(seeds, instance)
    out = world.reset()
    completions.start(slice(size), out.team_cost[:size])
    completions.own[:size] = out.own_cost[:size]
    completions.play_on(range(size))  # where there are fewer episodes than worlds, those behind stand still
    records = completions.records[:size]
    return records["cost"].copy(), completions.own[:size].copy(), int(records["decisions"].sum())


def _check(world: World, b: int, team_cost: float, own_cost: NDArray[np.float64]) -> Metrics:
    """Return the metrics of world b's finished episode if the checker accepts its log."""
    instance, seed, log = world.instances[int(world.out.instance[b])], int(world.out.seed[b]), world.log(b)
    report = validate(world.scenario, instance, seed, log, team_cost=team_cost, own_cost=own_cost)
    if not report.ok:
        raise InvalidEpisode(f"instance {instance.name}, seed {seed}: " + "; ".join(report.violations))
    return compute_metrics(instance, log)
