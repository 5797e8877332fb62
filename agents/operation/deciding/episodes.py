"""Whole episodes by the decision engine: at every instant the world becomes the JSON of a situation, and the decision comes back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from agents.operation.deciding.decision import DecisionEngine
from agents.operation.deciding.instant import Move
from agents.operation.site.moments import situation_at, task_name
from agents.operation.site.situation import Situation
from envs.engine.codes import Phase
from envs.scenario import Scenario
from envs.workloads.instance import Instance
from envs.world import Outputs, World


class Driven(NamedTuple):
    """What came of an episode."""

    cost: float
    """Of the team."""
    instants: int
    """At which the engine was asked."""
    fallbacks: int
    """Instants at which its fallback decided."""


class Astray(RuntimeError):
    """The engine's decision is about another choice than the world's: a defect of one of them."""


def drive(engine: DecisionEngine, scenario: Scenario, instance: Instance, seed: int) -> Driven:
    """Have an engine play an episode.

    Args:
        engine: that decides.
        scenario: of the world; the rules of play are to be the engine's own.
        instance: what is played.
        seed: of the episode.

    Raises:
        Astray: the engine does not see what the world shows.
    """
    world = World(scenario, 1, instances=[instance], auto_reset=False, record=True)
    out = world.reset(seeds=np.array([seed], np.uint64))
    numbers = {task_name(instance, t): t for t in range(instance.num_tasks)}
    cost, instants, fallbacks = float(out.team_cost[0]), 0, 0
    moves: list[Move] = []
    names: list[str] = []
    now = -1.0
    while out.phase[0] != Phase.OVER:
        if not moves or out.time[0] != now:
            now = float(out.time[0])
            log = world.log(0)
            told = situation_at(instance, scenario, log, len(log.time), now).write()
            site = engine.take_in(Situation.read(told))
            outcome, _, reason = engine.choose(site)
            moves, names = outcome.moves[::-1], [task.name for _, task in site.tasks]
            instants, fallbacks = instants + 1, fallbacks + (reason is not None)
            if not moves:
                raise Astray(f"at {now:g} s the engine has nothing to decide, and the world has")
        out = world.step(*_actions(moves.pop(), out, names, numbers, now))
        cost += float(out.team_cost[0])
    return Driven(cost, instants, fallbacks)


def _actions(
    move: Move, out: Outputs, names: list[str], numbers: dict[str, int], now: float
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.int32]], np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    """What the engine did in its world, in this one: agents have the same numbers, tasks the same names."""
    picks, bids = np.zeros(out.acting.shape, np.int32), np.zeros(out.acting.shape)
    agents = np.flatnonzero(out.acting[0]).tolist()
    if sorted(move.bids or move.picks) != agents or bool(move.bids) != (out.phase[0] == Phase.NEGOTIATE):
        raise Astray(f"at {now:g} s the engine asks agents {sorted(move.bids or move.picks)}, the world {agents}")
    for a, bid in move.bids.items():
        bids[0, a] = bid
    for a, task in move.picks.items():
        shown = (
            [out.mask.shape[2] - 1] if task is None else np.flatnonzero(out.task[0, a] == numbers[names[task]]).tolist()
        )
        if not shown:
            raise Astray(
                f"at {now:g} s the engine has agent {a} pick {names[task or 0]}, which the world does not show"
            )
        picks[0, a] = shown[0]
    return picks, bids
