"""Every record that the kernels touch, described once: static facts, mutable state, rows of observations.

Task and job numbers, options and edges are local to their instance. ``memory.py`` says how kernels reach the records,
``envs/engine/pack.py`` and ``envs/engine/allocate.py`` make them.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from envs.columns import CANDIDATE_NAMES, CONTEST_NAMES, CONTEXT_NAMES
from envs.engine.codes import NUM_TERMS, ROUTE_LENGTH

Records = NDArray[Any]

SITE_ADDRESSES: Final = ("facts", "options", "job_facts", "edges", "befores", "demands", "speeds", "lines", "line")
WORLD_ADDRESSES: Final = (
    "params",
    "sites",
    "tasks",
    "jobs",
    "agents",
    "running",
    "beliefs",
    "reservations",
    "units",
    "pools",
    "live",
    "retrying",
    "order",
    "window",
    "ranked",
    "shown",
    "log",
    "candidates",
    "contexts",
    "masks",
    "negotiations",
    "team",
)

# Static facts -------------------------------------------------------------------------------------------------------

SITE = np.dtype(
    [
        ("facts", "i8"),  # addresses of the instance's first FACTS, OPTION, JOB_FACTS, LINK, LINK, CELL ...
        ("options", "i8"),
        ("job_facts", "i8"),
        ("edges", "i8"),
        ("befores", "i8"),
        ("demands", "i8"),
        ("locals", "i8"),  # [A, R] CELL: units per agent
        ("pools", "i8"),  # [R] CELL: units of shared resources
        ("speeds", "i8"),  # [A, G] SPEED
        ("lines", "i8"),  # [A+1] CELL: where an agent's tasks begin in the next
        ("line", "i8"),  # [T] LINK: tasks by primary agent, the one with most behind it first
        ("firsts", "i8"),  # [A] CELL: first position of an agent's segment of the live list
        ("num_tasks", "i4"),
        ("num_jobs", "i4"),
        ("num_agents", "i4"),
        ("num_resources", "i4"),
    ]
)
FACTS = np.dtype(
    [
        ("nominal", "f8"),  # s, of the primary option
        ("tail", "f8"),  # s, longest path to the end of the job, this task included
        ("head", "f8"),  # s, longest path from the start of the job, this task included
        ("next_work", "f8"),  # s, sum over direct successors
        ("ratio", "f8"),  # realised / nominal of the source
        ("part", "f8"),  # largest share of its primary agent's units that it takes
        ("route_work", "f8", (ROUTE_LENGTH,)),  # s, nominal, of the tasks on the route
        ("job", "i4"),
        ("kind", "i4"),
        ("primary", "i4"),  # agent of the shortest option
        ("successors", "i4"),  # transitive
        ("units", "i4"),  # largest demand
        ("option0", "i4"),  # first option, edge, predecessor; and how many
        ("edge0", "i4"),
        ("before0", "i4"),
        ("options", "i4"),
        ("edges", "i4"),
        ("befores", "i4"),
        ("route", "i4", (ROUTE_LENGTH,)),  # agents where the longest chain of successors runs; NONE behind its end
    ]
)
OPTION = np.dtype([("nominal", "f8"), ("task", "i4"), ("agent", "i4")])
JOB_FACTS = np.dtype(
    [
        ("release", "f8"),
        ("due", "f8"),
        ("weight", "f8"),
        ("path", "f8"),  # s, critical path
        ("total", "f8"),  # s, sum of nominal
        ("length", "f8"),  # s, critical path of what the source says was realised
        ("owner", "i4"),
        ("task0", "i4"),
        ("tasks", "i4"),
        (
            "next_tardy",
            "i4",
        ),  # at position k: the k-th job in the order of becoming tardy, slow, slow by what agents know
        ("next_slow", "i4"),
        ("next_seen_slow", "i4"),
    ]
)
LINK = np.dtype([("task", "i4")])
CELL = np.dtype([("units", "i4")])
SEED = np.dtype([("value", "u8")])
SPEED = np.dtype([("factor", "f8")])
PARAMS = np.dtype(
    [
        ("sigma", "f8"),
        ("fail", "f8"),
        ("retry_delay", "f8"),
        ("uptime", "f8"),
        ("repair", "f8"),
        ("kept", "f8"),
        ("prior_count", "f8"),
        ("prior_std", "f8"),
        ("credits", "f8"),
        ("max_time", "f8"),
        ("flow", "f8"),
        ("tardiness", "f8"),
        ("slowdown", "f8"),
        ("makespan", "f8"),
        ("lease", "f8"),
        ("abandonment", "f8"),
        ("cooperation", "f8"),
        ("max_rounds", "i8"),
        ("max_failures", "i4"),
        ("learn", "?"),
        ("reserve", "?"),
        ("hold", "?"),
        ("backfill", "?"),
        ("blocking", "?"),
        ("passing", "?"),
        ("record", "?"),
    ]
)
# State --------------------------------------------------------------------------------------------------------------

WORLD = np.dtype(
    [
        # addresses: of the scenario's PARAMS, the SITEs, this world's first record of each kind
        *((name, "i8") for name in WORLD_ADDRESSES),
        # of the instance that is being played, copied from its SITE
        *((name, "i8") for name in SITE_ADDRESSES),
        ("num_tasks", "i4"),
        ("num_jobs", "i4"),
        ("num_agents", "i4"),
        ("num_resources", "i4"),
        # of the arrays
        ("max_agents", "i4"),
        ("max_resources", "i4"),
        ("max_kinds", "i4"),
        ("room", "i4"),  # K
        ("log_room", "i8"),
        # the episode
        ("time", "f8"),
        ("scale", "f8"),  # time scale: mean nominal duration of the tasks submitted so far
        ("mean_weight", "f8"),  # of the jobs submitted so far
        (
            "rest",
            "f8",
        ),  # scratch: s, the least that all that is submitted still takes; mean and largest load of an agent
        ("mean_load", "f8"),
        ("most_load", "f8"),
        ("spent", "f8"),  # team cost since the last step
        ("team_cost", "f8"),  # the same, as shown after the last step
        ("price", "f8"),
        ("sum_work", "f8"),  # over submitted jobs
        ("sum_weight", "f8"),
        ("terms", "f8", (NUM_TERMS,)),
        ("seed", "u8"),
        ("steps", "i8"),
        ("log_size", "i8"),
        ("entry", "i4"),  # of the schedule of episodes
        ("episode", "i4"),  # episodes played so far
        ("instance", "i4"),
        ("sum_tasks", "i4"),
        ("submitted", "i4"),  # jobs
        ("tardy", "i4"),  # jobs visited in the order of becoming tardy, slow, slow by what agents know
        ("slow", "i4"),
        ("seen_slow", "i4"),
        ("open_jobs", "i4"),  # of the instance
        ("tasks_done", "i4"),
        ("num_running", "i4"),
        ("num_retrying", "i4"),
        ("num_reserved", "i4"),
        ("round", "i4"),
        ("trouble_agent", "i4"),
        ("trouble", "i1"),
        ("phase", "i1"),
        ("in_epoch", "?"),
        ("dealt", "?"),  # the picks of the round are in
        ("bidden", "?"),  # so are the bids
        ("started", "?"),  # a step has been taken in this episode
        ("terminated", "?"),
        ("truncated", "?"),
        ("still", "?"),  # restored for the decisions of one instant: over once the clock would move
    ]
)
TASK = np.dtype(
    [
        ("progress", "f8"),
        ("ready_time", "f8"),  # while PENDING or RETRYING: not before; then since when it is READY
        ("taken", "f8"),  # scratch: seconds until it is forecast to be over, and who takes it
        ("taker", "i4"),
        ("open", "i4"),
        ("slot", "i4"),  # of RUNNING while it runs
        ("starts", "i2"),
        ("failures", "i2"),
        ("status", "i1"),
    ]
)
JOB = np.dtype([("work", "f8"), ("end", "f8"), ("open", "i4"), ("abandoned", "?")])
AGENT = np.dtype(
    [
        ("flip", "f8"),  # next breakdown, or recovery if down
        ("queue", "f8"),
        ("future", "f8"),
        ("flow", "f8"),
        ("tardy", "f8"),
        ("slow", "f8"),  # by realised lengths: what is charged
        ("seen_slow", "f8"),  # by nominal lengths: what is seen
        ("balance", "f8"),
        ("spent", "f8"),  # own cost since the last step
        ("own_cost", "f8"),  # the same, as shown after the last step
        ("reward", "f8"),
        ("available", "f8"),  # scratch: seconds until it could take another task; and that counting its reservation
        ("booked", "f8"),
        (
            "load",
            "f8",
        ),  # scratch: s, work of its line; nominal work of what is there or soon there, and the number of tasks
        ("coming", "f8"),
        ("comers", "i4"),
        ("bid", "f8"),
        ("share", "f8"),
        ("area", "f8"),
        ("key", "f8"),
        ("best", "f8"),  # scratch: earliest completion among its startable candidates
        (
            "shelf_start",
            "f8",
        ),  # scratch: seconds until the last shelf of its forecast starts, and ends; the share of it that is free
        ("shelf_end", "f8"),
        ("shelf_room", "f8"),
        ("queued", "i4"),
        ("futures", "i4"),
        ("in_system", "i4"),  # jobs
        ("tardies", "i4"),
        ("slows", "i4"),
        ("seen_slows", "i4"),
        ("unfinished", "i4"),  # jobs of the instance
        ("leased", "i4"),  # shared units, all resources
        ("breakdowns", "i4"),
        ("first", "i4"),  # position of its segment in the live list, and how many are in use
        ("live", "i4"),
        ("legal", "i4"),  # candidates
        ("startable", "i4"),
        ("shown", "i4"),
        ("written", "i4"),  # 1 + rows that its prioritizer was shown last; 0: nothing
        ("pick", "i4"),  # option, NONE
        ("place", "i4"),  # of the pick among the shown candidates
        ("pick_start", "?"),
        ("up", "?"),
        ("active", "?"),
        ("filling", "?"),  # backfill mode
        ("acts", "?"),  # its prioritizer is asked
        ("acting", "?"),  # a seat of the role that decides next is asked: an output
        ("bids", "?"),  # takes part in the contest
        ("told", "?"),  # its negotiator was shown something last
        ("passes", "?"),
    ]
)
RUNNING = np.dtype(
    [
        ("ends", "f8"),
        ("expected", "f8"),
        ("began", "f8"),
        ("full", "f8"),
        ("option", "i4"),
        ("task", "i4"),
        ("agent", "i4"),
        ("fails", "?"),
    ]
)
RESERVATION = np.dtype([("start", "f8"), ("option", "i4"), ("task", "i4"), ("agent", "i4")])
BELIEF = np.dtype(
    [("mean", "f8"), ("m2", "f8"), ("factor", "f8"), ("spread", "f8"), ("count", "i4"), ("failures", "i4")]
)
MOMENT = np.dtype([("balance", "f8"), ("active", "?")])
"""Per agent: what no event tells of where a world stands."""
EVENT = np.dtype([("time", "f8"), ("value", "f8"), ("kind", "i4"), ("agent", "i4"), ("job", "i4"), ("task", "i4")])


UNITS = np.dtype([("capacity", "i4"), ("free", "i4"), ("leased", "i4")])
"""Per agent and resource: its own units, and the shared ones that it holds."""
POOL = np.dtype([("capacity", "i4"), ("free", "i4"), ("wanted", "i4"), ("available", "i4"), ("contested", "?")])
"""Of a shared resource; what is wanted by picks, what of it is available, and whether that is a contest, are of the last round."""
LIVE = np.dtype([("estimate", "f8"), ("option", "i4"), ("task", "i4"), ("kind", "i4"), ("mark", "i1"), ("ready", "?")])
"""Per agent a segment of options of READY and soon tasks, ascending, with what a look at them needs; the mark is a scratch of it."""
SHOWN = np.dtype([("estimate", "f8"), ("option", "i4"), ("task", "i4"), ("startable", "?")])
ORDER = np.dtype([("expected", "f8"), ("slot", "i4")])
"""The running tasks by expected end."""
WINDOW = np.dtype([("key", "f8"), ("at", "i4")])
COMPLETION = np.dtype(
    [
        # addresses of compiled deciders, see ``compiled.decide``; 0: the world stops where that role is asked
        *((name, "i8") for name in ("prioritizer", "negotiator")),
        # for them; the engine does not look: addresses of what they know and of their scratch, what they note and what they draw by
        *((name, "i8") for name in ("prioritizer_mind", "negotiator_mind", "scratch", "choices", "noted")),
        ("key", "u8"),
        ("temperature", "f8"),
        # where it stops before the episode's end, beside: when the team's cost reaches the limit, when so many rounds have been played
        ("limit", "f8"),
        ("rounds", "i8"),
        ("given", "i8"),  # rounds that were decided beforehand
        # what came of it
        ("own", "i8"),  # address of [A] AMOUNT: costs of the agents
        ("cost", "f8"),  # of the team
        ("at", "i8"),  # rounds played
        ("decisions", "i8"),
    ]
)
"""How a world plays on by itself, round after round."""
AMOUNT = np.dtype([("value", "f8")])
CALL = np.dtype(
    [
        # addresses: of [B] WORLD, of actions [rows, A], of the schedule [length], of [B] COMPLETION
        *((name, "i8") for name in ("worlds", "picks", "bids", "seeds", "entries", "completions")),
        *((name, "i8") for name in ("num_worlds", "rows", "length")),
        ("auto_reset", "i8"),
        ("command", "i8"),
        ("first", "i8"),
        ("end", "i8"),
        ("ticket", "i8"),  # of the next block of worlds: threads share them out by it
    ]
)
"""What worlds are to do. Python passes one array of whole numbers: numba takes a while to look at an array."""

# Rows that the seats see --------------------------------------------------------------------------------------------

ROW = np.dtype([(name, "f4") for name in CANDIDATE_NAMES])
CONTEXT = np.dtype([(name, "f4") for name in CONTEXT_NAMES])
CONTEST = np.dtype([(name, "f4") for name in CONTEST_NAMES])
NUMBER = np.dtype([("value", "f4")])
FLAG = np.dtype([("value", "?")])
