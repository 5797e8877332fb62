"""Negotiation rules: the order in which each serves some picks is worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from agents.protocols import Negotiator
from agents.rules import NEGOTIATORS, RuleError, negotiator
from envs.columns import CLIP, NUM_CANDIDATE, NUM_NEGOTIATION, Candidate, Context


def seats(**columns: list[float]) -> np.ndarray:
    """Seats of four agents; ``columns`` are given by name, the pick's in lower case, the context's with a prefix ``own_``."""
    shown = len(next(iter(columns.values())))
    observation = np.zeros((shown, NUM_NEGOTIATION), np.float32)
    observation[:, NUM_CANDIDATE + Context.AGENTS] = math.log1p(4)
    for name, values in columns.items():
        place = NUM_CANDIDATE + Context[name.upper()] if name.startswith("own_") else Candidate[name.upper()]
        observation[:, place] = values
    return observation


ORDERS = [
    # 1/4 less what would be held: -0.05, 0.05, -0.65
    ("equal", {"own_share": [0.1, 0.1, 0.4], "shared_demand": [0.2, 0.1, 0.5]}, [1, 0, 2]),
    ("fcfs", {"age_ready": [3, 1, 2]}, [0, 2, 1]),
    ("drf", {"own_share": [0.5, 0.1, 0.3]}, [1, 2, 0]),
    ("urgency", {"wsrpt": [-1, 0.5, -3]}, [1, 0, 2]),
]


@pytest.mark.parametrize(("name", "columns", "order"), ORDERS)
def test_order_by_hand(name: str, columns: dict[str, list[float]], order: list[int]) -> None:
    """Protects each formula: picks are served in the order that its source says."""
    assert np.argsort(-negotiator(name).bid(seats(**columns))).tolist() == order


def test_every_rule_has_an_order_by_hand() -> None:
    """Protects rules that are added later from being left untested."""
    assert {name for name, _, _ in ORDERS} | {"random"} == set(NEGOTIATORS)


def test_equal_bids_nothing_at_the_equal_share() -> None:
    """Protects the zero of ``equal``: who would hold exactly 1 / A bids 0."""
    assert negotiator("equal").bid(seats(own_share=[0.15], shared_demand=[0.10]))[0] == pytest.approx(0.0, abs=1e-6)


def test_close_urgencies_keep_their_order() -> None:
    """Protects the exponential: neighbouring float32 keys still give different bids."""
    key = np.float32(7.5)
    bids = negotiator("urgency").bid(seats(wsrpt=[key, np.nextafter(key, np.float32(8))]))
    assert bids[0] < bids[1]


@pytest.mark.parametrize("name", NEGOTIATORS)
def test_contract(name: str) -> None:
    """Protects the contract with the world: finite float64 bids, one per seat, from an object that is a Negotiator."""
    rule = negotiator(name)
    assert isinstance(rule, Negotiator)
    observation = np.zeros((3, NUM_NEGOTIATION), np.float32)
    observation[1:] = [[CLIP], [-CLIP]]
    observation[:, Candidate.WSRPT] = [0.0, 20.0, -20.0]
    observation[:, NUM_CANDIDATE + Context.AGENTS] = math.log1p(4)
    bids = rule.bid(observation)
    assert bids.shape == (3,)
    assert bids.dtype == np.float64
    assert np.isfinite(bids).all()


def test_random_depends_on_the_seat_and_the_seed_only() -> None:
    """Protects comparisons: a seat bids the same alone and in a batch, another seed bids otherwise."""
    observation = np.random.default_rng(0).random((20, NUM_NEGOTIATION), np.float32)
    together = negotiator("random", seed=3).bid(observation)
    assert together.tolist() == [negotiator("random", seed=3).bid(observation[i : i + 1])[0] for i in range(20)]
    assert len(set(together)) == 20
    assert not np.isin(together, negotiator("random", seed=4).bid(observation)).any()


def test_unknown_name() -> None:
    """Protects the user from guessing: the error names what is close and all that there is."""
    with pytest.raises(
        RuleError, match=r"unknown negotiator rule 'urgent'\. Did you mean urgency\? Known: random, equal"
    ):
        negotiator("urgent")
