"""The networks of both roles as policies of sb3-contrib's MaskablePPO."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from sb3_contrib.common.maskable.distributions import MaskableDistribution
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from torch import Tensor

from agents.learning.baseline import HINDSIGHT
from agents.networks.architecture import PRIORITIZER, Brain, Critic, Spec, entropy
from agents.networks.sets import ILLEGAL, Sets
from envs.columns import NUM_CANDIDATE

MOST: Final = 1 - 2.0**-20
"""Random numbers stay so far below 1 that rounding never takes one past the last legal action."""

Masks = NDArray[np.bool_] | Tensor | None


class RolePolicy(MaskableActorCriticPolicy):
    """One role's actor and critic.

    Observations come in two forms: as standardised ``Sets`` with places for actions, which is what the learner stores; or, as SB3 and
    PettingZoo have them, as flat vectors (a prioritizer's K x NUM_CANDIDATE and then NUM_CONTEXT numbers; a negotiator's
    NUM_NEGOTIATION) with masks and action numbers.
    """

    def __init__(
        self, observation_space: spaces.Space[Any], action_space: spaces.Space[Any], lr_schedule: Any, **kwargs: Any
    ) -> None:
        """Take SB3's arguments and ``spec``, the shape of the actor, and ``critic_width``."""
        self.has_critic = True
        """Whether values are learned; where they are not, an update neither computes nor changes them."""
        self.spec: Spec = kwargs.pop("spec")
        self.critic_width: int = kwargs.pop("critic_width")
        super().__init__(observation_space, action_space, lr_schedule, **kwargs)

    def _build(self, lr_schedule: Any) -> None:
        """Replace SB3's networks by ours."""
        self.brain = Brain(self.spec)
        self.critic = Critic(self.brain.reader.rows.size, self.brain.reader.context.size, HINDSIGHT, self.critic_width)
        groups = [{"params": [*part.parameters()]} for part in (self.brain, self.critic)]
        self.optimizer = self.optimizer_class(groups, lr=lr_schedule(1), **self.optimizer_kwargs)  # type: ignore[call-arg]  # as SB3

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {**super()._get_constructor_parameters(), "spec": self.spec, "critic_width": self.critic_width}

    def act(self, sets: Sets) -> tuple[Tensor, Tensor]:
        """Draw an action for each of standardised sets: places or levels [N], log-probabilities [N]."""
        log_p = self.brain(sets)
        up_to = log_p.exp().cumsum_(dim=1)
        drawn = torch.rand(len(up_to), 1, device=up_to.device).mul_(MOST).mul_(up_to[:, -1:])
        chosen = (up_to <= drawn).sum(dim=1)
        return chosen, log_p.gather(1, chosen[:, None]).squeeze(1)

    def evaluate_actions(
        self, obs: Sets | Tensor, actions: Tensor, action_masks: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Values, log-probabilities of ``actions`` and entropies, each [N]."""
        sets, log_p = (obs, self.brain(obs)) if isinstance(obs, Sets) else self._flat(obs, action_masks)
        values = self.critic(sets) if self.has_critic else log_p.new_zeros(len(log_p))
        return values, log_p.gather(1, actions.long().view(-1, 1)).squeeze(1), entropy(log_p)

    def forward(
        self, obs: Tensor, deterministic: bool = False, action_masks: NDArray[np.bool_] | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Actions [N], values [N, 1] and log-probabilities [N] of flat observations."""
        sets, log_p = self._flat(obs, action_masks)
        actions = log_p.argmax(dim=1) if deterministic else torch.multinomial(log_p.exp(), 1).squeeze(1)
        return actions, self.critic(sets)[:, None], log_p.gather(1, actions[:, None]).squeeze(1)

    def get_distribution(self, obs: Any, action_masks: NDArray[np.bool_] | None = None) -> MaskableDistribution:
        """The distribution over the actions of flat observations."""
        distribution: MaskableDistribution = self.action_dist.proba_distribution(
            action_logits=self._flat(obs, action_masks)[1]
        )
        return distribution

    def predict_values(self, obs: Any) -> Tensor:
        """Values [N, 1] of flat observations."""
        return self.critic(self._sets(obs, None)[0])[:, None]  # type: ignore[no-any-return]  # torch indexing has no types

    def _flat(self, obs: Tensor, masks: Masks) -> tuple[Sets, Tensor]:
        """Standardised sets and log-probabilities [N, actions] by action number of flat observations."""
        sets, slots = self._sets(obs, masks)
        log_p = self.brain(sets)
        if self.spec.role != PRIORITIZER:
            return sets, log_p
        by_action = log_p.new_full((len(obs), self.num_actions), ILLEGAL)
        by_action[sets.segment(), slots] = log_p[sets.segment(), sets.places()]
        to_pass = log_p.gather(1, sets.counts[:, None]).squeeze(1)
        by_action[:, -1] = to_pass.where(sets.may_pass, ILLEGAL)
        return sets, by_action

    def _sets(self, obs: Tensor, masks: Masks) -> tuple[Sets, Tensor]:
        """Standardised sets of flat observations, and the action number of each row. Without masks every candidate is legal."""
        if self.spec.role != PRIORITIZER:
            return self.brain.reader(Sets.without_rows(obs)), obs.new_zeros(0, dtype=torch.int64)
        size = (self.num_actions - 1) * NUM_CANDIDATE
        candidates = obs[:, :size].reshape(len(obs), -1, NUM_CANDIDATE)
        legal = self._mask(masks, candidates)
        segment, slots = legal[:, :-1].nonzero(as_tuple=True)
        rows = candidates[segment, slots]
        return self.brain.reader(Sets.of(rows, legal[:, :-1].sum(dim=1), obs[:, size:], legal[:, -1])), slots

    def _mask(self, masks: Masks, candidates: Tensor) -> Tensor:
        if masks is not None:
            return torch.as_tensor(masks, dtype=torch.bool, device=candidates.device).view(len(candidates), -1)
        exists = (candidates != 0).any(dim=2)
        return torch.cat((exists, torch.ones_like(exists[:, :1])), dim=1)

    @property
    def num_actions(self) -> int:
        """K + 1 for a prioritizer, the bid levels for a negotiator."""
        assert isinstance(self.action_space, spaces.Discrete)
        return int(self.action_space.n)
