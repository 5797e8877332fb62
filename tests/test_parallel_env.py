"""The world as PettingZoo sees it: PettingZoo's own conformance tests, then what they leave open."""

from __future__ import annotations

import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pettingzoo
import pytest
from gymnasium.utils.env_checker import data_equivalence
from hydra import compose, initialize_config_module
from pettingzoo.test import api_test, max_cycles_test, parallel_api_test, parallel_seed_test, render_test, seed_test
from pettingzoo.test.state_test import state_test

import envs
from envs import Objective, Scenario, WorkloadError, World, default_scenario, task_management_v0
from envs.events import EventKind
from envs.parallel_env import TaskManagement
from envs.workloads.generators.random_job_shop import RandomJobShop
from envs.workloads.generators.synthetic import SyntheticWorkload
from tests.conftest import ROOT
from tests.reference.scenarios import Fixed, JobSpec, TaskSpec, build, random_case

# PettingZoo's tests warn of spaces without an end, of roles that see different things, and of a no-op seat that sees zeros.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pettingzoo.test")

SMALL = Scenario(SyntheticWorkload(jobs=6), candidates=4)


def make(**kwargs: Any) -> TaskManagement:
    """The default arguments are those of a small world."""
    return TaskManagement(**{"scenario": SMALL} | kwargs)


def world_of(*jobs: JobSpec, local: int = 1, shared: int = 1, agents: int = 1, **scenario: Any) -> TaskManagement:
    """An environment that plays ``jobs``, whose tasks demand [slots, tokens]: ``local`` slots per agent, ``shared`` tokens."""
    instance = build(list(jobs), [False, True], [0, shared], [[local, 0]] * agents, [[1.0]] * agents)
    return TaskManagement(
        Scenario(Fixed(instance), **scenario), render_mode="ansi"
    )  # a render mode has it keep the log


def task(duration: float, agent: int = 0, tokens: int = 0, after: tuple[int, ...] = ()) -> TaskSpec:
    """A task for one agent that demands a slot."""
    return TaskSpec({agent: duration}, [1, tokens], after)


def choose(random: np.random.Generator, observations: dict[str, Any]) -> dict[str, int]:
    """A random legal action for every seat."""
    return {seat: int(random.choice(np.flatnonzero(seen["action_mask"]))) for seat, seen in observations.items()}


def play(env: TaskManagement, seed: int) -> dict[str, float]:
    """Play an episode at random; return every seat's undiscounted return."""
    random = np.random.default_rng(seed)
    observations, _ = env.reset(seed=seed)
    returns = dict.fromkeys(env.agents, 0.0)
    while env.agents:
        observations, rewards, *_ = env.step(choose(random, observations))
        for seat, reward in rewards.items():
            returns[seat] += reward
    return returns


def starts(env: TaskManagement) -> list[tuple[float, int]]:
    """(time, task) of every start of the episode."""
    log = env.world.log(0)
    rows = log.kind == EventKind.TASK_START
    return list(zip(log.time[rows].tolist(), log.task[rows].tolist(), strict=True))


@pytest.mark.parametrize("flat", [False, True])
def test_parallel_api(flat: bool) -> None:
    """Protects the ParallelEnv contract, with legal actions (masks in observations) and with illegal ones (masks in infos)."""
    parallel_api_test(make(flat=flat), num_cycles=300)


@pytest.mark.parametrize("flat", [False, True])
def test_aec_api(flat: bool) -> None:
    """Protects the AEC view in the same two ways."""
    api_test(task_management_v0.env(scenario=SMALL, flat=flat), num_cycles=300)


def test_seeds() -> None:
    """Protects PettingZoo's own seed tests; tests/test_determinism.py compares whole episodes."""
    parallel_seed_test(make)
    seed_test(lambda: task_management_v0.env(scenario=SMALL))


