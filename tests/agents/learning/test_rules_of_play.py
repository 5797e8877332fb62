"""Learning plays rules as evaluation does: one that never reserves is not made to, be it the yardstick, the baseline or the partner."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from agents.evaluation.play import draw_episodes, play
from agents.learning.baseline import Purpose, derive
from agents.learning.config import Learner
from agents.learning.loop import AgainstRules
from agents.learning.methods import METHODS
from agents.learning.ppo import RolePPO
from agents.protocols import Observation
from agents.rules import negotiator, prioritizer
from envs.scenario import Reservations, Scenario
from envs.seat_env import SeatEnv
from envs.workloads.generators.synthetic import SyntheticWorkload
from tests.agents.evaluation.test_play import Fixed

SCENARIO = Scenario(SyntheticWorkload(jobs=12, load_min=2.0, load_max=2.0), candidates=8)
WITHOUT = replace(SCENARIO, reservations=Reservations(allowed=False))


class Zero:
    """Bids nothing."""

    def bid(self, observation: Observation) -> NDArray[np.float64]:
        """Return [N] zeros."""
        return np.zeros(len(observation))


@pytest.mark.parametrize("name", ["fifo", "fifo+r"])
def test_yardstick_and_baseline(learner: Learner, name: str) -> None:
    """Protects gaps and baselines: what a rule costs while somebody learns is what it costs in an evaluation."""
    learner = replace(
        learner,
        episodes=replace(learner.episodes, prioritizer=name, number=16),
        evaluation=replace(learner.evaluation, episodes=16),
    )
    pair = prioritizer(name), negotiator("fcfs")
    found = AgainstRules(SCENARIO, learner, pair, 3)
    assert found.rule_cost == pytest.approx(play(SCENARIO, found.episodes, *pair).objective)
    assert (found.rule_cost == pytest.approx(play(WITHOUT, found.episodes, *pair).objective)) == (name == "fifo")
    models = {"prioritizer": RolePPO("prioritizer", 8, 16, learner.network, learner.update, "cpu")}
    method = METHODS[learner.update.method](SCENARIO, learner, pair, models, 3, 1)
    episodes = draw_episodes(SCENARIO, 16, derive(3, Purpose.TRAINING, 0))
    assert method.bank.team_cost == pytest.approx(play(SCENARIO, episodes, *pair).objective)  # type: ignore[attr-defined]  # of Streams


@pytest.mark.parametrize("name", ["fifo", "fifo+r"])
def test_partner_of_other_learners(name: str) -> None:
    """Protects the negotiator that learns beside a rule: the rule plays as it will when both are evaluated."""
    instance = SCENARIO.workload.instance(5)
    scenario = replace(SCENARIO, workload=Fixed(instance))
    env = SeatEnv(scenario, "negotiator", prioritizer(name), seed=1)
    env.reset(seed=1)
    over = False
    while not over:
        _, _, terminated, truncated, _ = env.step(np.int64(0))
        over = terminated or truncated
    terms = play(scenario, draw_episodes(scenario, 1, 0), prioritizer(name), Zero()).terms[0]
    assert env.terms == pytest.approx(terms)
    other = play(
        replace(scenario, reservations=WITHOUT.reservations), draw_episodes(scenario, 1, 0), prioritizer(name), Zero()
    ).terms[0]
    assert (env.terms == pytest.approx(other)) == (name == "fifo")
