"""Worlds that are small enough to be learned in seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from agents.learning.config import (
    Discount,
    Evaluation,
    GroupSizes,
    Imitation,
    Learner,
    Network,
    TrainingEpisodes,
    Update,
)
from envs.scenario import Objective, Reservations, Scenario, Uncertainty
from envs.workloads.instance import Instance


@dataclass(frozen=True)
class OneMachine:
    """Agents with one machine each and jobs of one task, all there from the start: total flow time is least with the shortest first."""

    agents: int = 1
    jobs: int = 8
    shared: int = 0
    """Units of a shared resource of which every task needs one; 0: there is none."""

    def instance(self, seed: int) -> Instance:
        """Draw durations of 1 to 100."""
        duration = np.random.default_rng(seed).integers(1, 101, self.jobs * self.agents).astype(float)
        count = len(duration)
        owner = np.arange(count) % self.agents
        return Instance(
            name=f"one machine {seed}",
            resources=("machine", "licence"),
            shared=np.array([False, True]),
            shared_capacity=np.array([0, max(self.shared, 1)]),
            local_capacity=np.tile([1, 0], (self.agents, 1)),
            speed=np.ones((self.agents, 1)),
            job_release=np.zeros(count),
            job_due=np.full(count, np.inf),
            job_weight=np.ones(count),
            job_owner=owner,
            job_first=np.arange(count + 1),
            task_kind=np.zeros(count, int),
            task_demand=np.tile([1, int(self.shared > 0)], (count, 1)),
            task_ratio=np.ones(count),
            option_first=np.arange(count + 1),
            option_agent=owner,
            option_nominal=duration,
            successor_first=np.zeros(count + 1, int),
            successor=np.zeros(0, int),
        )


@pytest.fixture
def one_machine() -> Scenario:
    """Eight jobs on one machine."""
    return Scenario(OneMachine(), Objective(flow=1.0), reservations=Reservations(allowed=False), candidates=8)


@pytest.fixture
def contested() -> Scenario:
    """Three agents that share two licences, with uncertain durations: both roles have choices."""
    uncertainty = Uncertainty(duration_sigma=0.3)
    return Scenario(
        OneMachine(agents=3, jobs=5, shared=2),
        Objective(flow=1.0),
        uncertainty=uncertainty,
        candidates=8,
        cooperation=0.5,
    )


@pytest.fixture
def learner() -> Learner:
    """A small learner of the prioritizer."""
    return Learner(
        roles=["prioritizer"],
        worlds=64,
        rollout=2048,
        decisions=40_000,
        seconds=float("inf"),
        checkpoint_every=1000,
        network=Network(16, 16, [], None, gain=8.0, ordinal=True),
        update=Update("ppo", 3, 512, 3e-3, 3e-4, 3e-3, 0.2, 0.003, 0.0, 0.5, 0.5, 2.0, 0.6),
        discount=Discount(None, 5.0),
        episodes=TrainingEpisodes(64, 0, 0, "size", baseline=True, prioritizer="fifo", negotiator="fcfs"),
        imitation=Imitation(0, 1),
        groups=GroupSizes(8, 8, 0),
        evaluation=Evaluation(1000, 32),
    )


def both_roles(learner: Learner) -> Learner:
    """The same learner, of both roles."""
    return replace(learner, roles=["prioritizer", "negotiator"])
