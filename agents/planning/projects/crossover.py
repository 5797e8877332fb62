"""Projects planned: schedules that the policy has drawn are justified and crossed, and the best one is played as actions again.

A schedule counts for what the world says that its actions cost. Between events an agent can only wait for a task that it reserves; where
none can be reserved, as the next one to start waits for several that run, the world goes its own way. It was never seen to.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.compiled.completions import Completions
from agents.evaluation.play import Episodes, play_batch
from agents.planning.completions import Plan, follow
from agents.planning.projects.justification import Floats, Project
from agents.planning.settings import Search
from envs.columns import Candidate
from envs.engine.codes import Phase
from envs.events import EventKind
from envs.scenario import Scenario
from envs.world import Outputs, World

PARENTS: Final = 30
"""Schedules from which others are crossed: of 15 to 100 the best, or not worse, at 60 and at 120 activities."""
SWAPS: Final = 100
"""Of neighbours in a child: without them, the schedules of small projects soon are all alike. Large ones do not mind."""


def improve(
    scenario: Scenario, episodes: Episodes, drawn: Sequence[Sequence[Plan]], search: Search, until: float
) -> list[Plan]:
    """Return the best plan found of each episode [E], given those that were drawn for it; ``until`` is a reading of the wall clock."""
    best = []
    for e, starts in enumerate(_schedules(scenario, episodes, drawn, search.slots)):
        project = Project(episodes.instances[int(episodes.instance[e])])
        parents = [project.justify(start) for start in starts]
        random = np.random.default_rng([search.seed, int(episodes.seeds[e])])
        best.append(_breed(project, parents, search.crossed, random, until))
    return _play(scenario, episodes, best)


def _schedules(
    scenario: Scenario, episodes: Episodes, drawn: Sequence[Sequence[Plan]], slots: int
) -> list[list[Floats]]:
    """When tasks start [T], by each plan of each episode."""
    listed = [(e, plan) for e, plans in enumerate(drawn) for plan in plans]
    starts: list[list[Floats]] = [[] for _ in drawn]
    for first in range(0, len(listed), slots):
        part = listed[first : first + slots]
        of = np.array([e for e, _ in part])
        world = World(scenario, len(part), instances=episodes.instances, auto_reset=False, record=True)
        play_batch(world, episodes.seeds[of], episodes.instance[of], follow([plan for _, plan in part])(world, 0))
        for b, (e, _) in enumerate(part):
            log = world.log(b)
            begun = log.kind == EventKind.TASK_START
            start = np.empty(int(begun.sum()))
            start[log.task[begun]] = log.time[begun]
            starts[e].append(start)
    return starts


def _breed(
    project: Project, schedules: list[Floats], children: int, random: np.random.Generator, until: float
) -> Floats:
    """Return the best schedule after crossing the best ones; a child that is new and no longer than the longest takes its place."""
    different = {start.tobytes(): start for start in schedules}
    ranked = sorted(different.values(), key=project.length)[:PARENTS]
    length = np.array([project.length(start) for start in ranked])
    tasks = len(ranked[0])
    for _ in range(children):
        if time.perf_counter() > until:
            break
        one, other = random.integers(len(ranked), size=2)
        low, high = np.sort(random.integers(tasks + 1, size=2)).tolist()
        swaps = random.integers(max(tasks - 1, 1), size=SWAPS if tasks > 1 else 0)
        child = project.justify(project.cross(ranked[one], ranked[other], low, high, swaps))
        longest = int(length.argmax())
        if project.length(child) <= length[longest] and not any(np.array_equal(child, start) for start in ranked):
            ranked[longest], length[longest] = child, project.length(child)
    return ranked[int(length.argmin())]


def _play(scenario: Scenario, episodes: Episodes, starts: Sequence[Floats]) -> list[Plan]:
    """The actions by which the world follows schedules [E], and what they cost."""
    world = World(scenario, len(starts), instances=episodes.instances, auto_reset=False)
    played: list[list[NDArray[np.int32]]] = [[] for _ in starts]

    def choose(out: Outputs, picks: NDArray[np.int32], bids: NDArray[np.float64]) -> None:
        for b in np.flatnonzero(out.phase != Phase.OVER).tolist():
            picks[b] = _next(out, b, starts[b])
            played[b].append(picks[b].copy())

    costs, _, _ = play_batch(world, episodes.seeds, episodes.instance, Completions(world, choose))
    plans = []
    for cost, rows in zip(costs, played, strict=True):
        picks = np.array(rows, np.int32).reshape(-1, 1)
        plans.append(Plan(float(cost), picks, np.zeros(picks.shape), np.zeros((*picks.shape, 0), np.int32)))
    return plans


def _next(out: Outputs, b: int, start: Floats) -> int:
    """The candidate of world b that starts first by the schedule; what could start before its time only where nothing can be reserved."""
    legal = np.flatnonzero(out.mask[b, 0, : out.task.shape[2]])
    planned = start[out.task[b, 0, legal]]
    early = (out.candidates[b, 0, legal, Candidate.STARTABLE] > 0) & (planned > out.time[b])
    return int(legal[np.lexsort((planned, early))[0]])
