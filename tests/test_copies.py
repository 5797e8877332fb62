"""Copies and pickles of worlds and of the views of them: each goes on by itself, to the same bits, in any process."""

from __future__ import annotations

import copy
import gc
import multiprocessing
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence

from agents.learning.vec_env import make_vec_env
from agents.planning.futures import Imagination
from agents.rules import negotiator, prioritizer
from envs import Scenario, Uncertainty, World, task_management_v0
from envs.engine.codes import Phase
from envs.parallel_env import TaskManagement
from envs.seat_env import SeatEnv
from envs.workloads.generators.random_job_shop import RandomJobShop
from envs.workloads.generators.synthetic import SyntheticWorkload
from tests.conftest import ROOT
from tests.state.test_check import play_round, start

SMALL = Scenario(
    SyntheticWorkload(jobs=6), uncertainty=Uncertainty(0.4, failure_probability=0.1, retry_delay=5.0), candidates=4
)
Copy = Callable[[Any], Any]
COPIES: dict[str, Copy] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda what: pickle.loads(pickle.dumps(what)),
}


def told(world: World, steps: int, seed: int) -> list[bytes]:
    """What a World says in so many rounds, its event logs and ends of jobs included."""
    random = np.random.default_rng(seed)
    said = []
    for _ in range(steps):
        said += [part.tobytes() for part in play_round(world, random)]
    for b in range(world.num_worlds):
        said += [column.tobytes() for column in world.log(b)] + [world.job_end(b).tobytes()]
    return said


def in_a_child(what: Any, run: Callable[..., Any], *arguments: Any) -> Any:
    """Run a function on a pickled object in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply_async(run, (what, *arguments)).get(300)


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("auto_reset", [False, True])
def test_a_copy_goes_on_by_itself(way: str, auto_reset: bool) -> None:
    """Protects whoever copies environments: from random rounds of random worlds, copy and original go on alike, each in its own memory."""
    for case in range(40):
        world, random = start(case, 2, auto_reset=auto_reset, record=True), np.random.default_rng(case)
        for _ in range(int(random.integers(15))):
            play_round(world, random)
        twin = COPIES[way](world)
        before = [part.tobytes() for part in twin.out]
        assert before == [part.tobytes() for part in world.out]
        said = told(world, 20, case)
        assert [part.tobytes() for part in twin.out] == before, case  # it stood still meanwhile
        assert told(twin, 20, case) == said, case


def test_a_copy_outlives_its_original() -> None:
    """Protects against addresses of memory that is gone."""
    for case in range(10):
        world = start(case, 2, record=True)
        other, twin = start(case, 2, record=True), copy.deepcopy(world)
        del world
        gc.collect()
        rubbish = [np.full(1000, 255, np.uint8) for _ in range(1000)]  # where the original was
        assert told(twin, 30, case) == told(other, 30, case)
        del rubbish


def test_a_copy_has_the_schedule() -> None:
    """Protects later episodes: a schedule of one's own, and one of another seed, go along."""
    world = World(SMALL, 2, seed=3, num_instances=3, threads=2)
    world.schedule(np.arange(5, dtype=np.uint64), np.array([2, 0, 1, 1, 2]))
    world.reset()
    for twin in (copy.deepcopy(world), copy.deepcopy(copy.deepcopy(world))):
        assert [part.tobytes() for part in twin.reset()] == [part.tobytes() for part in world.reset()]
        assert twin.reset(seed=8).seed.tolist() == world.reset(seed=8).seed.tolist()
        world.schedule(np.arange(5, dtype=np.uint64), np.array([2, 0, 1, 1, 2]))


def test_a_world_in_another_process() -> None:
    """Protects workers: a pickled World goes on alike in a process that was spawned."""
    worlds = [start(case, 2, record=True, threads=1 + case % 2) for case in range(6)]
    for case, world in enumerate(worlds):
        for _ in range(5):
            play_round(world, np.random.default_rng(case))
    there = in_a_child(worlds, tell_all)
    assert there == tell_all(worlds)


def tell_all(worlds: list[World]) -> list[list[bytes]]:
    """What several Worlds say."""
    return [told(world, 30, seed) for seed, world in enumerate(worlds)]


def test_imaginations_are_not_copied() -> None:
    """Protects lookahead: what would not be a true copy is refused by name."""
    imagined = Imagination(SMALL, World(SMALL).instances, World(SMALL).instances, 2)
    for way in COPIES.values():
        with pytest.raises(TypeError, match="Imagination: cannot be copied or pickled"):
            way(imagined)


