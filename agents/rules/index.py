"""A central index: one weighted sum of named columns ranks every candidate and, as its bid, every pick.

What is left of both roles without networks: a handful of numbers that a search can tune (``experiments/tune.py``) and anybody can read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agents.protocols import Decider, Mask, Observation
from agents.rules.dispatching import likelihoods, pick_best
from agents.rules.registry import RuleError
from envs import strict_json
from envs.columns import Candidate

FORMAT: Final = 1
FILE: Final = "index.json"
"""In the folder of an index."""
MAX_BYTES: Final = 2**16
PLAIN: Final = (Candidate.WSRPT, Candidate.STARTABLE, Candidate.SHARED_DEMAND)
"""Columns that count as they are: a logarithm, a flag and a share."""
TIMES: Final = (Candidate.WAIT, Candidate.DURATION, Candidate.TAIL, Candidate.AGE_RELEASE)
"""Columns of which log(1 + x) counts."""
LOGS: Final = (Candidate.DURATION, Candidate.AREA)
"""Columns of which log(x) counts, x at least LEAST: what tells a second from a minute where the mean job takes hours."""
ROOTS: Final = (Candidate.SHARED_DEMAND,)
"""Columns of which the square root counts: what tells small shares apart without large ones ruling everything."""
LEAST: Final = 1e-4
MOST: Final = 1e6
"""Largest weight: sums stay far from where numbers end."""
COLUMNS: Final = (
    *(column.name.lower() for column in (*PLAIN, *TIMES)),
    *(f"log_{column.name.lower()}" for column in LOGS),
    *(f"root_{column.name.lower()}" for column in ROOTS),
)
"""What an index may weigh, in the order of ``features``."""


def features(rows: Observation) -> NDArray[np.float64]:
    """Return [..., COLUMNS] of candidates, or of what negotiators see, [..., at least NUM_CANDIDATE]."""
    logs = np.log(np.maximum(rows[..., LOGS], LEAST))
    parts = rows[..., PLAIN], np.log1p(rows[..., TIMES]), logs, np.sqrt(rows[..., ROOTS])
    return np.concatenate(parts, axis=-1, dtype=np.float64)


class Index:
    """An index in both places at once: see :class:`agents.protocols.Prioritizer` and :class:`agents.protocols.Negotiator`.

    It may reserve: how much a candidate must gain by waiting is in the weights of ``startable`` and ``wait``.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        """Weigh columns by name; those without a weight do not count.

        Raises:
            RuleError: for a column that is none of COLUMNS, or a weight that is no number, or beyond MOST.
        """
        for name, weight in weights.items():
            if name not in COLUMNS:
                raise RuleError(f"an index cannot weigh {name[:40]!r}, must be one of {', '.join(COLUMNS)}")
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not abs(weight) <= MOST:
                raise RuleError(
                    f"an index weighs {name} by {repr(weight)[:20]}, must be a number in [-{MOST:g}, {MOST:g}]"
                )
        self.weights = dict(weights)
        self._weights = np.array([weights.get(name, 0.0) for name in COLUMNS])

    def pick(self, candidates: Observation, context: Observation, mask: Mask) -> NDArray[np.int32]:
        """Return [N] actions in 0..K: the best of all legal candidates."""
        return pick_best(features(candidates) @ self._weights, mask)

    def scores(self, candidates: Observation, context: Observation, mask: Mask) -> Observation:
        """Return [N, K+1] log-probabilities for searches, see ``likelihoods``."""
        return likelihoods(features(candidates) @ self._weights, mask)

    def values(self, candidates: Observation, context: Observation) -> NDArray[np.float64]:
        """Return [N, K] what it ranks candidates by, the highest first."""
        values: NDArray[np.float64] = features(candidates) @ self._weights
        return values

    def bid(self, observation: Observation) -> NDArray[np.float64]:
        """Return [N] the index of each pick."""
        bids: NDArray[np.float64] = features(observation) @ self._weights
        return bids

    def compile_picks(self) -> Decider:
        """Return the same index, compiled; see :class:`agents.protocols.CompiledPrioritizer`."""
        return self._compile(bids=False)

    def compile_bids(self) -> Decider:
        """Return the same index, compiled; see :class:`agents.protocols.CompiledNegotiator`."""
        return self._compile(bids=True)

    def _compile(self, *, bids: bool) -> Decider:
        from agents.compiled.weighing import Weights  # which imports this module

        return Weights(self._weights, bids=bids)


def read(path: Path) -> dict[str, Any]:
    """Return what is in the file of an index of any format.

    Raises:
        RuleError: where it cannot be that.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("larger than that")
        content: Any = strict_json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RuleError(f"{path}: cannot be read as JSON of at most {MAX_BYTES} bytes: {error}") from None
    if not isinstance(content, dict):
        raise RuleError(f"{path}: must be an object with format {FORMAT} and weights by column")
    return content


def load(path: Path) -> Index:
    """Read an index without conditions from its file.

    Raises:
        RuleError: where the file is no such index.
    """
    content = read(path)
    if content.get("format", FORMAT) != FORMAT:
        raise RuleError(
            f"{path}: format is {content['format']!r:.40}, must be {FORMAT}: another version of Parley wrote it"
        )
    if "format" not in content or not isinstance(content.get("weights"), dict):
        raise RuleError(f"{path}: must be an object with format {FORMAT} and weights by column")
    try:
        return Index(content["weights"])
    except RuleError as error:
        raise RuleError(f"{path}: {error}") from None
