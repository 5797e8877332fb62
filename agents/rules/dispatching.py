"""Prioritization by formula: each rule scores the candidates of N seats from the columns that networks see too.

A rule takes candidates [N, K, NUM_CANDIDATE] and context [N, NUM_CONTEXT] and returns float64 [N, K]; the highest score
wins, ties go to the lowest candidate, which is the lowest task. Times below are in units of the time scale, the same for
all candidates of a seat; rows of absent candidates are 0, and their scores mean nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.protocols import Mask, Observation
from agents.rules.registry import GOLDEN, lookup, mix, register, seen_hash, uniform
from envs.columns import Candidate, Context

Scores = NDArray[np.float64]
Score = Callable[[Observation, Observation], Scores]

RESERVING: Final = "+r"
"""Ending of a rule's name: it may also pick, and so reserve, what cannot start yet."""
WAITING: Final = "+w"
"""Ending of a rule's name: it reserves, but only where nothing can start."""
LEAVING: Final = "+p"
"""Ending of a rule's name: it passes, where it may, rather than start what the forecast does not have it start now."""
ENDINGS: Final = (RESERVING, WAITING, LEAVING)
SMALLEST_WORK: Final = 0.001
"""Work counts for at least this much where a rule divides by it, as in the column ``wsrpt``."""
ATC_LOOKAHEAD: Final = 2.0
"""k of ATC; Vepsalainen and Morton found 1.5 to 3 good."""
TELLING_DECIMALS: Final = 3
"""Decimals of a difference of two columns; later ones are noise of float32, and would break ties at random."""
STEEPNESS: Final = 2.0
"""By how much the logarithm of its probability falls from one candidate to the next where a search draws from a ranking: the best of
1, 1.5, 2 and 3 for the best of 64 samples by FDD/MWKR and by MWKR on generated job shops of 15x15."""
F1_SMALLEST: Final = 0.1
"""Seconds that stand for 0 in F1's logarithms, as in the published implementation (Zhang et al. 2020, RLScheduler)."""

PRIORITIZERS: Final[dict[str, Score]] = {}
rule = register(PRIORITIZERS)


@rule
def random(candidates: Observation, context: Observation, seed: int = 0) -> Scores:
    """Any candidate, evenly: a hash of the seed and of what the seat sees, so that equal situations get equal picks."""
    index = np.arange(1, candidates.shape[1] + 1, dtype=np.uint64) * np.uint64(GOLDEN)
    return uniform(mix(seen_hash(seed, candidates, context)[:, None] + index))


@rule
def fifo(candidates: Observation, context: Observation) -> Scores:
    """First in, first out: the earliest release of the job, then the earliest ready task (Conway, Maxwell, Miller 1967)."""
    index = np.broadcast_to(np.arange(candidates.shape[1]), candidates.shape[:2])
    worst_first = np.lexsort((-index, candidates[..., Candidate.AGE_READY], candidates[..., Candidate.AGE_RELEASE]))
    return np.argsort(worst_first, axis=-1).astype(np.float64)


@rule
def spt(candidates: Observation, context: Observation) -> Scores:
    """Shortest processing time: min p (Smith 1956)."""
    return -_column(candidates, Candidate.DURATION)


@rule
def lpt(candidates: Observation, context: Observation) -> Scores:
    """Longest processing time: max p (Graham 1969)."""
    return _column(candidates, Candidate.DURATION)


@rule
def edd(candidates: Observation, context: Observation) -> Scores:
    """Earliest due date: min d (Jackson 1955); jobs without one come last."""
    return -_column(candidates, Candidate.TIME_TO_DUE)


@rule
def wspt(candidates: Observation, context: Observation) -> Scores:
    """Weighted shortest processing time: max w / p (Smith 1956)."""
    return _column(candidates, Candidate.WEIGHT) / np.maximum(_column(candidates, Candidate.DURATION), SMALLEST_WORK)


@rule
def wsrpt(candidates: Observation, context: Observation) -> Scores:
    """Weighted shortest remaining processing time: max w / work left in the job (Schrage and Miller 1966, weighted)."""
    return _column(candidates, Candidate.WSRPT)