def test_state() -> None:
    """Protects state(): it stays in its space, is the caller's to keep, and moves with the world."""
    state_test(task_management_v0.env(scenario=SMALL), make())
    env = make()
    env.reset(seed=0)
    before = env.state()
    kept = before.copy()
    env.step({})
    assert np.array_equal(before, kept)
    assert not np.array_equal(env.state(), before)


def test_max_cycles() -> None:
    """Protects the limit of steps: everybody is truncated at once, exactly there, and nobody is terminated."""
    max_cycles_test(task_management_v0)
    env = make(max_cycles=3)
    env.reset(seed=0)
    ends = [env.step({})[2:4] for _ in range(3)]
    assert [any(truncated.values()) for _, truncated in ends] == [False, False, True]
    assert set(ends[2][1].values()) == {True}
    assert not any(ends[2][0].values())
    assert env.agents == []


def test_rendering(capsys: pytest.CaptureFixture[str]) -> None:
    """Protects every render mode: text is returned or printed, pictures are RGB."""
    render_test(lambda render_mode: task_management_v0.env(scenario=SMALL, render_mode=render_mode))
    assert "synthetic" in capsys.readouterr().out
    with pytest.raises(ValueError, match="render_mode is 'movie', must be None or one of human, ansi, rgb_array"):
        make(render_mode="movie")


@pytest.mark.parametrize(("kind", "view"), [("parallel", pettingzoo.ParallelEnv), ("aec", pettingzoo.AECEnv)])
def test_registry(kind: Any, view: type) -> None:
    """Protects pettingzoo.make: the world is registered in both views, and arguments arrive."""
    env = pettingzoo.make(kind, task_management_v0.ENV_ID, scenario=SMALL, max_cycles=7)
    assert isinstance(env, view)
    assert env.unwrapped.scenario.limits.max_rounds == 7


def test_public_surface() -> None:
    """Protects ``from envs import ...`` and that importing the world waits for neither PettingZoo nor matplotlib."""
    assert all(hasattr(envs, name) for name in envs.__all__)
    code = "import envs, sys; print(sorted({'pettingzoo', 'gymnasium', 'matplotlib', 'torch'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "[]"


def test_default_scenario_is_the_configured_one() -> None:
    """Protects against two defaults: the one in code and the one in conf/ are equal."""
    from experiments.plumbing.cli import make_scenario

    with initialize_config_module("conf", version_base="1.3"):
        assert make_scenario(compose("evaluate")) == default_scenario()


def test_seats() -> None:
    """Protects the names, order and action spaces of the seats, and that spaces are always the same objects."""
    env = make()
    assert env.possible_agents == [f"{role}_{a}" for role in ("prioritizer", "negotiator") for a in range(4)]
    assert [env.action_space(seat).n for seat in env.possible_agents] == [5] * 4 + [17] * 4
    for seat in env.possible_agents:
        assert env.observation_space(seat) is env.observation_space(seat)
        assert env.action_space(seat) is env.action_space(seat)


@pytest.mark.parametrize("case", range(40))
def test_observations(case: int) -> None:
    """Protects spaces and masks on random worlds: all is inside, no row is empty, and flat is the same in one vector."""
    scenario, _ = random_case(case)
    env, flat = TaskManagement(scenario), TaskManagement(scenario, flat=True)
    random = np.random.default_rng(case)
    (seen, _), (vectors, infos) = env.reset(seed=case), flat.reset(seed=case)
    while True:
        for seat, parts in seen.items():
            assert env.observation_space(seat).contains(parts), seat
            assert flat.observation_space(seat).contains(vectors[seat]), seat
            assert parts["action_mask"].any()
            assert np.array_equal(parts["action_mask"], infos[seat]["action_mask"])
            assert np.array_equal(
                np.concatenate([part.ravel() for part in parts["observation"].values()]), vectors[seat]
            )
        if not env.agents:
            break
        actions = choose(random, seen)
        seen, vectors, infos = env.step(actions)[0], *flat.step(actions)[::4]


