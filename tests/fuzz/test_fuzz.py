"""A few hundred mutated situations; ``python -m tests.fuzz.run 100000`` tries as many as there is time for."""

from __future__ import annotations

import pytest

from tests.fuzz.mutations import mutated, seeds
from tests.fuzz.run import Fuzz

DOCUMENTS = 300
BROKE = (831,)
"""Documents that broke something once."""


@pytest.fixture(scope="module")
def fuzz() -> Fuzz:
    """Policies that compile little."""
    return Fuzz(("wsrpt+r,drf", "atc,equal", "policies/workflow"))


def test_mutated_situations_are_refused_or_decided(fuzz: Fuzz) -> None:
    """Protects whoever lets strangers ask: no document crashes anything, and no decision is invalid."""
    for number in range(DOCUMENTS):
        fuzz.try_one(number)
    assert fuzz.counts["refused"] > 30
    assert fuzz.counts["decided"] > 30


@pytest.mark.parametrize("number", BROKE)
def test_what_broke_once(number: int, fuzz: Fuzz) -> None:
    """Protects against what a long run found."""
    fuzz.try_one(number)


def test_mutations_can_be_repeated() -> None:
    """Protects reports of long runs: a number says which document it was."""
    documents = seeds()
    assert [mutated(documents, k) for k in range(20)] == [mutated(documents, k) for k in range(20)]
    assert documents == seeds()
