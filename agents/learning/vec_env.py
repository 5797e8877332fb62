"""One role of a world as an ordinary SB3 environment, for learners that are not ours; far slower than the learner of this package."""

from __future__ import annotations

import functools
from typing import Any, Final

import gymnasium
import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.learning.config import LearnerError
from agents.learning.ppo import role_spaces
from agents.networks.architecture import PRIORITIZER
from agents.protocols import Negotiator, Prioritizer, rules_of_play
from envs.engine.codes import Phase
from envs.engine.tick import DECLINE
from envs.scenario import Scenario
from envs.seats import ILLEGAL, LOWEST_BID, as_index, illegal_action
from envs.world import World

TRIES: Final = 100
"""Episodes without a choice of the role after which there is nothing to learn."""


class SeatEnv(gymnasium.Env[NDArray[np.float32], np.int64]):
    """The seats of one role, asked one after the other; the other role follows a policy.

    At each step one acting seat decides, in the order of the agents; the world moves on when all of the round have. The reward is
    the team's since the last step, times ``reward_scale``. ``action_masks()`` is where sb3-contrib looks for it.

    ``infos['illegal_actions']`` is how many of the episode's actions were illegal. A prioritizer's is handled as docs/world.md says, a
    negotiator's is the lowest bid; with ``illegal='raise'`` they raise. An environment can be copied deeply and pickled at any step.
    """

    def __init__(
        self,
        scenario: Scenario,
        role: str,
        other: Prioritizer | Negotiator,
        seed: int = 0,
        instances: int = 16,
        reward_scale: float = 1.0,
        illegal: str = "count",
    ) -> None:
        """Draw so many instances of the scenario, between which episodes choose; 'count' illegal actions, or 'raise' an error.

        Raises:
            LearnerError: where ``other`` cannot play the other role, or ``illegal`` is neither.
        """
        if illegal not in ILLEGAL:
            raise LearnerError(f"SeatEnv: illegal is {illegal!r}, must be one of {', '.join(ILLEGAL)}")
        if not isinstance(other, Negotiator if role == PRIORITIZER else Prioritizer):
            raise LearnerError(f"SeatEnv: other is a {type(other).__name__}, must be able to play the role that is not {role}")
        if isinstance(other, Prioritizer):
            scenario = rules_of_play(scenario, other)
        self._world = World(scenario, seed=seed, num_instances=instances, auto_reset=False)
        self._phase = Phase.PRIORITISE if role == PRIORITIZER else Phase.NEGOTIATE
        self._other = other
        self._scale = reward_scale
        self._forbids = illegal == "raise"
        self._offences = 0
        self._picks = np.zeros((1, self._world.num_agents), np.int32)
        self._bids = np.zeros((1, self._world.num_agents))
        self._waiting: list[int] = []
        self._agent = 0
        self.observation_space, self.action_space = role_spaces(role, scenario.candidates, scenario.negotiation.levels)  # type: ignore[assignment]  # Box is invariant
        super().reset(seed=seed)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start an episode that the seed determines.

        Raises:
            LearnerError: where the role is never asked.
        """
        super().reset(seed=seed)
        self._offences = 0
        for _ in range(TRIES):
            seeds = self.np_random.integers(2**64, size=1, dtype=np.uint64)
            instance = self.np_random.integers(len(self._world.instances), size=1, dtype=np.int32)
            self._world.reset(seeds=seeds, instance=instance)
            self._move_on(self._world.out.phase[0] == Phase.OVER)
            if self._waiting:
                self._agent = self._waiting.pop(0)
                return self._observation(), self._info()
        raise LearnerError(f"SeatEnv: in {TRIES} episodes nobody in phase {self._phase.name} had a choice")

    def step(self, action: np.int64) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Decide for the seat that is asked.

        Raises:
            LearnerError: the action is illegal, where these raise; nothing has moved.
        """
        number, mask = as_index(action), self.action_masks()
        if not (0 <= number < len(mask) and mask[number]):
            if self._forbids:
                raise LearnerError(illegal_action("SeatEnv: action", action, mask))
            self._offences += 1
            number = DECLINE if self._phase == Phase.PRIORITISE else LOWEST_BID
        if self._phase == Phase.PRIORITISE:
            self._picks[0, self._agent] = number
        else:
            self._bids[0, self._agent] = number
        out, cost = self._world.out, 0.0
        if not self._waiting:
            self._world.step(self._picks, self._bids)
            cost = float(out.team_cost[0]) + self._move_on(out.phase[0] == Phase.OVER)
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
        if self._phase == Phase.NEGOTIATE:
            return np.ones(int(self.action_space.n), np.bool_)  # type: ignore[attr-defined]  # a Discrete, see role_spaces
        mask: NDArray[np.bool_] = self._world.out.mask[0, self._agent].copy()
        return mask

    def _info(self) -> dict[str, Any]:
        return {"illegal_actions": self._offences}

    def _move_on(self, is_over: bool) -> float:
        """Let the other role decide until this one is asked or the episode is over; return what that cost."""
        out, cost = self._world.out, 0.0
        while not is_over and out.phase[0] != self._phase:
            asked = out.acting[0]
            if isinstance(self._other, Prioritizer):
                self._picks[0, asked] = self._other.pick(out.candidates[0, asked], out.context[0, asked], out.mask[0, asked])
            else:
                self._bids[0, asked] = self._other.bid(out.negotiation[0, asked])
            self._world.step(self._picks, self._bids)
            cost += float(out.team_cost[0])
            is_over = out.phase[0] == Phase.OVER
        self._waiting = np.flatnonzero(out.acting[0]).tolist()
        return cost

    def _observation(self) -> NDArray[np.float32]:
        """What the seat that is asked sees; at the end of an episode, what the last one sees."""
        out, agent = self._world.out, self._agent
        prioritises = self._phase == Phase.PRIORITISE
        parts = (out.candidates[0, agent].reshape(-1), out.context[0, agent]) if prioritises else (out.negotiation[0, agent],)
        return np.concatenate(parts)


def make_vec_env(
    scenario: Scenario,
    role: str,
    other: Prioritizer | Negotiator,
    num_envs: int,
    seed: int = 0,
    reward_scale: float = 1.0,
    illegal: str = "count",
) -> DummyVecEnv:
    """Return SB3 environments, each a world of its own, as in ``MaskablePPO("MlpPolicy", make_vec_env(...)).learn(100_000)``.

    Learners that know no masks play, too: their illegal actions are counted in ``infos[k]['illegal_actions']``, or raise a LearnerError.
    """
    seeds = range(seed, seed + num_envs)
    makers = [functools.partial(SeatEnv, scenario, role, other, own, reward_scale=reward_scale, illegal=illegal) for own in seeds]
    return DummyVecEnv(makers)  # type: ignore[arg-type]  # a partial is callable
