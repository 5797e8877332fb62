"""Prioritization rules: each choice is worked out by hand from the columns that the test writes down."""

from __future__ import annotations

import numpy as np
import pytest

from agents.protocols import Prioritizer
from agents.rules import PRIORITIZERS, RuleError, prioritizer
from envs.columns import CLIP, NUM_CANDIDATE, NUM_CONTEXT, Candidate, Context

SLOTS = 5
C = Candidate


def seat(columns: dict[Candidate, list[float]], time_scale: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One seat with SLOTS places; all candidates of ``columns`` are startable and weigh 1 unless it says otherwise."""
    shown = len(next(iter(columns.values())))
    candidates = np.zeros((1, SLOTS, NUM_CANDIDATE), np.float32)
    candidates[0, :shown, [C.STARTABLE, C.WEIGHT]] = 1.0
    for column, values in columns.items():
        candidates[0, :shown, column] = values
    context = np.zeros((1, NUM_CONTEXT), np.float32)
    context[0, Context.TIME_SCALE] = time_scale
    mask = np.zeros((1, SLOTS + 1), bool)
    mask[0, :shown] = True
    return candidates, context, mask


CHOICES = [
    (
        "fifo",
        {C.AGE_RELEASE: [2, 5, 5], C.AGE_READY: [2, 1, 3]},
        2,
    ),  # released first: 1 and 2; of these 2 is ready for longer
    ("spt", {C.DURATION: [3, 1, 2]}, 1),
    ("lpt", {C.DURATION: [3, 1, 2]}, 0),
    ("edd", {C.TIME_TO_DUE: [4, -1, CLIP]}, 1),
    ("wspt", {C.WEIGHT: [1, 4, 9], C.DURATION: [1, 2, 5]}, 1),  # 1, 2, 1.8
    ("wsrpt", {C.WSRPT: [-1, -0.5, -2]}, 1),
    # mean p = 2, k x mean = 4: log w/p - slack+/4 = 0 - 2, -log 2 - 0.25, -log 3 - 0 (late by 5: no bonus)
    ("atc", {C.DURATION: [1, 2, 3], C.SLACK: [8, 1, -5]}, 1),
    ("slack", {C.SLACK: [3, -2, CLIP]}, 1),
    ("mwkr", {C.JOB_WORK: [7, 9, 8]}, 1),
    ("mor", {C.JOB_TASKS: [3, 2, 6]}, 2),
    ("fdd_mwkr", {C.HEAD: [2, 6, 3], C.JOB_WORK: [4, 20, 5]}, 1),  # 0.5, 0.3, 0.6
    ("critical_path", {C.TAIL: [7, 9, 8]}, 1),
    ("lft", {C.LATEST_FINISH: [5, 6, 4]}, 2),
    ("lst", {C.LATEST_FINISH: [5, 6, 4], C.DURATION: [1, 5, 1]}, 1),  # 4, 1, 3
    ("lst", {C.LATEST_FINISH: [40 / 7, 34 / 7], C.DURATION: [9 / 7, 3 / 7]}, 0),  # a tie, which float32 would break
    ("mts", {C.SUCCESSORS: [0, 3, 2]}, 1),
    ("saf", {C.AREA: [0.5, 0.2, 0.3]}, 1),
    # scale 10 s, so p = 10, 100, 1000 s and release = 100, 10, 10 s: 1 x 8 + 870 x 2, 2 x 4 + 870, 3 x 2 + 870
    ("f1", {C.DURATION: [1, 10, 100], C.UNITS: [8, 4, 2], C.RELEASE: [10, 1, 1]}, 2),
]


@pytest.mark.parametrize(("name", "columns", "best"), CHOICES)
def test_choice_by_hand(name: str, columns: dict[Candidate, list[float]], best: int) -> None:
    """Protects each formula: the candidate that its source would choose is chosen."""
    assert prioritizer(name).pick(*seat(columns, time_scale=10.0)).tolist() == [best]


def test_every_rule_has_a_choice_by_hand() -> None:
    """Protects rules that are added later from being left untested."""
    assert {name for name, _, _ in CHOICES} | {"random"} == set(PRIORITIZERS)


@pytest.mark.parametrize("name", [name for name in PRIORITIZERS if name != "random"])
def test_ties_go_to_the_lowest_candidate(name: str) -> None:
    """Protects the stated order: equal candidates are served by task index."""
    assert prioritizer(name).pick(*seat({C.DURATION: [2, 2, 2]})).tolist() == [0]


@pytest.mark.parametrize("name", PRIORITIZERS)
@pytest.mark.parametrize("value", [0.0, CLIP, -CLIP])
def test_scores_are_finite(name: str, value: float) -> None:
    """Protects argmax from NaN at the corners of the columns: all zero and clipped at either end."""
    candidates = np.full((2, SLOTS, NUM_CANDIDATE), value, np.float32)
    scores = PRIORITIZERS[name](candidates, np.full((2, NUM_CONTEXT), value, np.float32))
    assert scores.shape == (2, SLOTS)
    assert scores.dtype == np.float64
    assert np.isfinite(scores).all()


def test_reserving() -> None:
    """Protects the ways of waiting: ``spt`` and ``spt+w`` start the best that can start, ``spt+r`` keeps its place for the best of all."""
    view = seat({C.DURATION: [3, 1, 2], C.STARTABLE: [1, 0, 1]})
    assert prioritizer("spt").pick(*view).tolist() == [2]
    assert prioritizer("spt+w").pick(*view).tolist() == [2]
    assert prioritizer("spt+r").pick(*view).tolist() == [1]
    assert [prioritizer("spt" + ending).reserving for ending in ("", "+p", "+w", "+r")] == [False, False, True, True]


def test_nothing_startable() -> None:
    """Protects a rule that does not reserve: it passes where it may, and otherwise takes the best reservation."""
    candidates, context, mask = seat({C.DURATION: [3, 1], C.STARTABLE: [0, 0]})
    assert prioritizer("spt").pick(candidates, context, mask).tolist() == [1]
    mask[0, SLOTS] = True
    assert prioritizer("spt").pick(candidates, context, mask).tolist() == [SLOTS]
    assert prioritizer("spt+r").pick(candidates, context, mask).tolist() == [1]


def test_leaving() -> None:
    """Protects a rule that leaves tasks to better agents: all that the forecast does not have it start now."""
    candidates, context, mask = seat({C.DURATION: [2, 4, 6], C.FORECAST_NEXT: [0, 1, 0]})
    assert prioritizer("spt+p").pick(candidates, context, mask).tolist() == [1]
    candidates[0, :3, C.FORECAST_NEXT] = 0
    assert prioritizer("spt+p").pick(candidates, context, mask).tolist() == [0]  # it may not pass
    mask[0, SLOTS] = True
    assert prioritizer("spt+p").pick(candidates, context, mask).tolist() == [SLOTS]
    assert prioritizer("spt").pick(candidates, context, mask).tolist() == [0]


@pytest.mark.parametrize("name", ["spt", "spt+r", "spt+w", "spt+p"])
def test_illegal_candidates_are_never_picked(name: str) -> None:
    """Protects the mask: the best score does not count where the mask forbids it, and without candidates the no-op is left."""
    candidates, context, mask = seat({C.DURATION: [3, 1]})
    mask[0, 1] = False
    assert prioritizer(name).pick(candidates, context, mask).tolist() == [0]
    mask[0] = [False] * SLOTS + [True]
    assert prioritizer(name).pick(candidates, context, mask).tolist() == [SLOTS]


def random_views(seats: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Many different seats whose candidates are all startable."""
    rng = np.random.default_rng(0)
    candidates = rng.random((seats, SLOTS, NUM_CANDIDATE), np.float32)
    return candidates, rng.random((seats, NUM_CONTEXT), np.float32), np.ones((seats, SLOTS + 1), bool)


def test_random_does_not_depend_on_the_batch() -> None:
    """Protects comparisons: a seat gets the same pick alone, in any batch and with a wider window."""
    candidates, context, mask = random_views(50)
    mask[:, SLOTS] = False
    rule = prioritizer("random", seed=3)
    together = rule.pick(candidates, context, mask)
    alone = [rule.pick(candidates[i : i + 1], context[i : i + 1], mask[i : i + 1])[0] for i in range(50)]
    wide_mask = np.concatenate([mask, np.zeros((50, 2), bool)], axis=1)
    wide = rule.pick(np.pad(candidates, ((0, 0), (0, 2), (0, 0))), context, wide_mask)
    assert together.tolist() == alone == wide.tolist()


def test_random_is_even_and_follows_its_seed() -> None:
    """Protects the baseline "random": every place is picked about equally often, and another seed picks otherwise."""
    view = random_views(5000)
    picks = prioritizer("random", seed=1).pick(*view)
    counts = np.bincount(picks, minlength=SLOTS)
    assert np.abs(counts - 1000).max() < 150  # 5 standard deviations of a binomial(5000, 1/5) are 141
    assert (picks == prioritizer("random", seed=1).pick(*view)).all()
    assert np.mean(picks == prioritizer("random", seed=2).pick(*view)) < 0.3


def test_dtype_and_protocol() -> None:
    """Protects the contract with the world: int32 actions, from an object that is a Prioritizer."""
    rule = prioritizer("spt")
    assert isinstance(rule, Prioritizer)
    assert rule.pick(*random_views(3)).dtype == np.int32


def test_unknown_name() -> None:
    """Protects the user from guessing: the error names what is close and all that there is."""
    with pytest.raises(
        RuleError, match=r"unknown prioritizer rule 'wsprt'\. Did you mean .*wsrpt.*Known: random, fifo"
    ):
        prioritizer("wsprt+r")
