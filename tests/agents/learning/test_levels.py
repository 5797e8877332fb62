"""Bids as levels: a bid means the same whoever else is asked, in studies and where rules are imitated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.learning.config import Imitation, Learner
from agents.learning.experience import Experience
from agents.learning.methods.streams import Streams
from agents.learning.ppo import RolePPO
from agents.rules import RuleNegotiator, prioritizer
from agents.rules.levels import as_levels, borders
from envs.scenario import Scenario
from tests.agents.learning.conftest import both_roles


def test_levels_by_hand() -> None:
    """Protects the meaning of a level: quarters of what was heard; alone or among others a bid has the same one; of nothing heard, two."""
    between = borders(np.arange(9.0), 4)
    assert between.tolist() == [2.0, 4.0, 6.0]
    assert as_levels(np.array([-1.0, 2.0, 3.9, 4.0, 6.0, 99.0]), between).tolist() == [0, 1, 1, 2, 3, 3]
    assert as_levels(np.array([4.0]), between).tolist() == [2]
    assert as_levels(np.array([-1.0, 1.0]), borders(np.zeros(0), 4)).tolist() == [0, 3]


def test_imitated_bids_keep_their_levels(
    contested: Scenario, learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects imitation: over all rounds and worlds a higher bid never has a lower level, and all levels are as common."""
    bids: list[np.ndarray] = []
    labels: list[np.ndarray] = []

    class Overheard(RuleNegotiator):
        """A rule whose bids are written down."""

        def bid(self, observation: np.ndarray) -> np.ndarray:
            """Bid as the rule does."""
            bids.append(super().bid(observation))
            return bids[-1]

    def relabel(experience: Experience, actions: np.ndarray) -> None:
        assert len(actions) == len(experience)
        labels.append(actions)

    monkeypatch.setattr(Experience, "relabel", relabel)
    learner = replace(both_roles(learner), imitation=Imitation(4096, 1))
    learner = replace(learner, rollout=8192)
    levels = contested.negotiation.levels
    models = {
        r: RolePPO(r, contested.candidates, levels, learner.network, learner.update, "cpu") for r in learner.roles
    }
    Streams(contested, learner, (prioritizer("spt"), Overheard("urgency")), models, 0, 1).begin()
    (found,) = labels
    heard = np.concatenate(bids)[
        -len(found) :
    ]  # behind those of the baseline, and those on which columns were measured
    assert len(bids) > 20
    assert len(found) > 500
    assert (np.diff(found[np.argsort(heard, kind="stable")]) >= 0).all()
    np.testing.assert_allclose(np.bincount(found, minlength=levels) / len(found), 1.0 / levels, atol=0.02)
