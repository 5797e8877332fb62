"""The index: its value by hand, in both places, and files that are none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from agents.protocols import Negotiator, Prioritizer
from agents.rules import Index, RuleError
from agents.rules.index import FILE, load
from envs.columns import NUM_CANDIDATE, NUM_CONTEXT, NUM_NEGOTIATION, Candidate

C = Candidate


def test_index_by_hand() -> None:
    """Protects the formula: plain columns as they are, times as log(1 + x); the same number ranks candidates and bids for a pick."""
    index = Index({"wsrpt": 1.0, "startable": 0.5, "wait": -1.0, "shared_demand": -2.0})
    rows = np.zeros((1, 3, NUM_CANDIDATE), np.float32)
    rows[0, :, C.WSRPT] = -2.0, -1.0, 0.0
    rows[0, :, C.STARTABLE] = 1.0, 0.0, 1.0
    rows[0, :, C.WAIT] = 0.0, np.expm1(0.25), 0.0
    rows[0, :, C.SHARED_DEMAND] = 0.0, 0.0, 1.0
    values = [-1.5, -1.25, -1.5]
    seen = np.zeros((3, NUM_NEGOTIATION), np.float32)
    seen[:, :NUM_CANDIDATE] = rows[0]
    assert index.bid(seen) == pytest.approx(values)
    context, mask = np.zeros((1, NUM_CONTEXT), np.float32), np.array([[True, True, True, False]])
    assert index.pick(rows, context, mask).tolist() == [1]  # the reservation
    assert index.pick(rows, context, mask & [True, False, True, True]).tolist() == [0]  # a tie goes to the lower
    assert index.pick(rows, context, np.array([[False, False, False, True]])).tolist() == [3]
    assert isinstance(index, Prioritizer)
    assert isinstance(index, Negotiator)


def test_an_index_from_its_file(tmp_path: Path) -> None:
    """Protects the artefact: what was written is what plays."""
    (tmp_path / FILE).write_text(json.dumps({"format": 1, "weights": {"tail": 0.25}, "training": {}}), encoding="utf-8")
    assert load(tmp_path / FILE).weights == {"tail": 0.25}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "must be an object with format 1 and weights by column"),
        ('{"format": 2, "weights": {}}', "format is 2, must be 1: another version"),
        ('{"format": 1, "weights": {"colour": 1}}', "an index cannot weigh 'colour', must be one of wsrpt, "),
        (
            '{"format": 1, "weights": {"wait": NaN}}',
            "cannot be read as JSON of at most 65536 bytes: NaN is no number of JSON",
        ),
        ('{"format": 1, "weights": {"wait": 1, "wait": 2}}', "65536 bytes: key 'wait' stands twice in one object"),
        (
            '{"format": 1, "weights": {"wait": 1e999}}',
            "an index weighs wait by inf, must be a number in [-1e+06, 1e+06]",
        ),
        ('{"format": 1, "weights": {"wait": "1"}}', "an index weighs wait by '1', must be a number in [-1e+06, 1e+06]"),
    ],
)
def test_what_is_no_index(text: str, message: str, tmp_path: Path) -> None:
    """Protects users: one line that names the file and what would be right."""
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(RuleError, match=r"index\.json: ") as error:
        load(tmp_path / FILE)
    assert message in str(error.value)