def test_observations_are_the_callers() -> None:
    """Protects replay buffers: what a step returned does not change with later steps."""
    env = make()
    first, _ = env.reset(seed=1)
    kept = deepcopy(first)
    for _ in range(5):
        env.step({})
    assert data_equivalence(first, kept)


@pytest.mark.parametrize("cooperation", [0.0, 1.0])
def test_return_is_the_objective(cooperation: float) -> None:
    """Protects the rewards: their sum is minus the weighted flow time of the team's jobs, or of the agent's own."""
    env = make(scenario=replace(SMALL, objective=Objective(flow=2.0), cooperation=cooperation))
    returns = play(env, 5)
    instance = env.world.instances[0]
    flow = 2.0 * instance.job_weight * (env.world.job_end(0) - instance.job_release)
    for a in range(4):
        cost = flow.sum() if cooperation else flow[instance.job_owner == a].sum()
        assert returns[f"prioritizer_{a}"] == pytest.approx(-cost)
        assert returns[f"negotiator_{a}"] == returns[f"prioritizer_{a}"]


def test_episode_without_a_choice() -> None:
    """Protects a chain on one agent: reset shows all seats, the first step ends the episode and tells its whole cost."""
    env = world_of(JobSpec([task(2.0), task(3.0, after=(0,)), task(4.0, after=(1,))]))
    seen, _ = env.reset(seed=0)
    assert list(seen) == env.agents == ["prioritizer_0", "negotiator_0"]
    assert [mask["action_mask"].sum() for mask in seen.values()] == [1, 1]
    _, rewards, terminated, truncated, infos = env.step({"prioritizer_0": env.action_space("prioritizer_0").n - 1})
    assert rewards == {"prioritizer_0": -9.0, "negotiator_0": -9.0}
    assert set(terminated.values()) == {True}
    assert set(truncated.values()) == {False}
    assert (infos["prioritizer_0"]["illegal_actions"], infos["prioritizer_0"]["time"]) == (0, 9.0)
    assert env.agents == []


def test_reset_plays_what_world_plays() -> None:
    """Protects the seed: instance and episode are those of World(scenario, 1, seed), whatever was played before."""
    env = make()
    play(env, 3)
    out = World(SMALL, 1, 8).reset()
    seen, _ = env.reset(seed=8)
    assert np.array_equal(env.world.out.seed, out.seed)
    assert np.array_equal(seen["prioritizer_1"]["observation"]["candidates"], out.candidates[0, 1])
    with pytest.raises(ValueError, match=r"seed is -1, must be an integer in 0\.\.2\^64-1"):
        env.reset(seed=-1)


def test_resets_without_a_seed_continue_a_sequence() -> None:
    """Protects reproducible training: after one seeded reset the unseeded ones are determined, and all differ."""
    pair = make(), make()
    seeds = []
    for env in pair:
        env.reset(seed=4)
        seeds.append([int(env.reset() and env.world.out.seed[0]) for _ in range(5)])
    assert seeds[0] == seeds[1]
    assert len(set(seeds[0])) == 5


def test_one_instance_is_packed_once() -> None:
    """Protects resets of file workloads: the same instance keeps its World, and only the episode changes."""
    env = world_of(JobSpec([task(2.0), task(3.0)]))
    world = env.world
    seeds = {int(env.reset(seed=seed) and env.world.out.seed[0]) for seed in range(3)}
    assert env.world is world
    assert len(seeds) == 3


