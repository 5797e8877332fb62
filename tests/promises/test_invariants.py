"""Whatever agents do: episodes end, masks offer something, clocks run on, the checker agrees, rewards are the objective."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envs import World
from envs.columns import Candidate
from envs.engine.codes import Phase
from envs.outputs import Outputs
from envs.parallel_env import TaskManagement
from envs.scenario import Scenario
from envs.validate.report import validate
from envs.workloads.instance import Instance
from tests.promises.long import tries
from tests.reference.scenarios import Fixed, random_actions, random_case

PATIENCE = 5000
"""Rounds after which an episode of these small worlds is taken not to end."""
Random = np.random.Generator
Actions = tuple[np.ndarray, np.ndarray]
Behaviour = Callable[[Outputs, Random], Actions]
EXAMPLES = settings(
    max_examples=tries(150, 10_000), deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def _first(out: Outputs, random: Random) -> Actions:
    """Always the first that is legal; everybody bids the same."""
    return out.mask.argmax(axis=2).astype(np.int32), np.zeros(out.acting.shape)


def _last(out: Outputs, random: Random) -> Actions:
    """Always the last that is legal, which is to pass where one may; everybody bids as high as numbers go."""
    last = out.mask.shape[2] - 1 - out.mask[:, :, ::-1].argmax(axis=2)
    return last.astype(np.int32), np.full(out.acting.shape, np.finfo(np.float64).max)


def _waiting(out: Outputs, random: Random) -> Actions:
    """Whatever starts nothing, as long as that is legal: passes and reservations; bids that change their sign."""
    startable = np.pad(out.candidates[..., Candidate.STARTABLE] == 1, ((0, 0), (0, 0), (0, 1)))
    waits = out.mask & ~startable
    chosen = np.where(waits.any(axis=2), waits.argmax(axis=2), out.mask.argmax(axis=2))
    return chosen.astype(np.int32), random.choice([-1e300, 1e300], out.acting.shape)


def _random(out: Outputs, random: Random) -> Actions:
    """Anything that is legal."""
    picks, bids = zip(*(random_actions(random, mask) for mask in out.mask), strict=True)
    return np.stack(picks), np.stack(bids)


def _fickle(out: Outputs, random: Random) -> Actions:
    """Another of the others at every round."""
    return (_first, _last, _waiting, _random)[random.integers(4)](out, random)


def _fighting(out: Outputs, random: Random) -> Actions:
    """All want what needs most of what is shared, and bid the same."""
    wish = np.where(out.mask[:, :, :-1], out.candidates[..., Candidate.SHARED_DEMAND], -1.0)
    chosen = np.where(out.mask[:, :, :-1].any(axis=2), wish.argmax(axis=2), out.mask.argmax(axis=2))
    return chosen.astype(np.int32), np.ones(out.acting.shape)


BEHAVIOURS: tuple[Behaviour, ...] = (_first, _last, _waiting, _random, _fickle, _fighting)


def ends_as_it_may(scenario: Scenario, out: Outputs) -> bool:
    """Whether the episode terminated, or was cut off by a limit that its scenario has."""
    limits = scenario.limits
    return bool(out.terminated[0]) or limits.max_time < np.inf or limits.max_rounds < 2**31 - 1


def check_round(out: Outputs, before: float) -> None:
    """What holds in every round."""
    assert out.time[0] >= before, "the clock ran back"
    for seen in (out.candidates, out.context, out.negotiation):
        assert np.isfinite(seen).all(), "a column that is no number"
    if out.phase[0] == Phase.OVER:
        assert not out.acting.any()
    else:
        assert out.acting.any(), "a round in which nobody has a choice"
        assert out.mask[out.acting].any(axis=1).all(), "a seat that acts without any legal action"


@EXAMPLES
@given(case=st.integers(0, 2**31), behaviour=st.sampled_from(BEHAVIOURS), seed=st.integers(0, 2**31))
def test_any_behaviour(case: int, behaviour: Behaviour, seed: int) -> None:
    """Protects everybody who trains: no behaviour can stop, break or cheat a world, and what rewards say is the objective."""
    scenario, instance = random_case(case)
    world, random = (
        World(scenario, seed=seed, instances=[instance], auto_reset=False, record=True),
        np.random.default_rng(seed),
    )
    out = world.reset()
    time, team, own, rewards = 0.0, float(out.team_cost[0]), out.own_cost[0].copy(), out.reward[0].copy()
    check_round(out, time)
    for _ in range(PATIENCE):
        if out.phase[0] == Phase.OVER:
            break
        time = float(out.time[0])
        out = world.step(*behaviour(out, random))
        check_round(out, time)
        team, own, rewards = team + float(out.team_cost[0]), own + out.own_cost[0], rewards + out.reward[0]
    assert out.phase[0] == Phase.OVER, "the episode does not end"
    assert ends_as_it_may(scenario, out)
    report = validate(scenario, instance, int(out.seed[0]), world.log(0), team_cost=team, own_cost=own)
    assert report.ok, report.violations
    share = scenario.cooperation
    assert rewards == pytest.approx(-((1 - share) * own + share * team), rel=1e-9, abs=1e-6)
    if out.terminated[0]:
        jobs = world.job_end(0)
        abandoned = report.costs["abandonment"] > 0
        assert abandoned or np.isfinite(jobs).all(), "a job that never ended"


@settings(EXAMPLES, max_examples=tries(40, 2_000))
@given(case=st.integers(0, 2**31), data=st.data())
def test_illegal_actions(case: int, data: st.DataObject) -> None:
    """Protects the view of one world from players that know no masks: what is illegal is counted, and the episode ends as any other."""
    scenario, instance = random_case(case)
    env: Any = TaskManagement(_held(scenario, instance))
    observations, _ = env.reset(seed=case % 2**31)
    random = np.random.default_rng(data.draw(st.integers(0, 2**31)))
    share = data.draw(st.sampled_from((0.1, 0.5, 1.0)))
    for _ in range(PATIENCE):
        if not env.agents:
            break
        actions = {}
        for seat in env.agents:
            mask = observations[seat]["action_mask"]
            legal = np.flatnonzero(mask)
            actions[seat] = int(random.integers(len(mask)) if random.random() < share else random.choice(legal))
            assert legal.size, "a seat without any legal action"
        observations, rewards, *_ = env.step(actions)
        assert np.isfinite(list(rewards.values())).all()
    assert not env.agents, "the episode does not end"


def _held(scenario: Scenario, instance: Instance) -> Scenario:
    return replace(scenario, workload=Fixed(instance))
