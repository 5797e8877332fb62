"""What must hold in every world, whoever plays: liveness, costs that are the objective, conservation."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from envs.columns import Candidate, Context
from envs.events import EventKind
from tests.reference.scenarios import random_actions, random_case
from tests.reference.twin import NEGOTIATE, OVER, PRIORITISE, Output, Twin

E = EventKind
CASES = range(200)


@cache
def played(case: int) -> tuple[Twin, list[Output]]:
    """A random world played to its end by a random policy."""
    scenario, instance = random_case(case)
    twin, random = Twin(scenario, instance, seed=case), np.random.default_rng(case)
    outputs = [twin.reset()]
    while not twin.over:
        outputs.append(twin.step(*random_actions(random, outputs[-1].mask)))
        assert len(outputs) < 5000, f"case {case} does not end"
    return twin, outputs


def objective_from_ends(twin: Twin) -> list[float]:
    """The terms of a finished episode from its event log alone: flow, tardiness, slowdown, makespan, lease, abandonment."""
    ends = {job: time for time, kind, _, job, _, _ in twin.log() if kind in (E.JOB_DONE, E.JOB_ABANDONED)}
    terms = [0.0] * 6
    for job in twin.facts.jobs:
        end = ends[job.index]
        terms[0] += job.weight * (end - job.release)
        terms[1] += job.weight * max(0.0, end - max(job.due, job.release))
        terms[2] += max(1.0, (end - job.release) / max(job.length, 10.0)) - 1.0
        terms[5] += job.weight * np.isnan(twin.job_end[job.index])
    terms[3] = max(ends.values())
    for time, kind, _, _, task, _ in twin.log():
        if kind in (E.ALLOCATION_UPDATE, E.RELEASE_NOTIFICATION):
            units = sum(d for d, shared in zip(twin.facts.tasks[task].demand, twin.facts.shared, strict=True) if shared)
            terms[4] += units * time * (1 if kind == E.RELEASE_NOTIFICATION else -1)
    return terms


def ends_as_it_may(twin: Twin) -> bool:
    """Whether an episode terminated, or was cut off by a limit that its scenario has."""
    limits = twin.scenario.limits
    return twin.terminated or limits.max_time < math.inf or limits.max_rounds < 2**31 - 1


def test_random_policies_always_finish() -> None:
    """Protects liveness: no behaviour of the agents can stop the world; only a limit of the scenario cuts an episode off."""
    for case in CASES:
        assert ends_as_it_may(played(case)[0]), case


def test_stubborn_policies_always_finish() -> None:
    """Protects liveness from agents that never start anything as long as they can pass, or reserve something instead."""
    for case in CASES[:100]:
        twin = Twin(*random_case(case), seed=case)
        out = twin.reset()
        while not twin.over:
            startable = out.candidates[:, :, Candidate.STARTABLE] == 1
            wait = out.mask & ~np.pad(startable, ((0, 0), (0, 1)))
            picks = np.where(
                wait.any(axis=1), out.mask.shape[1] - 1 - wait[:, ::-1].argmax(axis=1), out.mask.argmax(axis=1)
            )
            out = twin.step(picks.astype(np.int32), np.zeros(len(picks)))
            assert out.steps < 5000, f"case {case} does not end"
        assert ends_as_it_may(twin), case


def test_costs_are_the_objective() -> None:
    """Protects the identity: undiscounted rewards add up to the objective that the times at which jobs end give."""
    for case in CASES:
        twin, outputs = played(case)
        if not outputs[-1].terminated:
            continue
        weights, c = twin.scenario.objective, twin.scenario.cooperation
        terms = objective_from_ends(twin)
        assert outputs[-1].terms.tolist() == pytest.approx(terms, rel=1e-9, abs=1e-6), case
        factors = (
            weights.flow,
            weights.tardiness,
            weights.slowdown,
            weights.makespan,
            weights.lease,
            weights.abandonment,
        )
        team = sum(out.team_cost for out in outputs)
        assert team == pytest.approx(
            sum(f * term for f, term in zip(factors, terms, strict=True)), rel=1e-9, abs=1e-6
        ), case
        own = np.sum([out.own_cost for out in outputs], axis=0)
        assert np.sum([out.reward for out in outputs], axis=0) == pytest.approx(-((1 - c) * own + c * team)), case


def test_units_and_credits_come_back() -> None:
    """Protects conservation: after a finished episode everything is free, nothing is owed, and no sum is left over."""
    for case in CASES:
        twin, outputs = played(case)
        state = twin.state
        assert sum(agent.balance for agent in state.agents) == pytest.approx(
            twin.scenario.negotiation.credits * state.num_agents
        ), case
        if outputs[-1].terminated:
            assert state.free_shared == twin.facts.shared_capacity, case
            for agent, capacity in zip(state.agents, twin.facts.local_capacity, strict=True):
                assert (agent.free, agent.leased) == (capacity, [0] * len(capacity)), case
                rates = (agent.flow_rate, agent.tardy_rate, agent.slow_rate, agent.seen_slow_rate)
                assert [(s.value, s.count) for s in (agent.queue_work, agent.future_work, *rates)] == [(0.0, 0)] * 6, (
                    case
                )


def test_random_cases_reach_everything() -> None:
    """Protects the comparison with the engine: the random worlds produce every kind of event, contest and cut."""
    reached = {event[1] for case in CASES for event in played(case)[0].log()}
    assert reached == set(EventKind)
    phases = {out.phase for case in CASES for out in played(case)[1]}
    assert phases == {PRIORITISE, NEGOTIATE, OVER}
    hidden = max(float(out.context[:, Context.HIDDEN].max()) for case in CASES for out in played(case)[1])
    assert hidden > 0
