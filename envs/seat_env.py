"""One role of a world as a gymnasium.Env. Importing this registers ``parley/Prioritizer-v0`` and ``parley/Negotiator-v0``."""

from __future__ import annotations

from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray

from envs import seats
from envs.arguments import as_integer
from envs.default_scenario import default_scenario
from envs.engine.codes import Phase
from envs.engine.tick import DECLINE
from envs.players import Negotiator, Partner, Prioritizer
from envs.scenario import Scenario
from envs.world import World

TRIES: Final = 100
"""Episodes without a choice of the role after which there is nothing to learn."""
IDS: Final = {"prioritizer": "parley/Prioritizer-v0", "negotiator": "parley/Negotiator-v0"}
"""What to ask ``gymnasium.make`` for, by role; keyword arguments are those of ``SeatEnv`` but ``role``."""


class SeatEnv(gymnasium.Env[NDArray[np.float32], np.int64]):
    """The seats of one role, asked one after the other; the other role follows a policy.

    At each step one acting seat decides, in the order of the agents; the world moves on when all of the round have. The reward is
    the team's since the last step, times ``reward_scale``. Observations are vectors: of a prioritizer [K F + C], its candidates and its
    context, of a negotiator [G] (docs/columns.md). ``action_masks()`` is where sb3-contrib looks for the mask.

    Infos have 'action_mask' [actions] int8, 'illegal_actions', how many the episode had, 'time' in seconds, and 'terms', unweighted costs
    of the episode as in ``Outputs.terms``. A prioritizer's illegal action is handled as docs/world.md says, a negotiator's is the lowest
    bid; with ``illegal='raise'`` they raise. An environment can be copied deeply and pickled at any step.
    """

    def __init__(
        self,
        scenario: Scenario | None = None,
        role: str = "prioritizer",
        other: Prioritizer | Negotiator | None = None,
        seed: int = 0,
        instances: int = 16,
        reward_scale: float = 1.0,
        illegal: str = "count",
    ) -> None:
        """Draw so many instances of the scenario, between which episodes choose.

        Args:
            scenario: what is played; by default ``default_scenario()``.
            role: 'prioritizer' or 'negotiator'.
            other: plays the other role; by default bids are equal, or whatever is shown first is picked.
            seed: of the instances, and of the episodes until ``reset`` is given one.
            instances: how many; 16 are soon known by heart where nothing else is drawn.
            reward_scale: what rewards are multiplied by.
            illegal: 'count' illegal actions, or 'raise' a ValueError, with nothing moved.

        Raises:
            TypeError, ValueError: an argument is not what it must be.
        """
        if illegal not in seats.ILLEGAL:
            raise ValueError(f"illegal is {illegal!r}, must be one of {', '.join(seats.ILLEGAL)}")
        self._partner = Partner(role, other)
        scenario = self._partner.rules(default_scenario() if scenario is None else scenario)
        self._world = World(
            scenario, seed=seed, num_instances=as_integer("instances", instances, 1, 2**31 - 1), auto_reset=False
        )
        self._scale = seats.as_scale(reward_scale)
        self._forbids = illegal == "raise"
        self._offences = 0
        self._picks = np.zeros((1, self._world.num_agents), np.int32)
        self._bids = np.zeros((1, self._world.num_agents))
        self._waiting: list[int] = []
        self._agent = 0
        self._owed = 0.0
        """What the other role's rounds cost before this one was first asked: part of the first reward."""
        self._prioritises = self._partner.phase == Phase.PRIORITISE
        space = (
            seats.prioritizer_space(scenario.candidates, flat=True)
            if self._prioritises
            else seats.negotiator_space(flat=True)
        )
        assert isinstance(space, Box)
        self.observation_space = space
        self.action_space = Discrete(scenario.candidates + 1 if self._prioritises else scenario.negotiation.levels)
        super().reset(seed=seed)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start an episode that the seed determines; options are ignored.

        Raises:
            ValueError: where the role is never asked.
        """
        super().reset(seed=seed)
        self._offences = 0
        for _ in range(TRIES):
            seeds = self.np_random.integers(2**64, size=1, dtype=np.uint64)
            instance = self.np_random.integers(len(self._world.instances), size=1, dtype=np.int32)
            self._world.reset(seeds=seeds, instance=instance)
            self._owed = self._move_on()
            if self._waiting:
                self._agent = self._waiting.pop(0)
                return self._observation(), self._info()
        raise ValueError(f"SeatEnv: in {TRIES} episodes nobody in phase {self._partner.phase.name} had a choice")

    def step(self, action: np.int64) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Decide for the seat that is asked.

        Raises:
            ValueError: the action is illegal, where these raise; nothing has moved.
        """
        number, mask = seats.as_index(action), self.action_masks()
        if not (0 <= number < len(mask) and mask[number]):
            if self._forbids:
                raise ValueError(seats.illegal_action("SeatEnv: action", action, mask))
            self._offences += 1
            number = DECLINE if self._prioritises else seats.LOWEST_BID
        if self._prioritises:
            self._picks[0, self._agent] = number
        else:
            self._bids[0, self._agent] = number
        out, cost = self._world.out, self._owed
        self._owed = 0.0
        if not self._waiting:
            self._world.step(self._picks, self._bids)
            cost += float(out.team_cost[0]) + self._move_on()
        if self._waiting:
            self._agent = self._waiting.pop(0)
        truncated = bool(out.truncated[0] and not out.terminated[0])
        return self._observation(), -cost * self._scale, bool(out.terminated[0]), truncated, self._info()

    @property
    def terms(self) -> NDArray[np.float64]:
        """Unweighted costs of the episode so far, as in ``Outputs.terms``."""
        terms: NDArray[np.float64] = self._world.out.terms[0].copy()
        return terms

    def action_masks(self) -> NDArray[np.bool_]:
        """The legal actions of the seat that is asked."""
        if not self._prioritises:
            return np.ones(self._world.scenario.negotiation.levels, np.bool_)
        mask: NDArray[np.bool_] = self._world.out.mask[0, self._agent].copy()
        return mask

    def _info(self) -> dict[str, Any]:
        return {
            "action_mask": self.action_masks().view(np.int8),
            "illegal_actions": self._offences,
            "terms": self.terms,
            "time": float(self._world.out.time[0]),
        }

    def _move_on(self) -> float:
        """Let the other role decide until this one is asked or the episode is over; return what that cost."""
        cost = sum(float(out.team_cost[0]) for out in self._partner.rounds(self._world, self._picks, self._bids))
        self._waiting = np.flatnonzero(self._world.out.acting[0]).tolist()
        return cost

    def _observation(self) -> NDArray[np.float32]:
        """What the seat that is asked sees; at the end of an episode, what the last one sees."""
        out, agent = self._world.out, self._agent
        parts = (
            (out.candidates[0, agent].reshape(-1), out.context[0, agent])
            if self._prioritises
            else (out.negotiation[0, agent],)
        )
        return np.concatenate(parts)


for _role, _id in IDS.items():
    gymnasium.register(_id, entry_point=f"{__name__}:SeatEnv", kwargs={"role": _role})
