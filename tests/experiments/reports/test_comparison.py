"""Comparisons: who is the baseline, what the table says and what the JSON holds."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from agents.evaluation.metrics import Metrics
from agents.evaluation.play import Episodes, Results
from experiments.reports.comparison import Pair, as_json, as_text, compare

TWO = np.arange(2, dtype=np.int32)
"""The instances of two episodes."""


def metrics(flow: float) -> Metrics:
    """The metrics of an episode; one of them does not exist."""
    return Metrics(flow, flow, flow, 0.0, 1.5, 1.2, 99.0, math.nan, 1, 0, (flow, math.nan), (0.5,))


def pair(name: str, rules: bool, costs: list[float]) -> Pair:
    """A prioritizer's results with DRF, 10 decisions an episode and 1000 a second."""
    count = len(costs)
    results = Results(
        np.array(costs), np.zeros((count, 6)), tuple(metrics(cost) for cost in costs), 10 * count, 0.01 * count
    )
    return Pair(name, "drf", rules, results)


@pytest.fixture
def pairs() -> list[Pair]:
    """Two pairs of rules and a trained policy that beats both by a fifth and more."""
    return [pair("spt", True, [20.0, 40.0]), pair("wsrpt", True, [10.0, 20.0]), pair("run/1", False, [8.0, 16.0])]


def test_baseline_is_the_best_pair_of_rules(pairs: list[Pair]) -> None:
    """Protects honest claims: trained policies are compared with the best rules, whoever else took part."""
    comparison = compare(pairs, TWO)
    assert [p.prioritizer for p in comparison.pairs] == ["run/1", "wsrpt", "spt"]
    assert comparison.baseline.prioritizer == "wsrpt"
    assert comparison.means[0] == pytest.approx((-0.2, -0.2, -0.2))
    assert comparison.medians[2] == pytest.approx((1.0, 1.0, 1.0))


def test_without_rules_the_best_is_the_baseline(pairs: list[Pair]) -> None:
    """Protects comparisons among trained policies."""
    assert compare([pairs[2]], TWO).baseline.prioritizer == "run/1"


def test_table(pairs: list[Pair]) -> None:
    """Protects what is printed: one line per pair, the best first, no column that says nothing, and the terms of the comparison."""
    lines = as_text(compare(pairs, TWO)).splitlines()
    best = "run/1 drf 12.00 -20.0 [-20.0, -20.0] -20.0 [-20.0, -20.0] 12.00 1.500 1.200 99.00 2 1,000"
    assert " ".join(lines[2].split()) == best
    assert lines[3].split()[:7] == ["wsrpt", "drf", "15.00", "=", "0", "=", "0"]
    assert "Means over 2 episodes" in lines[5]
    assert "wsrpt with drf" in lines[6]
    assert "95 % intervals are paired, by instance" in lines[6]
    assert "one instance" not in lines[6]


def test_what_has_no_interval_says_why() -> None:
    """Protects from words without numbers: one episode has no interval, and the text says so; those of one instance say that they are."""
    alone = as_text(compare([pair("spt", True, [20.0]), pair("wsrpt", True, [10.0])], TWO[:1]))
    assert "[" not in alone
    assert "95 %" not in alone
    assert "There is no interval: one episode does not tell" in alone
    noisy = as_text(
        compare([pair("spt", True, [20.0, 40.0]), pair("wsrpt", True, [10.0, 25.0])], np.zeros(2, np.int32))
    )
    assert "All episodes are of one instance" in noisy


def test_json(pairs: list[Pair]) -> None:
    """Protects the file: strict JSON in which a number that does not exist is null and infinity a word, with every episode in its place."""

    class Named:
        name = "site"

    episodes = Episodes([Named()], np.zeros(2, np.int32), np.array([7, 2**64 - 1], np.uint64))  # type: ignore[list-item]
    document = json.loads(json.dumps(as_json(compare(pairs, TWO), episodes, {"limits": math.inf}), allow_nan=False))
    assert document["episode_seeds"] == [7, 2**64 - 1]
    assert document["episode_instances"] == ["site", "site"]
    assert document["episode_clusters"] == [0, 0]
    assert document["config"] == {"limits": "inf"}
    best = document["pairs"][0]
    assert best["episodes"]["objective"] == [8, 16]
    assert best["episodes"]["metrics"][1]["flow_by_agent"] == [16, None]
    assert best["episodes"]["terms"]["flow"] == [0, 0]
    assert best["means"]["jain"] is None
    assert best["difference_of_means"]["value"] == pytest.approx(-0.2)
    assert [p["baseline"] for p in document["pairs"]] == [False, True, False]
