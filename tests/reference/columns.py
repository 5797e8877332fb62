"""What agents see: docs/world.md, section 8. Rows are computed as Python floats and stored as float32."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from envs.columns import (
    CLIP,
    NUM_CANDIDATE,
    NUM_CONTEST,
    NUM_CONTEXT,
    RAW_CANDIDATE,
    RAW_CONTEXT,
    Candidate,
    Contest,
    Context,
)
from tests.reference.candidates import Choice
from tests.reference.forecast import forecast
from tests.reference.outlook import booked, comers, coming, job_load, line_of, load, part_of, rest_of
from tests.reference.rounds import Round
from tests.reference.state import State, Status, Task, total

Row = NDArray[np.float32]
RANKED = (
    (Candidate.DURATION, Candidate.DURATION_RANK),
    (Candidate.TAIL, Candidate.TAIL_RANK),
    (Candidate.JOB_WORK, Candidate.JOB_WORK_RANK),
    (Candidate.WSRPT, Candidate.WSRPT_RANK),
)


def _ratio(demand: int, free: int) -> float:
    return demand / max(float(free), 0.5)


def _store(row: dict[IntEnum, float], size: int, raw: Collection[IntEnum]) -> Row:
    stored = [0.0] * size
    for column, value in row.items():
        stored[column] = value if column in raw else max(-CLIP, min(CLIP, value))
    return np.array(stored).astype(np.float32)


def _max(values: Iterable[float]) -> float:
    return max(values, default=0.0)


def _key(state: State, task: Task) -> float:
    """wsrpt: weight over work left."""
    job = state.jobs[task.fact.job]
    w = job.fact.weight / state.mean_weight
    return math.log(w / max(job.work.value / state.scale, 0.001))


def _shared(state: State) -> list[int]:
    """Shared resources with capacity."""
    return [r for r, capacity in enumerate(state.facts.shared_capacity) if capacity > 0]


def _local(state: State, a: int) -> list[int]:
    """Local resources of an agent with capacity."""
    return [r for r, capacity in enumerate(state.facts.local_capacity[a]) if capacity > 0]


def candidate_row(state: State, a: int, task: Task, startable: bool) -> Row:
    """The columns of one candidate of an agent, without the ranks."""
    c, fact, job, now, scale = Candidate, task.fact, state.jobs[task.fact.job], state.now, state.scale
    agent, est, w = state.agents[a], state.estimate(a, task), job.fact.weight / state.mean_weight
    soon = state.running_predecessor(task) is not None
    wait = 0.0 if startable else state.expected_start(a, task) - now
    due = job.fact.due
    local = _max(fact.demand[r] / state.facts.local_capacity[a][r] for r in _local(state, a))
    shared = _max(fact.demand[r] / state.facts.shared_capacity[r] for r in _shared(state))
    demanded = [r for r, demand in enumerate(fact.demand) if demand > 0]
    others = [state.avail(q) + state.estimate(q, task) for q in fact.options if q != a and state.agents[q].up]
    row: dict[IntEnum, float] = {
        c.STARTABLE: float(startable),
        c.WAIT: wait / scale,
        c.DURATION: est / scale,
        c.UNCERTAINTY: state.spread(a, fact.kind),
        c.TAIL: fact.tail / scale,
        c.HEAD: fact.head / scale,
        c.JOB_WORK: job.work.value / scale,
        c.JOB_TASKS: job.work.count,
        c.LATEST_FINISH: (job.fact.release + job.fact.cp - fact.tail + fact.nominal - now) / scale,
        c.SUCCESSORS: fact.num_successors,
        c.NEXT_WORK: fact.next_work / scale,
        c.WEIGHT: w,
        c.WSRPT: _key(state, task),
        c.AGE_READY: 0.0 if soon else (now - task.ready_time) / scale,
        c.AGE_RELEASE: (now - job.fact.release) / scale,
        c.TIME_TO_DUE: (due - now) / scale if due < math.inf else CLIP,
        c.SLACK: (due - now - fact.tail) / scale if due < math.inf else CLIP,
        c.ATTEMPTS: task.starts,
        c.PROGRESS: task.progress,
        c.LOCAL_DEMAND: local,
        c.LOCAL_FIT: _max(_ratio(fact.demand[r], agent.free[r]) for r in demanded if not state.facts.shared[r]),
        c.SHARED_DEMAND: shared,
        c.SHARED_FIT: _max(_ratio(fact.demand[r], state.free_shared[r]) for r in demanded if state.facts.shared[r]),
        c.AREA: max(local, shared) * est / scale,
        c.ALTERNATIVES: len(fact.options) - 1,
        c.ELSEWHERE: (min(others) - (wait + est)) / scale if others else 0.0,
        **_forecast(state, a, task, wait + est),
        c.UNITS: max(fact.demand),
        c.RELEASE: job.fact.release / scale,
    }
    max_future = max(other.future_work.value for other in state.agents)
    for k, q in enumerate(fact.next_agents):
        following = state.agents[q]
        row[c(c.NEXT1_QUEUE + 3 * k)] = following.queue_work.value / scale
        row[c(c.NEXT1_FREE + 3 * k)] = state.avail(q) / scale
        row[c(c.NEXT1_FUTURE + 3 * k)] = following.future_work.value / max_future if max_future > 0 else 0.0
    row |= _outlook(state, a, task, wait)
    return _store(row, NUM_CANDIDATE, RAW_CANDIDATE)


def _outlook(state: State, a: int, task: Task, wait: float) -> dict[IntEnum, float]:
    c, fact, scale, est = Candidate, task.fact, state.scale, state.estimate(a, task)
    if not state.scenario.objective.makespan:
        return {}
    rest = rest_of(state)
    line_end, end = wait + fact.tail, wait + est * part_of(state, task)
    for other in line_of(state, a):
        if other is not task:
            end += other.fact.nominal * part_of(state, other)
            line_end = max(line_end, end + (other.fact.tail - other.fact.nominal))
    row: dict[IntEnum, float] = {
        c.PATH_GAP: (wait + fact.tail - rest) / scale,
        c.PATH_SHARE: (wait + fact.tail) / rest if rest > 0 else 0.0,
        c.LINE_GAP: (line_end - rest) / scale,
    }
    arrival = wait + est
    for k, (q, nominal) in enumerate(zip(fact.next_agents, fact.next_nominals, strict=True)):
        row[c(c.NEXT1_LEAD + k)] = (booked(state, q) + coming(state, q) - arrival) / scale
        if k > 0:
            row[c(c.NEXT2_WORK + k - 1)] = nominal / scale
        row[c(c.NEXT1_WAITING + k)] = math.log1p(len(comers(state, q)))
        arrival = wait + est + fact.next_nominals[0] + (fact.next_nominals[1] if k else 0.0)
    row[c.JOB_LOAD], row[c.JOB_PEAK] = job_load(state, task)
    return row


def _forecast(state: State, a: int, task: Task, own: float) -> dict[IntEnum, float]:
    takers = forecast(state) if state.scenario.allow_pass else {}
    if task.fact.index not in takers:
        return {}
    taker, end = takers[task.fact.index]
    over = (end - own) / state.scale
    return {Candidate.FORECAST_NEXT: float(taker == a and over <= 0), Candidate.FORECAST_END: over}


def candidate_rows(state: State, a: int, own: Choice) -> NDArray[np.float32]:
    """[K, NUM_CANDIDATE] the candidates that an agent is shown, with their ranks."""
    rows = np.zeros((state.scenario.candidates, NUM_CANDIDATE), np.float32)
    for i, t in enumerate(own.shown):
        rows[i] = candidate_row(state, a, state.tasks[t], t in own.startable)
    for column, rank in RANKED:
        values = [float(rows[i, column]) for i in range(len(own.shown))]
        for i, x in enumerate(values):
            low, high = min(values), max(values)
            rows[i, rank] = np.float32((x - low) / (high - low) if high > low else 0.0)
    if state.scenario.objective.makespan:
        _compare(state, rows[: len(own.shown)])
    return rows


def _compare(state: State, rows: NDArray[np.float32]) -> None:
    c, rest = Candidate, rest_of(state) / state.scale
    for i, row in enumerate(rows):
        tails = [float(other[c.TAIL]) for k, other in enumerate(rows) if k != i]
        after = max(tails) - rest + float(row[c.WAIT]) + float(row[c.DURATION]) if tails else 0.0
        row[c.OTHERS_GAP] = np.float32(max(-CLIP, min(CLIP, after)))
        row[c.LINE_OVER] = np.float32(float(row[c.LINE_GAP]) - min(float(other[c.LINE_GAP]) for other in rows))


def context_row(state: State, a: int, own: Choice) -> Row:
    """The columns of an agent's situation."""
    c, scale, agents, agent = Context, state.scale, state.agents, state.agents[a]
    capacity = state.facts.shared_capacity
    local_free = [agent.free[r] / state.facts.local_capacity[a][r] for r in _local(state, a)]
    shared_free = [state.free_shared[r] / capacity[r] for r in _shared(state)]
    running = list(state.running())
    queues = [other.queue_work.value for other in agents]
    max_future = max(other.future_work.value for other in agents)
    rates = [_cost_rate(state, b) for b in range(state.num_agents)]
    in_system = [job for job in state.jobs[: state.arrived] if not job.over]
    returns = [state.remaining_end(task) for task in running]
    done = sum(task.status is Status.DONE for task in state.tasks)
    row: dict[IntEnum, float] = {
        c.CANDIDATES: math.log1p(len(own.candidates)),
        c.STARTABLE: math.log1p(len(own.startable)),
        c.HIDDEN: math.log1p(len(own.candidates) - len(own.shown)),
        c.LOCAL_FREE: min(local_free, default=1.0),
        c.SHARED_FREE_MIN: min(shared_free, default=1.0),
        c.SHARED_FREE_MEAN: total(shared_free) / len(shared_free) if shared_free else 1.0,
        c.OWN_SHARE: state.share(a),
        c.TEAM_SHARE: _max((capacity[r] - state.free_shared[r]) / capacity[r] for r in _shared(state)),
        c.QUEUE: queues[a] / scale,
        c.QUEUE_MEAN: total(queues) / state.num_agents / scale,
        c.QUEUE_MAX: max(0.0, *queues) / scale,
        c.TIME_TO_FREE: state.avail(a) / scale,
        c.FUTURE: agent.future_work.value / scale,
        c.FUTURE_SHARE: agent.future_work.value / max_future if max_future > 0 else 0.0,
        c.RUNNING: math.log1p(len(running)),
        c.OWN_JOBS: math.log1p(sum(job.fact.owner == a for job in in_system)),
        c.TEAM_JOBS: math.log1p(len(in_system)),
        c.OWN_COST_RATE: math.log1p(rates[a] / state.mean_weight),
        c.TEAM_COST_RATE: math.log1p(total(rates) / state.mean_weight),
        c.ACTIVE: sum(other.active for other in agents) / state.num_agents,
        c.ROUND: math.log1p(state.rounds),
        c.NEXT_RETURN: (min(returns) - state.now) / scale if returns else 0.0,
        c.DONE: done / state.tasks_arrived if state.tasks_arrived else 0.0,
        c.AGENTS: math.log1p(state.num_agents),
        c.TIME_SCALE: scale,
    }
    if state.scenario.objective.makespan:
        rest = rest_of(state)
        row[c.REST] = rest / scale
        row[c.LINE_SLACK] = (state.avail(a) + load(state, a) - rest) / scale
    return _store(row, NUM_CONTEXT, RAW_CONTEXT)