@pytest.mark.parametrize("flat", [False, True])
def test_instances_may_differ_in_agents(flat: bool) -> None:
    """Protects workloads of many sizes: PettingZoo's tests pass, and clients that look for every possible agent find it all along."""
    scenario = Scenario(RandomJobShop(2, 3, 2, 5), candidates=4)
    parallel_api_test(TaskManagement(scenario, agents=5, flat=flat), num_cycles=200)
    api_test(task_management_v0.env(scenario=scenario, agents=5, flat=flat), num_cycles=200)
    env = TaskManagement(scenario, agents=5, flat=flat)
    random, sizes = np.random.default_rng(0), set()
    for seed in range(12):
        seen, infos = env.reset(seed=seed)
        here = env.world.num_agents
        sizes.add(here)
        idle = [f"{role}_{a}" for role in ("prioritizer", "negotiator") for a in range(here, 5)]
        while env.agents:
            assert env.agents == env.possible_agents == list(seen) == list(infos)
            masks = {
                seat: infos[seat]["action_mask"] if flat else seen[seat]["action_mask"] for seat in env.possible_agents
            }
            seen, rewards, terminated, truncated, infos = env.step(
                {seat: int(random.choice(np.flatnonzero(m))) for seat, m in masks.items()}
            )
            assert all(env.observation_space(seat).contains(seen[seat]) for seat in env.possible_agents)
            assert env.state_space.contains(env.state())
            for seat in idle:
                parts = [seen[seat]] if flat else list(seen[seat]["observation"].values())
                assert not any(part.any() for part in parts)
                assert masks[seat].tolist() == [0] * (len(masks[seat]) - 1) + [1]
                assert rewards[seat] == 0.0
            assert {*terminated, *truncated} == set(env.possible_agents)
    assert len(sizes) > 2


def test_idle_seats_change_nothing_for_the_others() -> None:
    """Protects comparisons: an environment of more agents shows and pays those of the instance the same, and counts what idle ones play."""
    scenario = Scenario(RandomJobShop(2, 3, 2, 2), candidates=4)
    env, wide = TaskManagement(scenario), TaskManagement(scenario, agents=3)
    assert play(env, 3).items() <= play(wide, 3).items()
    wide.reset(seed=0)
    assert wide.step({"prioritizer_2": 0})[4]["prioritizer_2"]["illegal_actions"] == 1
    with pytest.raises(WorkloadError, match=r"has 2 agents, the environment 1: make it with agents=\.\.\."):
        TaskManagement(scenario, agents=1)


def test_same_episode_twice() -> None:
    """Protects seeded resets of one environment: the second episode starts and pays as the first."""
    env = make()
    first = env.reset(seed=2)
    returns = play(env, 2)
    assert data_equivalence(first, env.reset(seed=2))
    assert play(env, 2) == returns


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_cycles": 0}, "max_cycles is 0, must be an integer >= 1"),
        ({"max_cycles": 1.5}, "max_cycles is 1.5"),
        ({"agents": "x"}, "agents is 'x'"),
        ({"agents": 0}, "agents is 0"),
        ({"agents": True}, "agents is True, must be an integer in 1..4096"),
        ({"agents": 10**6}, "agents is 1000000, must be an integer in 1..4096"),
        ({"illegal": "ignore"}, "illegal is 'ignore', must be one of count, raise"),
        ({"render_mode": "x"}, "render_mode is 'x', must be None or one of human, ansi, rgb_array"),
        ({"scenario": "job_shop"}, "scenario is 'job_shop', must be a Scenario"),
        ({"scenario": 0}, "scenario is 0, must be a Scenario"),
    ],
)
def test_odd_arguments(arguments: dict[str, Any], message: str) -> None:
    """Protects users: an argument that cannot be meant is named, with its value."""
    with pytest.raises((TypeError, ValueError), match=message):
        task_management_v0.parallel_env(**arguments)


def test_odd_calls() -> None:
    """Protects users of reset and step in the same way; what a living seat plays is never an error."""
    env = make()
    for seed in ("x", 1.5, [1], True):
        with pytest.raises(ValueError, match="must be an integer in 0"):
            env.reset(seed=seed)
    env.reset(seed=0)
    with pytest.raises(ValueError, match="must be a mapping"):
        env.step([0])
    with pytest.raises(ValueError, match=r"\[1, None\] do not live"):
        env.step({1: 0, None: 0})
    env.step(dict.fromkeys(env.agents, "x"))
