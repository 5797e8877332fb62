"""PettingZoo's names for the world; importing this registers ``parley/task_management-v0`` with PettingZoo."""

from __future__ import annotations

from typing import Any, Final

from pettingzoo import AECEnv, register
from pettingzoo.utils.conversions import parallel_to_aec_wrapper
from pettingzoo.utils.wrappers import OrderEnforcingWrapper

from envs.parallel_env import TaskManagement

ENV_ID: Final = "parley/task_management-v0"

parallel_env = TaskManagement


def raw_env(**kwargs: Any) -> AECEnv:
    """Return the world seat by seat (PettingZoo's AEC), without wrappers; arguments as of ``parallel_env``."""
    return parallel_to_aec_wrapper(parallel_env(**kwargs))


def env(**kwargs: Any) -> AECEnv:
    """Return the world seat by seat, with calls in the wrong order reported; arguments as of ``parallel_env``.

    No wrapper forbids illegal actions: the world counts them.
    """
    return OrderEnforcingWrapper(raw_env(**kwargs))


register("aec", ENV_ID, entry_point=f"{__name__}:env")
register("parallel", ENV_ID, entry_point=f"{__name__}:parallel_env")
