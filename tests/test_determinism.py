"""Equal seeds give equal episodes, to the last bit, in every process: observations, rewards, ends and infos."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from envs import Scenario, Uncertainty, task_management_v0
from envs.workloads.generators.synthetic import SyntheticWorkload
from tests.conftest import ROOT

ILLEGAL = 0.05
"""Share of random actions that nobody checked."""
NOTHING_SHARED: dict[str, Any] = {"shared_capacity": (), "shared_use": (), "big_min": (), "big_max": ()}
CASES = {
    f"{agents} agents, {'shared' if shared else 'own'} resources": SyntheticWorkload(
        agents, 24, **({} if shared else NOTHING_SHARED)
    )
    for agents in (1, 8)
    for shared in (True, False)
}
UNCERTAINTY = Uncertainty(0.4, failure_probability=0.1, retry_delay=5.0, mean_time_between_failures=2000.0)


def update(digest: Any, value: Any) -> None:
    """Take a value into the digest, containers in the order in which they would be iterated over."""
    if isinstance(value, np.ndarray):
        digest.update(f"{value.dtype}{value.shape}".encode() + value.tobytes())
    elif isinstance(value, dict):
        for key, inner in value.items():
            digest.update(str(key).encode())
            update(digest, inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            update(digest, inner)
    else:
        digest.update(repr(value).encode())


def fingerprint(case: str, seed: int = 3) -> str:
    """Play two episodes, the second without a seed; return a digest of all that the environment said."""
    env = task_management_v0.parallel_env(scenario=Scenario(CASES[case], uncertainty=UNCERTAINTY, candidates=8))
    digest = hashlib.sha256()
    random = np.random.default_rng(seed)
    for episode_seed in (seed, None):
        said: Any = env.reset(seed=episode_seed)
        update(digest, said)
        while env.agents:
            actions = {}
            for seat in env.agents:
                mask = said[0][seat]["action_mask"] if random.random() > ILLEGAL else np.ones(env.action_space(seat).n)
                actions[seat] = int(random.choice(np.flatnonzero(mask)))
            said = env.step(actions)
            update(digest, (said, env.state()))
    return digest.hexdigest()


def all_fingerprints() -> list[str]:
    """One line per case; the other processes print these."""
    return [f"{case}: {fingerprint(case)}" for case in CASES]


@pytest.fixture(scope="module")
def here() -> list[str]:
    """What this process says."""
    return all_fingerprints()


@pytest.mark.parametrize("hash_seed", ["1", "2024"])
def test_whole_episodes_are_equal_in_other_processes(hash_seed: str, here: list[str]) -> None:
    """Protects reproducibility from everything a process brings along: hash seeds, memory, the order of sets."""
    code = "from tests.test_determinism import all_fingerprints; print('\\n'.join(all_fingerprints()))"
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines() == here


def test_fingerprints_tell_episodes_apart() -> None:
    """Protects the comparison itself: another seed gives another digest, the same one the same."""
    case = next(iter(CASES))
    assert fingerprint(case, 3) == fingerprint(case, 3) != fingerprint(case, 4)
