"""A conditional index: the weights of a central index depend on the situation, linearly, and bids have weights of their own.

Still no network: every weight is that of a named term, or of a named term per deviation of a named column of the context, and the
file is the table of them. There are some 150: too many to be tuned by a search of draws, but evolution learns them from nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from agents.protocols import Decider, Mask, Observation
from agents.rules import index
from agents.rules.dispatching import likelihoods, pick_best
from agents.rules.index import LEAST, MOST
from agents.rules.registry import RuleError
from envs.columns import NUM_CANDIDATE, NUM_CONTEXT, Candidate, Contest, Context

FORMAT: Final = 2
"""Of its file; 1 is an index without conditions."""
COPIED, LOG1P, LOG, ROOT, BY_DEMAND = range(5)
"""How a term looks at its column x: x, log(1 + x), log(x), the square root, and log(1 + x) times the shared demand."""
CLIP: Final = 3.0
"""Deviations of a situation count up to so many: what was never seen in training is not extrapolated."""


@dataclass(frozen=True)
class Look:
    """How a column is read."""

    kind: int
    column: int
    spread: float
    """Its deviation in shared clusters, within candidates for terms: the unit of what evolution tries."""
    middle: float = 0.0
    """Its mean there."""


TERMS: Final = {
    "wsrpt": Look(COPIED, Candidate.WSRPT, 0.55),
    "startable": Look(COPIED, Candidate.STARTABLE, 0.34),
    "wait": Look(LOG1P, Candidate.WAIT, 0.19),
    "duration": Look(LOG1P, Candidate.DURATION, 0.39),
    "tail": Look(LOG1P, Candidate.TAIL, 0.47),
    "age_release": Look(LOG1P, Candidate.AGE_RELEASE, 0.62),
    "root_shared_demand": Look(ROOT, Candidate.SHARED_DEMAND, 0.15),
    "shared_area": Look(BY_DEMAND, Candidate.DURATION, 0.21),
    "shared_demand": Look(COPIED, Candidate.SHARED_DEMAND, 0.18),
    "area": Look(LOG1P, Candidate.AREA, 0.26),
    "age_ready": Look(LOG1P, Candidate.AGE_READY, 0.81),
    "successors": Look(LOG1P, Candidate.SUCCESSORS, 0.55),
    "uncertainty": Look(COPIED, Candidate.UNCERTAINTY, 0.03),
    "job_work": Look(LOG1P, Candidate.JOB_WORK, 0.36),
    "log_duration": Look(LOG, Candidate.DURATION, 0.74),
    "shared_fit": Look(LOG1P, Candidate.SHARED_FIT, 0.34),
    "weight": Look(COPIED, Candidate.WEIGHT, 0.28),
    "next_work": Look(LOG1P, Candidate.NEXT_WORK, 0.52),
}
"""What is weighed of a candidate, and of a pick in bids."""
CONDITIONED: Final = 10
"""Terms, the first of them, whose weights depend on the situation."""
CONDITIONS: Final = {
    "queue_mean": Look(LOG1P, Context.QUEUE_MEAN, 0.53, 1.93),
    "shared_free_min": Look(COPIED, Context.SHARED_FREE_MIN, 0.17, 0.19),
    "candidates": Look(COPIED, Context.CANDIDATES, 0.45, 1.69),
    "own_jobs": Look(COPIED, Context.OWN_JOBS, 0.37, 1.41),
    "queue": Look(LOG1P, Context.QUEUE, 0.71, 2.0),
    "shared_free_mean": Look(COPIED, Context.SHARED_FREE_MEAN, 0.19, 0.32),
    "startable": Look(COPIED, Context.STARTABLE, 0.7, 0.9),
    "own_share": Look(COPIED, Context.OWN_SHARE, 0.18, 0.13),
    "next_return": Look(LOG1P, Context.NEXT_RETURN, 0.15, 0.07),
    "future_share": Look(COPIED, Context.FUTURE_SHARE, 0.31, 0.52),
    "agents": Look(COPIED, Context.AGENTS, 0.42, 2.37),
}
"""Columns of the context on which weights depend: of one agent, means over agents and shares, with the number of agents itself."""
CONTEST: Final = {
    "participants": Look(COPIED, Contest.PARTICIPANTS, 0.2, 0.83),
    "key_over_best": Look(COPIED, Contest.KEY_OVER_BEST, 1.4, -1.4),
    "key_over_mean": Look(COPIED, Contest.KEY_OVER_MEAN, 1.06, 0.0),
    "others_demand": Look(COPIED, Contest.OTHERS_DEMAND, 1.5, 2.3),
    "oversubscription": Look(LOG1P, Contest.OVERSUBSCRIPTION, 1.2, 2.3),
    "others_startable": Look(COPIED, Contest.OTHERS_STARTABLE, 0.32, 0.55),
    "share_over_mean": Look(COPIED, Contest.SHARE_OVER_MEAN, 0.17, 0.0),
}
"""Columns of the contest that count in bids."""
TERM_NAMES, CONDITION_NAMES, CONTEST_NAMES = tuple(TERMS), tuple(CONDITIONS), tuple(CONTEST)
T, D, C, X = len(TERMS), CONDITIONED, len(CONDITIONS), len(CONTEST)
"""Sizes: terms, those of them with conditions, conditions, contest."""
TABLES: Final = {"weights": (T,), "conditions": (C, D), "bids": (T,), "contest": (X,)}
"""Of an index: the shape of each table."""
SIZE: Final = T + C * D + T + X
"""Weights of an index in all, in the order of TABLES."""
ROWS: Final = {"conditions": CONDITION_NAMES}
COLUMNS: Final = {"weights": TERM_NAMES, "conditions": TERM_NAMES[:D], "bids": TERM_NAMES, "contest": CONTEST_NAMES}
Floats = NDArray[np.float64]
_KEYS: Final = ("weights", "conditions", "bids", "contest")


def spreads() -> Floats:
    """[SIZE] what a weight multiplies, as it deviates: a weight times this is its effect in comparable units."""
    terms = np.array([look.spread for look in TERMS.values()])
    return np.concatenate((terms, np.tile(terms[:D], C), terms, np.ones(X)))


class Conditional:
    """A conditional index in both places at once: see :class:`agents.protocols.Prioritizer` and :class:`agents.protocols.Negotiator`.

    A candidate is worth the sum over terms of (weight + sum over conditions of its weight there x deviation of the situation) x term; a
    bid is that of the pick, with ``bids`` added to the weights, plus what is weighed of the contest.
    """

    def __init__(self, flat: Floats) -> None:
        """Take all weights [SIZE] in the order of TABLES, in the units of the columns."""
        self.flat = np.array(flat, np.float64)
        """[SIZE]."""
        assert self.flat.shape == (SIZE,)

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """Read tables by name; what a table does not name weighs 0.

        Raises:
            RuleError: for a table, a condition or a column that does not exist, or a weight that is no number, or beyond MOST.
        """
        parts = []
        for table, shape in TABLES.items():
            told = content.get(table, {})
            rows = ROWS.get(table)
            if rows is None:
                parts.append(_row(told, table, COLUMNS[table]))
                continue
            if not isinstance(told, dict) or (set(told) - set(rows)):
                raise RuleError(f"an index's {table} must be by column, of {', '.join(rows)}")
            parts.append(
                np.stack([_row(told.get(name, {}), f"{table}.{name}", COLUMNS[table]) for name in rows]).reshape(
                    np.prod(shape)
                )
            )
        return cls(np.concatenate(parts))

    @cached_property
    def tables(self) -> dict[str, Floats]:
        """The weights by table."""
        parts, at = {}, 0
        for table, shape in TABLES.items():
            parts[table] = self.flat[at : at + int(np.prod(shape))].reshape(shape)
            at += int(np.prod(shape))
        return parts

    def content(self) -> dict[str, Any]:
        """Return the tables by name, as JSON values: ``of`` reads them."""
        told: dict[str, Any] = {}
        for table, values in self.tables.items():
            rows = [
                dict(zip(COLUMNS[table], row.tolist(), strict=True)) for row in values.reshape(-1, len(COLUMNS[table]))
            ]
            told[table] = dict(zip(ROWS[table], rows, strict=True)) if table in ROWS else rows[0]
        return told

    def pick(self, candidates: Observation, context: Observation, mask: Mask) -> NDArray[np.int32]:
        """Return [N] actions in 0..K: the best of all legal candidates."""
        return pick_best(self._worth(candidates, context), mask)

    def scores(self, candidates: Observation, context: Observation, mask: Mask) -> Observation:
        """Return [N, K+1] log-probabilities for searches, see ``likelihoods``."""
        return likelihoods(self._worth(candidates, context), mask)

    def bid(self, observation: Observation) -> Floats:
        """Return [N] what each pick is worth in its contest."""
        weights = self._weights(observation[:, NUM_CANDIDATE:], self.tables["weights"] + self.tables["bids"])
        contest = _deviations(observation[:, NUM_CANDIDATE + NUM_CONTEXT :], CONTEST)
        bids: Floats = np.einsum("nt,nt->n", features(observation), weights) + contest @ self.tables["contest"]
        return bids

    def _worth(self, candidates: Observation, context: Observation) -> Floats:
        worth: Floats = np.einsum("nkt,nt->nk", features(candidates), self._weights(context, self.tables["weights"]))
        return worth

    def _weights(self, context: Observation, base: Floats) -> Floats:
        """[N, T] in each situation."""
        weights = np.tile(base, (len(context), 1))
        weights[:, :D] += _deviations(context, CONDITIONS) @ self.tables["conditions"]
        return weights

    def compile_picks(self) -> Decider:
        """Return the same index, compiled; see :class:`agents.protocols.CompiledPrioritizer`."""
        return _compiled(self.flat, bids=False)

    def compile_bids(self) -> Decider:
        """Return the same index, compiled; see :class:`agents.protocols.CompiledNegotiator`."""
        return _compiled(self.flat, bids=True)


def _compiled(flat: Floats, *, bids: bool) -> Decider:
    from agents.compiled.conditions import Tables  # which imports this module

    return Tables(flat, bids=bids)


def features(rows: Observation) -> Floats:
    """Return [..., T] of candidates, or of what negotiators see, [..., at least NUM_CANDIDATE]."""
    return np.stack([_look(rows, look) for look in TERMS.values()], axis=-1, dtype=np.float64)


def _look(rows: Observation, look: Look) -> Observation:
    x = rows[..., look.column]
    if look.kind == COPIED:
        return x
    if look.kind == LOG:
        return np.log(np.maximum(x, np.float32(LEAST)))
    if look.kind == ROOT:
        return np.sqrt(x)
    return np.log1p(x) if look.kind == LOG1P else np.log1p(x) * rows[..., Candidate.SHARED_DEMAND]


def _deviations(rows: Observation, looks: Mapping[str, Look]) -> Floats:
    """[N, looks] by how many deviations columns are above their middles, up to CLIP."""
    values = np.stack([_look(rows, look) for look in looks.values()], axis=-1, dtype=np.float64)
    middle, spread = (np.array([getattr(look, name) for look in looks.values()]) for name in ("middle", "spread"))
    deviations: Floats = np.clip((values - middle) / spread, -CLIP, CLIP)
    return deviations


def _row(told: object, where: str, names: tuple[str, ...]) -> Floats:
    if not isinstance(told, dict):
        raise RuleError(f"an index's {where} must be an object with weights by column")
    for name, weight in told.items():
        if name not in names:
            raise RuleError(f"an index cannot weigh {name[:40]!r} in {where}, must be one of {', '.join(names)}")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not abs(weight) <= MOST:
            raise RuleError(
                f"an index weighs {name} in {where} by {repr(weight)[:20]}, must be a number in [-{MOST:g}, {MOST:g}]"
            )
    return np.array([float(told.get(name, 0.0)) for name in names])


def load(path: Path) -> index.Index | Conditional:
    """Read an index of either format from its file.

    Raises:
        RuleError: where the file is no index.
    """
    content = index.read(path)
    known = index.FORMAT, FORMAT
    if content.get("format", FORMAT) not in known:
        raise RuleError(
            f"{path}: format is {content['format']!r:.40}, must be {' or '.join(map(str, known))}: another version of Parley wrote it"
        )
    if content.get("format") != FORMAT:
        return index.load(path)
    if unknown := set(content) - {"format", *_KEYS, "training"}:
        raise RuleError(f"{path}: has {sorted(unknown)[0][:40]!r}, must be of format, {', '.join(_KEYS)} and training")
    try:
        return Conditional.of(content)
    except RuleError as error:
        raise RuleError(f"{path}: {error}") from None


def text(policy: Conditional, training: Mapping[str, Any]) -> str:
    """Return the file of an index, with what is known of its training."""
    return json.dumps({"format": FORMAT, **policy.content(), "training": training}, indent=1, allow_nan=False) + "\n"
