"""What lies ahead where the makespan counts: the least that is still to come, and what a choice does to it.

Bounds as in branch and bound for job shops (Carlier and Pinson 1989): the longest path, and each agent's line of work with what comes
behind it.
"""

from __future__ import annotations

from math import inf, log1p

from envs.engine.candidates import is_reserved
from envs.engine.codes import NONE, Status
from envs.engine.compiled import Record, kernel
from envs.engine.knowledge import estimate, remaining_end
from envs.engine.memory import (
    agent_of,
    cell,
    facts_of,
    job_facts_of,
    line_of,
    option_of,
    reservation_of,
    row_of,
    running_of,
    task_of,
)
from envs.engine.observation import clip
from envs.engine.queues import running_predecessor

_PENDING, _READY, _RETRYING = int(Status.PENDING), int(Status.READY), int(Status.RETRYING)


@kernel
def _is_open(w: Record, t: int) -> bool:
    """Whether a task that agents know of is still to be started."""
    status = task_of(w, t).status
    return status in (_READY, _RETRYING) or (status == _PENDING and facts_of(w, t).job < w.submitted)


@kernel
def look_out(w: Record) -> None:
    """Note of every agent how long it is booked, its load and what is coming to it; and the rest: the least that is still to come."""
    rest = all_load = most = 0.0
    for k in range(w.num_running):
        facts = facts_of(w, running_of(w, k).task)
        rest = max(rest, remaining_end(w, k) - w.time + (facts.tail - facts.nominal))
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        agent.booked = agent.available
        load = coming = 0.0
        comers = 0
        for k in range(cell(w.lines, a), cell(w.lines, a + 1)):
            t = line_of(w, k)
            if not _is_open(w, t):
                continue
            facts = facts_of(w, t)
            rest = max(rest, facts.tail)
            load += facts.nominal * facts.part
            status = task_of(w, t).status
            if (status == _READY or running_predecessor(w, t) != NONE) and not is_reserved(w, t):
                coming += facts.nominal
                comers += 1
        agent.load, agent.coming, agent.comers = load, coming, comers
        all_load += load
        most = max(most, load)
        rest = max(rest, agent.available + load)
    for k in range(w.num_reserved):
        held = reservation_of(w, k)
        agent = agent_of(w, held.agent)
        agent.booked = max(agent.booked, held.start - w.time + estimate(w, option_of(w, held.option)))
    w.rest, w.mean_load, w.most_load = rest, all_load / w.num_agents, most


@kernel
def _line_end(w: Record, a: int, t: int, wait: float, est: float) -> float:
    """Return the seconds until all of an agent's line is over at the least, if it takes task t first."""
    end = wait + est * facts_of(w, t).part
    least = wait + facts_of(w, t).tail
    for k in range(cell(w.lines, a), cell(w.lines, a + 1)):
        other = line_of(w, k)
        if other != t and _is_open(w, other):
            facts = facts_of(w, other)
            end += facts.nominal * facts.part
            least = max(least, end + (facts.tail - facts.nominal))
    return least


@kernel
def _lead(w: Record, q: int, arrival: float) -> float:
    """Return the work that an agent on the route will not have done on arrival there; negative: how long it will have waited."""
    if q == NONE:
        return 0.0
    agent = agent_of(w, q)
    return clip((agent.booked + agent.coming - arrival) / w.scale)


@kernel
def _waiting(w: Record, q: int) -> float:
    return log1p(agent_of(w, q).comers) if q != NONE else 0.0


@kernel
def _job_load(w: Record, t: int) -> tuple[float, float]:
    """Return the load that the other open tasks of a job meet, over the mean of all agents, and the largest, over that of all agents."""
    facts = job_facts_of(w, facts_of(w, t).job)
    work = met = most = 0.0
    for other in range(facts.task0, facts.task0 + facts.tasks):
        if other != t and _is_open(w, other):
            load = agent_of(w, facts_of(w, other).primary).load
            nominal = facts_of(w, other).nominal
            work += nominal
            met += nominal * load
            most = max(most, load)
    mean = met / (work * w.mean_load) if work * w.mean_load > 0.0 else 0.0
    return clip(mean), most / w.most_load if w.most_load > 0.0 else 0.0


@kernel
def write_outlook(w: Record, option: Record, wait: float, est: float, row: Record) -> None:
    """Write what a candidate has ahead; comparisons are set to 0. ``look_out`` has been called for this round."""
    facts = facts_of(w, option.task)
    scale, rest = w.scale, w.rest
    path = wait + facts.tail
    line = _line_end(w, option.agent, option.task, wait, est)
    first, second, third = facts.route_work[0], facts.route_work[1], facts.route_work[2]
    one = _lead(w, facts.route[0], wait + est)
    two = _lead(w, facts.route[1], wait + est + first)
    three = _lead(w, facts.route[2], wait + est + first + second)
    waiting = _waiting(w, facts.route[0]), _waiting(w, facts.route[1]), _waiting(w, facts.route[2])
    load, peak = _job_load(w, option.task)
    row.path_gap = clip((path - rest) / scale)
    row.path_share = clip(path / rest) if rest > 0.0 else 0.0
    row.line_gap = clip((line - rest) / scale)
    row.others_gap = row.line_over = 0.0
    row.next1_lead, row.next2_lead, row.next3_lead = one, two, three
    row.next2_work, row.next3_work = clip(second / scale), clip(third / scale)
    row.next1_waiting, row.next2_waiting, row.next3_waiting = waiting
    row.job_load, row.job_peak = load, peak


@kernel
def compare_outlooks(w: Record, a: int, count: int) -> None:
    """Write what each shown candidate leaves to the others, and how its line compares with theirs."""
    least, longest, second = inf, -inf, -inf
    first = NONE
    for k in range(count):
        row = row_of(w, a, k)
        tail = float(row.tail)
        least = min(least, float(row.line_gap))
        if tail > longest:
            longest, second, first = tail, longest, k
        else:
            second = max(second, tail)
    rest = w.rest / w.scale
    for k in range(count):
        row = row_of(w, a, k)
        other = second if k == first else longest
        after = other - rest + float(row.wait) + float(row.duration) if count > 1 else 0.0
        over = float(row.line_gap) - least
        row.others_gap = clip(after)
        row.line_over = over
