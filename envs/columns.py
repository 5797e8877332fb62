"""Names of the observation columns: the one source of truth for the engine, the rules and the networks.

``docs/columns.md`` has the same list with formulas; a test keeps the two together. All times are divided by the *time
scale* (mean nominal duration of the tasks released so far), all amounts by capacity.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Candidate(IntEnum):
    """Columns of one candidate of a prioritizer; also of a negotiator's pick."""

    STARTABLE = 0
    WAIT = 1
    DURATION = 2
    UNCERTAINTY = 3
    TAIL = 4
    HEAD = 5
    JOB_WORK = 6
    JOB_TASKS = 7
    LATEST_FINISH = 8
    SUCCESSORS = 9
    NEXT_WORK = 10
    WEIGHT = 11
    WSRPT = 12
    AGE_READY = 13
    AGE_RELEASE = 14
    TIME_TO_DUE = 15
    SLACK = 16
    ATTEMPTS = 17
    PROGRESS = 18
    LOCAL_DEMAND = 19
    LOCAL_FIT = 20
    SHARED_DEMAND = 21
    SHARED_FIT = 22
    AREA = 23
    ALTERNATIVES = 24
    ELSEWHERE = 25
    FORECAST_NEXT = 26
    FORECAST_END = 27
    NEXT1_QUEUE = 28
    NEXT1_FREE = 29
    NEXT1_FUTURE = 30
    NEXT2_QUEUE = 31
    NEXT2_FREE = 32
    NEXT2_FUTURE = 33
    NEXT3_QUEUE = 34
    NEXT3_FREE = 35
    NEXT3_FUTURE = 36
    DURATION_RANK = 37
    TAIL_RANK = 38
    JOB_WORK_RANK = 39
    WSRPT_RANK = 40
    UNITS = 41
    RELEASE = 42
    PATH_GAP = 43
    PATH_SHARE = 44
    OTHERS_GAP = 45
    LINE_GAP = 46
    LINE_OVER = 47
    NEXT1_LEAD = 48
    NEXT2_LEAD = 49
    NEXT3_LEAD = 50
    NEXT2_WORK = 51
    NEXT3_WORK = 52
    NEXT1_WAITING = 53
    NEXT2_WAITING = 54
    NEXT3_WAITING = 55
    JOB_LOAD = 56
    JOB_PEAK = 57


class Context(IntEnum):
    """Columns of the situation of one agent; both roles see them."""

    CANDIDATES = 0
    STARTABLE = 1
    HIDDEN = 2
    LOCAL_FREE = 3
    SHARED_FREE_MIN = 4
    SHARED_FREE_MEAN = 5
    OWN_SHARE = 6
    TEAM_SHARE = 7
    QUEUE = 8
    QUEUE_MEAN = 9
    QUEUE_MAX = 10
    TIME_TO_FREE = 11
    FUTURE = 12
    FUTURE_SHARE = 13
    RUNNING = 14
    OWN_JOBS = 15
    TEAM_JOBS = 16
    OWN_COST_RATE = 17
    TEAM_COST_RATE = 18
    ACTIVE = 19
    ROUND = 20
    NEXT_RETURN = 21
    DONE = 22
    AGENTS = 23
    TIME_SCALE = 24
    REST = 25
    LINE_SLACK = 26


class Contest(IntEnum):
    """Further columns of a negotiator in a contested round."""

    PARTICIPANTS = 0
    KEY_OVER_BEST = 1
    KEY_OVER_MEAN = 2
    OTHERS_DEMAND = 3
    OVERSUBSCRIPTION = 4
    OTHERS_STARTABLE = 5
    SHARE_OVER_MEAN = 6
    PRICE = 7
    BALANCE = 8


NUM_CANDIDATE: Final = len(Candidate)
NUM_CONTEXT: Final = len(Context)
NUM_CONTEST: Final = len(Contest)
NUM_NEGOTIATION: Final = NUM_CANDIDATE + NUM_CONTEXT + NUM_CONTEST
"""A negotiator sees its pick's columns, then the context, then the contest."""

CANDIDATE_NAMES: Final = tuple(c.name.lower() for c in Candidate)
CONTEXT_NAMES: Final = tuple(c.name.lower() for c in Context)
CONTEST_NAMES: Final = tuple(c.name.lower() for c in Contest)
NEGOTIATION_NAMES: Final = CANDIDATE_NAMES + CONTEXT_NAMES + CONTEST_NAMES

CLIP: Final = 10_000.0
"""Columns are clipped to [-CLIP, CLIP], except the raw ones; an absent due date reads as CLIP."""

RAW_CANDIDATE: Final = (Candidate.UNITS, Candidate.RELEASE)
RAW_CONTEXT: Final = (Context.TIME_SCALE,)
"""Columns with a scale, for published rules that need one (F1); trained networks never read them."""