@rule
def atc(candidates: Observation, context: Observation) -> Scores:
    """Apparent tardiness cost: max w / p x exp(-max(0, slack) / (k x mean p)), as its logarithm (Vepsalainen, Morton 1987).

    Slack is the time to the due date less the longest path of work left; the mean is over the seat's candidates.
    """
    duration = np.maximum(_column(candidates, Candidate.DURATION), SMALLEST_WORK)
    weight = _column(candidates, Candidate.WEIGHT)
    present = weight > 0
    mean: Scores = np.sum(duration * present, axis=1, keepdims=True) / np.maximum(present.sum(axis=1, keepdims=True), 1)
    early = np.maximum(_column(candidates, Candidate.SLACK), 0.0)
    return np.log(np.where(present, weight, 1.0) / duration) - early / (ATC_LOOKAHEAD * np.maximum(mean, SMALLEST_WORK))


@rule
def slack(candidates: Observation, context: Observation) -> Scores:
    """Least slack: min due date - now - longest path of work left (Panwalkar and Iskander 1977)."""
    return -_column(candidates, Candidate.SLACK)


@rule
def mwkr(candidates: Observation, context: Observation) -> Scores:
    """Most work remaining in the job (Conway, Maxwell, Miller 1967)."""
    return _column(candidates, Candidate.JOB_WORK)


@rule
def mor(candidates: Observation, context: Observation) -> Scores:
    """Most operations remaining in the job (Conway, Maxwell, Miller 1967)."""
    return _column(candidates, Candidate.JOB_TASKS)


@rule
def fdd_mwkr(candidates: Observation, context: Observation) -> Scores:
    """Flow due date over most work remaining: min FDD / MWKR, both with the task's own duration (Sels, Gheysen, Vanhoucke 2012).

    FDD is the earliest completion of the task counted from its job's release.
    """
    return -_column(candidates, Candidate.HEAD) / np.maximum(_column(candidates, Candidate.JOB_WORK), SMALLEST_WORK)


@rule
def critical_path(candidates: Observation, context: Observation) -> Scores:
    """Longest path of work from the task to its job's end: HEFT's upward rank (Topcuoglu, Hariri, Wu 2002)."""
    return _column(candidates, Candidate.TAIL)


@rule
def lft(candidates: Observation, context: Observation) -> Scores:
    """Earliest of the latest finish times that keep to the job's critical path (Davis and Patterson 1975)."""
    return -_column(candidates, Candidate.LATEST_FINISH)


@rule
def lst(candidates: Observation, context: Observation) -> Scores:
    """Earliest of the latest start times: latest finish - duration (Kolisch 1996)."""
    return np.round(
        _column(candidates, Candidate.DURATION) - _column(candidates, Candidate.LATEST_FINISH), TELLING_DECIMALS
    )


@rule
def mts(candidates: Observation, context: Observation) -> Scores:
    """Most total successors (Alvarez-Valdes and Tamarit 1989)."""
    return _column(candidates, Candidate.SUCCESSORS)


@rule
def saf(candidates: Observation, context: Observation) -> Scores:
    """Smallest area first: min demand x p (Legrand, Trystram, Zrigui 2019)."""
    return -_column(candidates, Candidate.AREA)


@rule
def f1(candidates: Observation, context: Observation) -> Scores:
    """F1: min log10(p) x units + 870 x log10(release), in seconds and units (Carastan-Santos and de Camargo 2017)."""
    seconds = context[:, Context.TIME_SCALE, None].astype(np.float64)
    duration = np.maximum(_column(candidates, Candidate.DURATION) * seconds, F1_SMALLEST)
    release = np.maximum(_column(candidates, Candidate.RELEASE) * seconds, F1_SMALLEST)
    return -(np.log10(duration) * _column(candidates, Candidate.UNITS) + 870.0 * np.log10(release))


