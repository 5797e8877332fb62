"""Situations that nobody would write: a few changes of a document that was right, drawn by a seed."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any, Final

from agents.operation.site.example import example
from agents.operation.site.moments import situation_of
from agents.operation.site.play_rules import DEFAULT
from agents.operation.site.situation import Situation
from envs.workloads.generators.random_flexible_job_shop import RandomFlexibleJobShop
from envs.workloads.generators.synthetic import SyntheticWorkload

Value = Any
ODD: Final[tuple[Value, ...]] = (
    None, True, False, -1, 0, 1, 2, 3, 99.5, 1e-300, 1e12, 1e300, -0.0, 10**9, 2**63, 10**30, 3600.0, 3600,
    "", "ada", "ben", "cy", "gpu", "license", "task", "at once", "nothing", "running", "done", "waiting", "x" * 300, "\0", "é\u202e",
    [], {}, [[]], ["ada"], ["fit"], {"ada": 5}, {"gpu": 1}, {"p10": 1, "p50": 2, "p90": 3}, {"p10": 3, "p50": 2, "p90": 1},
)  # fmt: skip
MEMBERS: Final = (
    "time", "up", "at_once", "capacities", "speeds", "demands", "eligible", "predecessors", "state", "agent", "since", "until",
    "failed", "pinned", "earliest", "progress", "release", "due", "weight", "arrived", "owner", "history", "reservations", "price",
    "balances", "remove", "extra",
)  # fmt: skip
"""That a change may add."""


def seeds() -> list[Value]:
    """Documents to begin with: small ones of every kind."""
    begun = example().merged(
        {
            "time": 3900.0,
            "jobs": [
                {"name": "demo", "tasks": [{"name": "record", "earliest": 4000.0, "progress": 0.25}]},
                {"name": "later", "release": 5000.0, "tasks": [{"name": "only", "duration": 60.0}]},
                {"name": "paper", "tasks": [{"name": "figures", "state": "running", "agent": "cy", "since": 3700.0}]},
            ],
            "reservations": [{"agent": "ada", "job": "forecast", "task": "fit", "start": 4000.0}],
            "balances": {"ada": 0.5},
            "price": 0.25,
        }
    )
    worlds = [
        situation_of(SyntheticWorkload(jobs=6).instance(1), DEFAULT.scenario, 500.0),
        situation_of(
            RandomFlexibleJobShop(jobs_min=3, jobs_max=3, machines_min=3, machines_max=3).instance(1), DEFAULT.scenario
        ),
    ]
    return [json.loads(each.write()) for each in (example(), begun, *worlds)]


def mutated(documents: list[Value], number: int) -> Value:
    """Return document ``number`` of all that there are: equal numbers give equal ones."""
    dice = random.Random(number)
    value = copy.deepcopy(dice.choice(documents))
    for _ in range(dice.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        spots = list(_spots(value))
        container, key = dice.choice(spots)
        dice.choice(CHANGES)(dice, container, key, spots)
    return value


def _spots(value: Value) -> Iterator[tuple[Value, Value]]:
    """Every place of a document: what holds it, and its key there."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _spots(value[key])


Change = Callable[[random.Random, Value, Value, list[tuple[Value, Value]]], None]


def _odd(dice: random.Random, container: Value, key: Value, _: list[tuple[Value, Value]]) -> None:
    container[key] = copy.deepcopy(dice.choice(ODD))


def _drop(_: random.Random, container: Value, key: Value, __: list[tuple[Value, Value]]) -> None:
    del container[key]


def _number(dice: random.Random, container: Value, key: Value, _: list[tuple[Value, Value]]) -> None:
    old = container[key]
    if isinstance(old, int | float) and not isinstance(old, bool):
        container[key] = old * dice.choice((-1, 0, 0.5, 2, 1000, 1e-9, 1.0000001)) + dice.choice((0, 0, 1, -1, 1e6))


def _swap(dice: random.Random, container: Value, key: Value, spots: list[tuple[Value, Value]]) -> None:
    """Put what stands elsewhere here: mostly something of its own kind."""
    there, its = dice.choice(spots)
    alike = [spot for spot in spots if type(spot[0][spot[1]]) is type(container[key])] or [(there, its)]
    there, its = dice.choice(alike)
    container[key] = copy.deepcopy(there[its])


def _twice(dice: random.Random, container: Value, key: Value, _: list[tuple[Value, Value]]) -> None:
    if isinstance(container, list):
        container.insert(dice.randrange(len(container) + 1), copy.deepcopy(container[key]))


def _shuffle(dice: random.Random, container: Value, _: Value, __: list[tuple[Value, Value]]) -> None:
    if isinstance(container, list):
        dice.shuffle(container)


def _add(dice: random.Random, container: Value, _: Value, spots: list[tuple[Value, Value]]) -> None:
    if isinstance(container, dict):
        there, its = dice.choice(spots)
        container[dice.choice(MEMBERS)] = copy.deepcopy(dice.choice((there[its], *dice.choices(ODD, k=2))))


def _begin(dice: random.Random, container: Value, key: Value, _: list[tuple[Value, Value]]) -> None:
    """Have a task run, or be done: by anybody, at any time."""
    part = container[key]
    if isinstance(part, dict) and ("duration" in part or "eligible" in part):
        part["state"] = dice.choice(("running", "done"))
        part["agent"] = dice.choice(("ada", "ben", "cy", "agent-0", "agent-1"))
        part["since"] = float(dice.choice((0, 700, 2500, 3600, 3900, 499)))
        if part["state"] == "done" and dice.random() < 0.7:
            part["until"] = part["since"] + dice.choice((0.0, 1.0, 100.0))


CHANGES: Final[tuple[Change, ...]] = (
    _odd,
    _odd,
    _drop,
    _number,
    _number,
    _swap,
    _swap,
    _twice,
    _shuffle,
    _add,
    _begin,
    _begin,
)


def give_back(situation: Situation, decision: Value) -> Situation:
    """Return the situation in which all that was decided was done."""
    tasks: dict[str, list[Value]] = {}
    for start in decision.starts:
        begun = {"name": start.task, "state": "running", "agent": start.agent, "since": situation.time}
        tasks.setdefault(start.job, []).append(begun)
    kept = [
        {"agent": each.agent, "job": each.job, "task": each.task, "start": each.start} for each in decision.reservations
    ]
    return situation.merged(
        {
            "jobs": [{"name": name, "tasks": parts} for name, parts in tasks.items()],
            "reservations": kept,
            "price": decision.price,
            "balances": decision.balances,
        }
    )