def _cost_rate(state: State, a: int) -> float:
    weights, agent = state.scenario.objective, state.agents[a]
    slow = agent.seen_slow_rate.value
    return weights.flow * agent.flow_rate.value + weights.tardiness * agent.tardy_rate.value + weights.slowdown * slow


def _contest_row(state: State, a: int, contest: Round) -> Row:
    c, picks, credits = Contest, contest.picks, state.scenario.negotiation.credits
    others = [b for b in contest.participants if b != a]
    key = {b: _key(state, state.tasks[picks[b]]) for b in contest.participants}
    demands = {r: sum(state.facts.tasks[picks[b]].demand[r] for b in others) for r in _shared(state)}
    shares = [state.share(b) for b in range(state.num_agents)]
    row: dict[IntEnum, float] = {
        c.PARTICIPANTS: len(contest.participants) / state.num_agents,
        c.KEY_OVER_BEST: key[a] - max(key[b] for b in others),
        c.KEY_OVER_MEAN: key[a] - total(key[b] for b in others) / len(others),
        c.OTHERS_DEMAND: _max(demand / state.facts.shared_capacity[r] for r, demand in demands.items()),
        c.OVERSUBSCRIPTION: max(_ratio(contest.wanted[r], contest.available[r]) for r in contest.contested),
        c.OTHERS_STARTABLE: sum(contest.is_startable(b) for b in others) / len(others),
        c.SHARE_OVER_MEAN: shares[a] - total(shares) / state.num_agents,
        c.PRICE: state.price,
        c.BALANCE: state.agents[a].balance / credits if credits > 0 else 0.0,
    }
    return _store(row, NUM_CONTEST, ())


def negotiation_row(state: State, a: int, contest: Round) -> Row:
    """[NUM_NEGOTIATION] a participant's pick, situation and contest."""
    pick = candidate_row(state, a, state.tasks[contest.picks[a]], contest.is_startable(a))
    return np.concatenate([pick, context_row(state, a, contest.choices[a]), _contest_row(state, a, contest)])