def rest_of_episode(env: TaskManagement, seen: Any, seed: int) -> list[Any]:
    """Play to the end at random, and the next episode's first steps; return all that was said."""
    random = np.random.default_rng(seed)
    said: list[Any] = []
    for _ in range(2):
        while env.agents:
            masks = {seat: view["action_mask"] for seat, view in seen[0].items()}
            seen = env.step({seat: int(random.choice(np.flatnonzero(mask))) for seat, mask in masks.items()})
            said.append((seen, env.state()))
        seen = env.reset()
        said.append(seen)
    return said


@pytest.mark.parametrize("way", ["deepcopy", "pickle", "spawn"])
@pytest.mark.parametrize("agents", [None, 5])
def test_pettingzoo_views(way: str, agents: int | None) -> None:
    """Protects clients that send environments to workers or search with copies: an episode goes on alike, also with idle seats."""
    scenario = SMALL if agents is None else Scenario(RandomJobShop(2, 3, 2, 4), candidates=4)
    for seed in range(1 if way == "spawn" else 6):
        env = TaskManagement(scenario, agents=agents, render_mode="ansi")
        seen: Any = env.reset(seed=seed)
        for _ in range(seed):
            if env.agents:
                seen = env.step({})
        twin = None if way == "spawn" else COPIES[way](env)
        picture = env.render()
        there = in_a_child(env, rest_of_episode, seen, seed) if twin is None else []
        here = rest_of_episode(env, seen, seed)
        if twin is not None:
            del env
            gc.collect()
            assert twin.render() == picture
            there = rest_of_episode(twin, seen, seed)
        assert data_equivalence(here, there)


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
def test_aec_view(way: str) -> None:
    """Protects the view seat by seat in the same way."""
    env = task_management_v0.env(scenario=SMALL)
    env.reset(seed=1)
    for _ in range(11):
        env.step(int(np.flatnonzero(env.observe(env.agent_selection)["action_mask"])[0]))
    twin = COPIES[way](env)
    said = []
    for one in (env, twin):
        mine = []
        for _ in range(40):
            mine.append((one.agent_selection, one.last()))
            observation, _, terminated, truncated, _ = one.last()
            one.step(None if terminated or truncated else int(np.flatnonzero(observation["action_mask"])[-1]))
            if not one.agents:
                break
        said.append(mine)
    assert data_equivalence(*said)


def seat_env() -> SeatEnv:
    """An environment of one role, in the midst of a round."""
    env = SeatEnv(SMALL, "prioritizer", negotiator("urgency"), seed=3)
    env.reset(seed=1)
    for _ in range(3):
        env.step(np.flatnonzero(env.action_masks())[0])
    return env


def play_seats(env: SeatEnv) -> list[Any]:
    """What the environment says in two episodes from here."""
    said: list[Any] = []
    for _ in range(2):
        over = False
        while not over:
            said.append(env.step(np.flatnonzero(env.action_masks())[-1]))
            over = said[-1][2] or said[-1][3]
        said.append(env.reset())
    return said


@pytest.mark.parametrize("way", ["deepcopy", "pickle", "spawn"])
def test_seat_env(way: str) -> None:
    """Protects SB3's views: as SubprocVecEnv sends them, and as searches copy them."""
    env = seat_env()
    there = in_a_child(env, play_seats) if way == "spawn" else play_seats(COPIES[way](env))
    assert data_equivalence(play_seats(env), there)


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
def test_vec_env(way: str) -> None:
    """Protects SB3's vectors of environments."""
    envs = make_vec_env(SMALL, "negotiator", prioritizer("spt"), num_envs=2)
    envs.reset()
    envs.step(np.zeros(2, np.int64))
    twin = COPIES[way](envs)
    said = []
    for one in (envs, twin):
        said.append([copy.deepcopy(one.step(np.full(2, level % 16))) for level in range(60)])
    assert data_equivalence(*said)


def test_threads_after_a_fork() -> None:
    """Protects workers that were forked: their worlds have threads of their own, and play on alike."""
    code = (
        "import os, numpy as np; from envs import World; from tests.test_copies import SMALL, told\n"
        "world = World(SMALL, 64, seed=1, threads=3, record=True)\n"
        "world.reset()\n"
        "told(world, 3, 0)\n"  # its threads have started
        "child = os.fork()\n"
        "said = told(world, 10, 1)\n"
        "child and os.waitpid(child, 0)\n"  # it prints first
        "import hashlib; print(hashlib.sha256(b''.join(said)).hexdigest())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=120, check=True
    )
    one, two = done.stdout.split()
    assert one == two


def test_phases_of_copies() -> None:
    """Protects these tests: they copy in rounds of both roles, and worlds that are over."""
    seen = set()
    for case in range(40):
        world, random = start(case, 2, auto_reset=False), np.random.default_rng(case)
        for _ in range(int(random.integers(15))):
            play_round(world, random)
        seen |= {Phase(phase) for phase in world.out.phase}
    assert seen == set(Phase)
