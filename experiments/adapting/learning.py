"""What is learned on the fit: an index of a few weights, and a network that starts as the index and learns the difference."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra

from agents.evaluation.play import Episodes, play
from agents.evaluation.tuning import CrossEntropy, tune
from agents.operation.site.play_rules import FILE, rules_of
from agents.policies import load_prioritizer
from agents.progress import Progress
from agents.protocols import Prioritizer
from agents.rules import index
from envs.files import replacing, write_text
from envs.scenario import Scenario
from experiments.plumbing.building import make

INDEX: Final = "index"
NETWORK: Final = "network"
COLUMNS: Final = (
    "-log_area",
    "log_duration",
    "root_shared_demand",
    "shared_demand",
    "age_release",
    "startable",
    "wait",
)
"""What the index weighs: it begins as smallest area first."""
SEARCH: Final = CrossEntropy(population=32, elite=8)
TRIAL: Final = 2
"""Generations that are timed first, to see how many there is time for."""
FEWEST: Final = 4
MOST: Final = 200
"""Generations: more change nothing."""
SHARE: Final = 0.5
"""Of the time, for the index where a network is learned as well."""
LEARNER: Final = ("experiment=batch_queue",)
"""Settings of the network's learner."""
NEGOTIATOR: Final = "fcfs"
"""Asked where agents contest something: never, since one has the whole queue."""


@dataclass(frozen=True)
class Learned:
    """One that was learned."""

    name: str
    folder: Path
    policy: Prioritizer
    facts: dict[str, Any]
    """How to make it again."""


def learn(
    scenario: Scenario, first: Episodes, folder: Path, seconds: float, seed: int, *, network: bool, generations: int = 0
) -> list[Learned]:
    """Learn within about so many seconds, and leave each policy in a folder of its own, with the rules of play that it knows.

    Args:
        scenario: whose workload draws what to learn on.
        first: the windows of the first part, by which one of the search's generations is chosen.
        folder: gets ``index`` and, where a ``network`` is wanted, ``network``.
        seconds: of learning; reading, fitting and comparing come on top.
        seed: of what is drawn.
        network: whether half of the time goes to a network.
        generations: of the index's search, as an earlier run told them, to make it again; 0: as many as there is time for.
    """
    began = time.perf_counter()
    tuned = _index(scenario, first, folder / INDEX, seconds * (SHARE if network else 1.0), seed, generations)
    if not network:
        return [tuned]
    left = max(1.0, seconds - (time.perf_counter() - began))
    return [tuned, _network(scenario, folder / NETWORK, tuned.folder, left, seed)]


def _index(scenario: Scenario, first: Episodes, folder: Path, seconds: float, seed: int, generations: int) -> Learned:
    """Search, and keep the best generation's mean, or the start, by what they cost on the first part as it was."""
    if not generations:
        began = time.perf_counter()
        for _ in tune(scenario, replace(SEARCH, generations=TRIAL), seed, COLUMNS, alike=False):
            pass
        each = (time.perf_counter() - began) / TRIAL
        generations = max(FEWEST, min(MOST, int(seconds / each) - TRIAL))
    bar = Progress(
        tune(scenario, replace(SEARCH, generations=generations), seed, COLUMNS, alike=False),
        total=generations,
        desc="tuning an index",
        unit="generation",
    )
    policies = [index.Index({COLUMNS[0].removeprefix("-"): -1.0})]
    for found in bar:
        bar.set_postfix_str(f"spread {found.spread:.2f}")
        policies.append(index.Index(found.mean))
    costs = [float(play(scenario, first, each, each).objective.mean()) for each in policies]
    best = int(np.argmin(costs))
    policy, facts = policies[best], {"seed": seed, "generations": generations, "chosen": best}
    facts |= {"population": SEARCH.population, "episodes": SEARCH.episodes}
    content = {"format": index.FORMAT, "weights": policy.weights, "training": facts}
    with replacing(folder) as new:
        write_text(new / index.FILE, json.dumps(content, indent=1, allow_nan=False) + "\n")
        write_text(new / FILE, rules_of(scenario, "saf", NEGOTIATOR).text())
    return Learned(INDEX, folder, policy, {**facts, "weights": policy.weights})


def _network(scenario: Scenario, folder: Path, guide: Path, seconds: float, seed: int) -> Learned:
    """Learn as ``experiment=batch_queue`` does, from the tuned index on."""
    from agents.learning.config import Learner
    from agents.learning.loop import Training

    with _configs():
        standard: Learner = make(compose("train", list(LEARNER)), "learner", Learner)
    learner = replace(
        standard,
        seconds=seconds,
        network=replace(standard.network, guide=str(guide)),
        episodes=replace(standard.episodes, prioritizer=str(guide)),
    )
    run = Training(scenario, learner, folder, seed)
    run.learn()
    write_text(folder / FILE, rules_of(scenario, str(guide), NEGOTIATOR).text())
    return Learned(
        NETWORK, folder, load_prioritizer(str(folder / "policy")), {"seed": seed, "decisions": run.decisions}
    )


@contextmanager
def _configs() -> Iterator[None]:
    """Have Hydra find ``conf/``, unless a command of its own has done so."""
    if GlobalHydra.instance().is_initialized():
        yield
    else:
        with initialize_config_module("conf", version_base="1.3"):
            yield
