"""One role of a world as SB3's environments, for learners that are not ours; far slower than the learner of this package."""

from __future__ import annotations

import functools

from stable_baselines3.common.vec_env import DummyVecEnv

from agents.protocols import Negotiator, Prioritizer
from envs.scenario import Scenario
from envs.seat_env import SeatEnv


def make_vec_env(
    scenario: Scenario,
    role: str,
    other: Prioritizer | Negotiator | None,
    num_envs: int,
    seed: int = 0,
    instances: int = 16,
    reward_scale: float = 1.0,
    illegal: str = "count",
) -> DummyVecEnv:
    """Return SB3 environments, each a ``SeatEnv`` with a world and instances of its own.

    ``docs/clients.md`` shows how MaskablePPO learns in them. Learners that know no masks play, too: their illegal actions are counted in
    ``infos[k]['illegal_actions']``, or raise a ValueError.
    """
    seeds = range(seed, seed + num_envs)
    makers = [functools.partial(SeatEnv, scenario, role, other, own, instances, reward_scale, illegal) for own in seeds]
    return DummyVecEnv(makers)  # type: ignore[arg-type]  # a partial is callable
