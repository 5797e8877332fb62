"""MaskablePPO over decisions that the learner collects itself: ``train()`` is sb3-contrib's, unchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib import MaskablePPO
from stable_baselines3.common.logger import Logger

from agents.learning.buffer import Batches
from agents.learning.config import PPO, LearnerError, Network, Update
from agents.learning.policies import RolePolicy
from agents.networks.architecture import PRIORITIZER, NegotiatorActor, PrioritizerActor, Spec, entropy
from agents.networks.bid_head import BidHead
from agents.rules import index
from envs.columns import NUM_CANDIDATE, NUM_CONTEXT, NUM_NEGOTIATION

LARGEST: Final = 1e6
"""Weight from which on a network has diverged: its activations are near the end of float32."""


def role_spaces(role: str, candidates: int, levels: int) -> tuple[spaces.Box, spaces.Discrete]:
    """Spaces of one seat as SB3 sees it: a flat observation, and K candidates and the no-op, or the bid levels."""
    size = candidates * NUM_CANDIDATE + NUM_CONTEXT if role == PRIORITIZER else NUM_NEGOTIATION
    actions = candidates + 1 if role == PRIORITIZER else levels
    return spaces.Box(-np.inf, np.inf, (size,), np.float32), spaces.Discrete(actions)


class RolePPO(MaskablePPO):
    """The learner of one role, whose seats all share one policy."""

    policy: RolePolicy

    def __init__(self, role: str, candidates: int, levels: int, network: Network, update: Update, device: str) -> None:
        """Build an untrained policy for K = ``candidates``, which matters only to SB3's flat view of it, and bid ``levels``."""
        guide = index.load(Path(network.guide) / index.FILE).weights if network.guide else None
        spec = Spec.default(
            role, network.width, levels if role != PRIORITIZER else 0, tuple(network.ignore), guide, network.ordinal
        )
        super().__init__(
            RolePolicy,
            None,  # type: ignore[arg-type]  # SB3 takes None, but does not say so
            learning_rate=linear(update.learning_rate, update.learning_rate_end),
            n_steps=1,  # of SB3's own buffer, which is never used
            batch_size=update.batch,
            n_epochs=update.epochs,
            clip_range=update.clip,
            normalize_advantage=update.method == PPO,
            ent_coef=update.entropy,
            vf_coef=update.value_weight,
            max_grad_norm=update.max_gradient,
            policy_kwargs={
                "spec": spec,
                "critic_width": network.critic_width,
                "optimizer_kwargs": {"eps": 1e-5, "fused": True},
            },
            device=device,
            _init_setup_model=False,
        )
        self.role = role
        self.update = update
        self.observation_space, self.action_space = role_spaces(role, candidates, levels)
        self.n_envs = 1
        self._setup_model()
        self.policy.has_critic = update.method == PPO
        actor = self.policy.brain.actor
        if isinstance(actor, PrioritizerActor) and actor.gain is not None:
            torch.nn.init.constant_(actor.gain, network.gain)

    def anneal(self, remaining: float) -> None:
        """Set everything that changes over training for the share of it that remains, in [0, 1]."""
        self._current_progress_remaining = remaining
        self.ent_coef = linear(self.update.entropy, self.update.entropy_end)(remaining)
        actor = self.policy.brain.actor
        if isinstance(actor, NegotiatorActor) and isinstance(actor.head, BidHead):
            actor.head.sigma.fill_(linear(self.update.bid_sigma, self.update.bid_sigma_end)(remaining))

    def _update_learning_rate(self, optimizers: list[torch.optim.Optimizer] | torch.optim.Optimizer) -> None:
        """As SB3, but for the critic, whose rate is its own."""
        super()._update_learning_rate(optimizers)
        of_critic = self.policy.optimizer.param_groups[1]
        of_critic["lr"] = self.update.critic_rate

    def integrate(self, batches: Batches, logger: Logger) -> None:
        """Update the policy with the decisions of one rollout."""
        self.rollout_buffer = batches  # type: ignore[assignment]  # train() asks for get(), values and returns, and has them
        self.set_logger(logger)
        with self._converging():
            self.train()

    def imitate(self, batches: Batches, logger: Logger, passes: int | None = None) -> None:
        """Raise the probability of every decision of a rollout: cross-entropy, with the entropy bonus, no critic."""
        self.set_logger(logger)
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        losses, entropies = [], []
        with self._converging():
            for _ in range(passes or self.n_epochs):
                for samples in batches.get(self.update.batch):
                    log_p = self.policy.brain(samples.observations)
                    unlikelihood = -log_p.gather(1, samples.actions[:, None]).mean()
                    spread = entropy(log_p).mean()
                    self.policy.optimizer.zero_grad()
                    (unlikelihood - self.ent_coef * spread).backward()
                    torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
                    self.policy.optimizer.step()
                    losses.append(unlikelihood.item())
                    entropies.append(spread.item())
        logger.record("train/imitation_loss", float(np.mean(losses)))
        logger.record("train/entropy_loss", -float(np.mean(entropies)))

    @contextmanager
    def _converging(self) -> Iterator[None]:
        """Raise LearnerError where an update leaves weights so large, or no numbers at all, that nothing after it has a meaning."""
        try:
            yield
        finally:
            largest = max(float(weights.detach().abs().max()) for weights in self.policy.parameters())
            if not largest <= LARGEST:
                remedies = ", ".join(
                    f"{name} (was {getattr(self.update, name):g})"
                    for name in ("learning_rate", "max_gradient", "entropy")
                )
                raise LearnerError(
                    f"learner: the {self.role} diverged, its largest weight is {largest:g}; start anew with a smaller {remedies} of "
                    "learner.update; the last checkpoint is from before"
                ) from None


def linear(first: float, last: float) -> Callable[[float], float]:
    """A schedule of the share of training that remains: ``first`` at 1, ``last`` at 0."""
    return lambda remaining: last + (first - last) * remaining