class RulePrioritizer:
    """A rule in the prioritizer's place; see :class:`agents.protocols.Prioritizer`.

    It picks the best of what can start now; where nothing can, it passes, and where it may not, it reserves the best: in queues that
    block, and in worlds that are not made by ``agents.protocols.rules_of_play``. A *waiting* one means to reserve there, and plays with
    reservations. A *reserving* one picks the best of all candidates and keeps its place where that cannot start yet. A *leaving* one
    starts only what the forecast has it start now; where nothing of that kind is left, it passes.
    """

    def __init__(self, name: str, ending: str = "", seed: int = 0) -> None:
        """Take the rule called ``name``, with one of ENDINGS; only ``random`` reads the seed. Raises RuleError for an unknown name."""
        self.reserving = ending in (RESERVING, WAITING)
        """Whether it ever means to reserve."""
        self._best_of_all, self._leaving = ending == RESERVING, ending == LEAVING
        score = lookup("prioritizer", name, PRIORITIZERS)
        self._score: Score = (
            score if score is not random else lambda candidates, context: random(candidates, context, seed)
        )

    def pick(self, candidates: Observation, context: Observation, mask: Mask) -> NDArray[np.int32]:
        """Return [N] actions in 0..K."""
        return pick_best(self._score(candidates, context), self._eligible(candidates, mask))

    def scores(self, candidates: Observation, context: Observation, mask: Mask) -> Observation:
        """Return [N, K+1] log-probabilities for searches, see ``likelihoods``: of nothing but what the rule may pick."""
        return likelihoods(self._score(candidates, context), self._eligible(candidates, mask))

    def _eligible(self, candidates: Observation, mask: Mask) -> Mask:
        """[N, K] what the rule chooses from."""
        no_op = candidates.shape[1]
        legal, may_pass = mask[:, :no_op], mask[:, no_op:]
        startable = legal & (candidates[..., Candidate.STARTABLE] > 0)
        eligible = (
            legal if self._best_of_all else np.where(startable.any(axis=1, keepdims=True), startable, legal & ~may_pass)
        )
        if self._leaving:
            kept = eligible & (candidates[..., Candidate.FORECAST_NEXT] > 0)
            eligible = np.where(kept.any(axis=1, keepdims=True) | may_pass, kept, eligible)
        return eligible

    def values(self, candidates: Observation, context: Observation) -> Scores:
        """Return [N, K] what it ranks candidates by, the highest first."""
        return self._score(candidates, context)


def split(name: str) -> tuple[str, str]:
    """Return a rule's name without its ending, and the ending: one of ENDINGS or nothing."""
    ending = next((ending for ending in ENDINGS if name.endswith(ending)), "")
    return name.removesuffix(ending), ending


def pick_best(scores: Scores, eligible: Mask) -> NDArray[np.int32]:
    """Return [N] the best of the eligible among the K candidates that are scored, [N, K], or K where none is."""
    count = scores.shape[1]
    eligible = eligible[:, :count]
    best: NDArray[np.intp] = np.where(eligible, scores, -np.inf).argmax(axis=1)
    return np.where(eligible.any(axis=1), best, count).astype(np.int32)


def likelihoods(scores: Scores, eligible: Mask) -> Observation:
    """Return [N, K+1] log-probabilities for whoever ranks candidates [N, K] and has none: what they are drawn by, and tried in order of.

    Each next one of the eligible is exp(-STEEPNESS) times as likely as the one before, whatever unit its score has; of equal scores the
    first comes first. All others are never drawn; where nothing is eligible, the last action, to pass, is all there is.
    """
    count = scores.shape[1]
    eligible = eligible[:, :count]
    order = np.lexsort((-scores, ~eligible))
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(count)[None], axis=1)
    logits = np.where(eligible, -STEEPNESS * rank, -np.inf)
    passes = np.where(eligible.any(axis=1), -np.inf, 0.0)
    logits = np.concatenate([logits, passes[:, None]], axis=1)
    normal: Observation = (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)
    return normal


def prioritizer(name: str, seed: int = 0) -> RulePrioritizer:
    """Return the rule called ``name``, whose ending may be one of ENDINGS: ``spt``, ``spt+r``.

    Raises:
        RuleError: where there is no such rule.
    """
    rule, ending = split(name)
    return RulePrioritizer(rule, ending, seed)


def _column(candidates: Observation, name: Candidate) -> Scores:
    return candidates[..., name].astype(np.float64)
