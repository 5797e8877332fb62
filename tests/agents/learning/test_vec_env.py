"""Tests of the view for other people's learners."""

from __future__ import annotations

import numpy as np
import pytest
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported

from agents.learning.config import LearnerError
from agents.learning.vec_env import SeatEnv, make_vec_env
from agents.rules import negotiator, prioritizer
from envs.scenario import Limits, Scenario


def test_plain_maskable_ppo_trains(one_machine: Scenario) -> None:
    """Protects the promise: MaskablePPO with SB3's own network trains here, and finds its masks."""
    envs = make_vec_env(one_machine, "prioritizer", negotiator("fcfs"), num_envs=8, reward_scale=0.001)
    envs.reset()
    assert is_masking_supported(envs)
    assert get_action_masks(envs).sum(axis=1).tolist() == [8] * 8
    model = MaskablePPO("MlpPolicy", envs, n_steps=64, batch_size=128, n_epochs=4, learning_rate=1e-3, seed=0, device="cpu")
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
    scenario = Scenario(one_machine.workload, one_machine.objective, reservations=one_machine.reservations, limits=Limits(max_time=120.0))
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
    with pytest.raises(LearnerError, match="must be able to play"):
        SeatEnv(one_machine, "prioritizer", prioritizer("spt"))
    with pytest.raises(LearnerError, match="NEGOTIATE had a choice"):
        SeatEnv(one_machine, "negotiator", prioritizer("spt")).reset()
