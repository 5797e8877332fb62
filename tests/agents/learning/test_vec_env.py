"""Tests of the view for other people's learners."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3 import PPO

from agents.learning.vec_env import make_vec_env
from agents.rules import negotiator, prioritizer
from envs.scenario import Limits, Scenario
from envs.seat_env import SeatEnv


def test_plain_maskable_ppo_trains(one_machine: Scenario) -> None:
    """Protects the promise: MaskablePPO with SB3's own network trains here, and finds its masks."""
    envs = make_vec_env(one_machine, "prioritizer", negotiator("fcfs"), num_envs=8, reward_scale=0.001)
    envs.reset()
    assert is_masking_supported(envs)
    assert get_action_masks(envs).sum(axis=1).tolist() == [8] * 8
    model = MaskablePPO(
        "MlpPolicy", envs, n_steps=64, batch_size=128, n_epochs=4, learning_rate=1e-3, seed=0, device="cpu"
    )
    model.learn(512)
    assert model.num_timesteps == 512


@pytest.mark.parametrize("role", ["prioritizer", "negotiator"])
def test_rewards_sum_to_cost(contested: Scenario, role: str) -> None:
    """Protects the reward: over an episode it sums to minus what the team's objective says, whoever the role is."""
    other = negotiator("urgency") if role == "prioritizer" else prioritizer("spt")
    env = SeatEnv(contested, role, other, seed=3)
    observation, _ = env.reset(seed=5)
    random = np.random.default_rng(0)
    total, over = 0.0, False
    while not over:
        assert env.observation_space.contains(observation)
        action = random.choice(np.flatnonzero(env.action_masks()))
        observation, reward, terminated, truncated, _ = env.step(action)
        total += reward
        over = terminated or truncated
    assert terminated
    assert total < 0
    assert total == pytest.approx(-env.terms[0])


def test_truncation_is_told(one_machine: Scenario) -> None:
    """Protects bootstrapping: a time limit shows as truncated with the final observation, as SB3 wants it."""
    scenario = Scenario(
        one_machine.workload,
        one_machine.objective,
        reservations=one_machine.reservations,
        limits=Limits(max_time=120.0),
    )
    envs = make_vec_env(scenario, "prioritizer", negotiator("fcfs"), num_envs=1)
    envs.reset()
    for _ in range(20):
        action = np.array([np.flatnonzero(get_action_masks(envs)[0])[0]])
        _, _, dones, infos = envs.step(action)
        if dones[0]:
            break
    assert dones[0]
    assert infos[0]["TimeLimit.truncated"]
    assert infos[0]["terminal_observation"].shape == envs.observation_space.shape


def test_wrong_partner(one_machine: Scenario) -> None:
    """Protects the user: the other role needs a policy that can play it, and a role without choices is told."""
    with pytest.raises(TypeError, match="must be able to play"):
        SeatEnv(one_machine, "prioritizer", prioritizer("spt"))
    with pytest.raises(ValueError, match="NEGOTIATE had a choice"):
        SeatEnv(one_machine, "negotiator", prioritizer("spt")).reset()


@pytest.mark.parametrize("role", ["prioritizer", "negotiator"])
@pytest.mark.parametrize("action", [None, -1, 10**9, 1.5])
def test_illegal_actions_are_counted(contested: Scenario, role: str, action: Any) -> None:
    """Protects learners that know no masks: whatever they play is counted and told, and the episode comes to its end."""
    env = SeatEnv(contested, role, negotiator("urgency") if role == "prioritizer" else prioritizer("spt"))
    for _ in range(2):
        assert env.reset(seed=5)[1]["illegal_actions"] == 0
        steps, over = 0, False
        while not over:
            _, _, terminated, truncated, info = env.step(action)
            steps, over = steps + 1, terminated or truncated
            assert info["illegal_actions"] == steps


@pytest.mark.parametrize("role", ["prioritizer", "negotiator"])
def test_illegal_actions_raise_where_asked_to(contested: Scenario, role: str) -> None:
    """Protects who wants to know: the error says what is legal and who plays by masks, and the environment goes on from there."""
    other = negotiator("urgency") if role == "prioritizer" else prioritizer("spt")
    envs = make_vec_env(contested, role, other, num_envs=1, illegal="raise")
    envs.reset()
    with pytest.raises(ValueError, match=r"action is .*must be legal, one of 0.*MaskablePPO.*illegal='count'"):
        envs.step(np.array([10**6]))
    _, _, _, infos = envs.step(np.array([0]))
    assert infos[0]["illegal_actions"] == 0
    with pytest.raises(ValueError, match="illegal is 'never', must be one of count, raise"):
        make_vec_env(contested, role, other, num_envs=1, illegal="never")


def test_a_plain_ppo_plays(one_machine: Scenario) -> None:
    """Protects SB3 clients that know no masks: PPO runs, and its illegal actions stand in its infos."""
    envs = make_vec_env(one_machine, "prioritizer", negotiator("fcfs"), num_envs=2)
    told: list[int] = []
    model = PPO("MlpPolicy", envs, n_steps=32, batch_size=32, n_epochs=1, seed=0, device="cpu")
    model.learn(128, callback=lambda local, _: told.extend(info["illegal_actions"] for info in local["infos"]) or True)
    assert max(told) > 0
