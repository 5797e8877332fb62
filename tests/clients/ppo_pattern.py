"""Proximal policy optimisation in one file, as CleanRL writes it (Huang et al. 2022), with a mask in the distribution: for copying.

``python -m tests.clients.ppo_pattern 60000`` learns job shops 6x6, one role and one Box, and says what random play cost and what it does.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.distributions import Categorical

import envs.seat_env  # noqa: F401  # registers the ids
from envs import Knowledge, Objective, Reservations, Scenario
from envs.workloads.generators.random_job_shop import RandomJobShop

ENVS, STEPS, EPOCHS, BATCH = 8, 128, 4, 256
GAMMA, LAMBDA, CLIP, ENTROPY, VALUE, NORM, RATE = 1.0, 0.95, 0.2, 0.01, 0.5, 0.5, 1e-3
ILLEGAL = -1e8
"""A logit that is never drawn."""

Floats = NDArray[np.float32]


def shops() -> Scenario:
    """Job shops 6x6, as Taillard draws them, by their makespan."""
    rules: dict[str, Any] = {"knowledge": Knowledge(learn=False), "reservations": Reservations(hold="start")}
    return Scenario(RandomJobShop(6, 6, 6, 6), objective=Objective(flow=0.0, makespan=1.0), candidates=6, **rules)


def vector(seed: int) -> gymnasium.vector.VectorEnv[Any, Any, Any]:
    """Environments side by side; what they return is told in infos where an episode ends."""

    def make(number: int) -> gymnasium.Env[Any, Any]:
        env = gymnasium.make(
            "parley/Prioritizer-v0", scenario=shops(), seed=seed + number, instances=200, reward_scale=1e-2
        )
        return gymnasium.wrappers.RecordEpisodeStatistics(env)

    same = gymnasium.vector.AutoresetMode.SAME_STEP
    return gymnasium.vector.SyncVectorEnv([lambda k=k: make(k) for k in range(ENVS)], autoreset_mode=same)


class Agent(nn.Module):
    """An actor and a critic, two hidden layers each."""

    def __init__(self, seen: int, actions: int) -> None:
        """Start nearly indifferent."""
        super().__init__()
        self.actor = nn.Sequential(nn.Linear(seen, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, actions))
        self.critic = nn.Sequential(nn.Linear(seen, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
        with torch.no_grad():
            for layer in (self.actor[-1], self.critic[-1]):
                layer.weight.mul_(0.01)

    def forward(self, seen: Tensor, mask: Tensor) -> tuple[Categorical, Tensor]:
        """The distribution over legal actions and the values [N], of what is seen [N, S] and masks [N, A]."""
        seen = seen.sign() * seen.abs().log1p()  # columns reach thousands
        logits = self.actor(seen).masked_fill(~mask, ILLEGAL)
        return Categorical(logits=logits, validate_args=False), self.critic(seen).squeeze(-1)


def learn(steps: int, seed: int = 0) -> list[float]:
    """Learn for so many decisions; return the makespan of each episode, in the order in which they ended."""
    torch.manual_seed(seed)
    env = vector(seed)
    seen, infos = env.reset(seed=seed)
    mask = np.stack(infos["action_mask"]).astype(bool)
    agent = Agent(seen.shape[1], mask.shape[1])
    optimizer = torch.optim.Adam(agent.parameters(), lr=RATE, eps=1e-5)
    costs: list[float] = []
    for _ in range(max(1, steps // (ENVS * STEPS))):
        rows: list[tuple[Tensor, ...]] = []
        for _ in range(STEPS):
            now = torch.from_numpy(seen), torch.from_numpy(mask)
            with torch.no_grad():
                chances, value = agent(*now)
                action = chances.sample()
                log_p = chances.log_prob(action)
            seen, reward, terminated, truncated, infos = env.step(action.numpy())
            mask = np.stack(infos["action_mask"]).astype(bool)
            ended = terminated | truncated
            rows.append((*now, action, log_p, value, torch.from_numpy(reward).float(), torch.from_numpy(ended).float()))
            if ended.any():
                costs += (-100.0 * infos["final_info"]["episode"]["r"][ended]).tolist()
        with torch.no_grad():
            last = agent(torch.from_numpy(seen), torch.from_numpy(mask))[1]
        update(agent, optimizer, [torch.stack(part) for part in zip(*rows, strict=True)], last)
    env.close()
    return costs


def update(agent: Agent, optimizer: torch.optim.Optimizer, rollout: list[Tensor], last: Tensor) -> None:
    """Improve the agent by a rollout, each part [STEPS, ENVS, ...]; an episode that was cut off counts as ended."""
    seen, mask, action, old, value, reward, ended = rollout
    advantage, running = torch.zeros_like(reward), torch.zeros(ENVS)
    for t in reversed(range(STEPS)):
        after = value[t + 1] if t + 1 < STEPS else last
        goes_on = 1.0 - ended[t]
        running = reward[t] + GAMMA * goes_on * after - value[t] + GAMMA * LAMBDA * goes_on * running
        advantage[t] = running
    target = (advantage + value).flatten()
    flat = [part.flatten(0, 1) for part in (seen, mask, action, old, advantage)]
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(target)).split(BATCH):
            seen, mask, action, old, gain = (part[rows] for part in flat)
            gain = (gain - gain.mean()) / (gain.std() + 1e-8)
            chances, value = agent(seen, mask)
            ratio = (chances.log_prob(action) - old).exp()
            surrogate = torch.min(gain * ratio, gain * ratio.clamp(1.0 - CLIP, 1.0 + CLIP)).mean()
            loss = -surrogate + VALUE * (value - target[rows]).square().mean() - ENTROPY * chances.entropy().mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), NORM)
            optimizer.step()


def tenths(values: list[float]) -> tuple[float, float]:
    """The means of the first and of the last tenth."""
    count = max(1, len(values) // 10)
    return float(np.mean(values[:count])), float(np.mean(values[-count:]))


if __name__ == "__main__":
    begun = time.perf_counter()
    first, end = tenths(found := learn(int(sys.argv[1])))
    print(
        f"makespan {first:.1f} in the first tenth of {len(found)} episodes, {end:.1f} in the last; {time.perf_counter() - begun:.0f} s"
    )
