"""What compiled deciders know, described once: records that point to blocks of float32 numbers, weights in the order of their use."""

from __future__ import annotations

from typing import Final

import numpy as np

SPARE: Final = 4
"""Rows behind the last that may be written."""
COPIED, LOG1P, LOG, ROOT = range(4)
"""How an index looks at a column."""
READER: Final = np.dtype(
    [
        ("columns", "i8"),  # [plain] PLACE: which are read
        ("mean", "i8"),  # [size] float32, as many as fill whole vectors
        ("scale", "i8"),
        ("terms", "i8"),  # [guides] TERM
        ("plain", "i4"),
        ("depth", "i4"),  # with one more column behind the plain ones, where an index guides
        ("guides", "i4"),  # terms of the index
        ("size", "i4"),  # plain columns and terms, in whole vectors
        ("clip", "f4"),
    ]
)
"""A standardiser without the columns that never varied, which read as 0."""
PLACE: Final = np.dtype([("column", "i4")])
TERM: Final = np.dtype([("kind", "i4"), ("column", "i4"), ("weight", "f4")])
PRIORITIZER_MIND: Final = np.dtype(
    [
        ("rows", "i8"),  # addresses of two READERs
        ("context", "i8"),
        ("of_candidate", "i8"),  # of layers
        ("of_context", "i8"),
        ("of_candidate_bias", "i8"),
        ("second", "i8"),
        ("second_bias", "i8"),
        ("of_pooled", "i8"),
        ("third", "i8"),
        ("third_bias", "i8"),
        ("score", "i8"),  # [units]
        ("score_pass", "i8"),
        ("zero", "i8"),  # [units]
        ("units", "i4"),  # in whole vectors
        ("pass_bias", "f4"),
        ("gain", "f4"),
    ]
)
NEGOTIATOR_MIND: Final = np.dtype(
    [
        ("context", "i8"),
        ("first", "i8"),
        ("first_bias", "i8"),
        ("second", "i8"),
        ("second_bias", "i8"),
        ("score", "i8"),  # [heads, units]
        ("score_bias", "i8"),
        ("units", "i4"),
        ("heads", "i4"),  # 1 score, or one of each level
        ("levels", "i4"),
        ("gain", "f4"),
    ]
)
