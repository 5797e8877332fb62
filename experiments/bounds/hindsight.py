"""What the episodes of a noisy scenario cost at least, for somebody who knows from the start how long everything will take."""

from __future__ import annotations

import math

import numpy as np

from agents.evaluation import Episodes
from envs.scenario import Scenario
from envs.validate.draws import noise
from envs.workloads.instance import FloatArray
from experiments.bounds.analytic import lower_bound


def hindsight(scenario: Scenario, episodes: Episodes) -> FloatArray:
    """[E] a cost that nobody is below; 0 where tasks may fail or agents break down, since the draws of a later attempt are others."""
    unsure = scenario.uncertainty
    if unsure.failure_probability > 0 or math.isfinite(unsure.mean_time_between_failures):
        return np.zeros(len(episodes.seeds))
    bounds = []
    for place, seed in zip(episodes.instance.tolist(), episodes.seeds.tolist(), strict=True):
        i = episodes.instances[place]
        factors = noise(seed, np.arange(i.num_tasks), np.zeros(i.num_tasks), unsure.duration_sigma)
        bounds.append(lower_bound(scenario.objective, i, factors))
    return np.array(bounds)
