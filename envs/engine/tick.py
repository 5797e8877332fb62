"""The pipeline of a step, in order: the table of contents of the world (docs/world.md)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from envs.engine import recorder as rec
from envs.engine.candidates import find_candidates
from envs.engine.clock import advance, is_certain, truncate
from envs.engine.compiled import Record, entry, kernel
from envs.engine.layout import NONE, Phase, Records, Trouble
from envs.engine.memory import agent_of, mask_of, params_of, shown_of
from envs.engine.negotiation import commit, find_participants, renew_reservations
from envs.engine.reset import clear_payments, reset_world
from envs.engine.seats import clear_seats, show_end, show_negotiators, show_prioritizers

_PRIORITISE, _NEGOTIATE, _OVER = (int(p) for p in Phase)
_LOG_FULL, _ILLEGAL, _STUCK = int(Trouble.LOG_FULL), int(Trouble.ILLEGAL), int(Trouble.STUCK)


@kernel
def _open_epoch(w: Record) -> None:
    par = params_of(w)
    w.in_epoch = True
    w.round = 0
    w.ordered = NONE
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        agent.active = agent.up
        agent.filling = False
    if par.hold:
        renew_reservations(w)
    else:
        w.num_reserved = 0


@kernel
def _deal(w: Record) -> bool:
    """Sort the active agents into those that have a choice and those that play their only action; say if any has one."""
    par = params_of(w)
    may_pass = par.passing and is_certain(w)
    asked = False
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        agent.pick = NONE
        agent.passes = agent.acts = False
        if not agent.active:
            continue
        actions = agent.shown + (1 if may_pass else 0)
        if actions > 1:
            agent.acts = asked = True
            agent.passes = may_pass  # legal now; the pick decides
        elif agent.shown:
            agent.pick = shown_of(w, a, 0).option
            agent.pick_start = shown_of(w, a, 0).startable
        else:
            agent.passes = may_pass
    return asked


@kernel
def _take_picks(w: Record, b: int, picks: NDArray[np.int32]) -> bool:
    """Read the actions of the prioritizers that were asked. False: one is illegal, and nothing has changed."""
    agents = w.num_agents
    for a in range(agents):
        action = picks[b, a]
        if agent_of(w, a).acts and (action < 0 or action > w.room or not mask_of(w, a, action).value):
            w.trouble_agent = a
            return False
    for a in range(agents):
        agent = agent_of(w, a)
        if not agent.acts:
            continue
        action = picks[b, a]
        agent.passes = action == w.room  # the no-op: leave the epoch
        if action < w.room:
            agent.pick = shown_of(w, a, action).option
            agent.pick_start = shown_of(w, a, action).startable
    return True


@kernel
def _pay_out(w: Record) -> None:
    """Turn the costs since the last step into rewards."""
    par = params_of(w)
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        agent.own_cost = agent.spent
        agent.reward = -((1.0 - par.cooperation) * agent.spent + par.cooperation * w.spent)
        agent.spent = 0.0
    w.team_cost = w.spent
    w.spent = 0.0


@kernel
def _play(w: Record) -> None:
    """Run until somebody has a choice, or the end."""
    while not (w.terminated or w.truncated):
        if rec.is_nearly_full(w):
            w.trouble = _LOG_FULL
            return
        if not w.in_epoch:
            if not advance(w):
                if not w.truncated:
                    w.trouble = _STUCK
                    return
                continue
            if not w.terminated:
                _open_epoch(w)
            continue
        if not find_candidates(w):
            w.in_epoch = False
            continue
        if _deal(w):
            w.phase = _PRIORITISE
            return
        if find_participants(w):
            w.phase = _NEGOTIATE
            return
        commit(w)
    w.phase = _OVER


@kernel
def _show(w: Record) -> None:
    """Write what the seats see after a step."""
    if w.truncated:
        truncate(w)
        if not w.in_epoch:
            w.num_reserved = w.round = 0
        for a in range(w.num_agents):
            agent_of(w, a).active = agent_of(w, a).up
            agent_of(w, a).acts = False
            agent_of(w, a).filling = agent_of(w, a).filling and w.in_epoch
        find_candidates(w)
        show_end(w)
    elif w.terminated:
        return
    elif w.phase == _PRIORITISE:
        show_prioritizers(w)
    else:
        show_negotiators(w)


@kernel
def _finish(w: Record) -> None:
    """Close a step: count it, cut the episode off at the round limit, pay, show."""
    par = params_of(w)
    if w.started:
        w.steps += 1
        if not (w.terminated or w.truncated) and w.steps >= par.max_rounds:
            w.truncated = True
            w.phase = _OVER
    elif w.terminated or w.truncated:
        w.started = True
    if w.started:
        _pay_out(w)
    _show(w)


@kernel
def _step(w: Record, b: int, picks: NDArray[np.int32], bids: NDArray[np.float64]) -> None:
    """Play one round with the given actions, and on to the next choice."""
    if w.phase == _OVER:
        clear_payments(w)
        return
    w.started = True
    if w.phase == _PRIORITISE:
        if not _take_picks(w, b, picks):
            w.trouble = _ILLEGAL
            return
        clear_seats(w)
        if find_participants(w):
            w.phase = _NEGOTIATE
            _finish(w)
            return
    else:
        for a in range(w.num_agents):
            if agent_of(w, a).bids:
                if math.isnan(bids[b, a]):
                    w.trouble = _ILLEGAL
                    w.trouble_agent = a
                    return
                agent_of(w, a).bid = bids[b, a]
        clear_seats(w)
    commit(w)
    _play(w)
    if w.trouble == 0:
        _finish(w)


@kernel
def _next_episode(w: Record, b: int, worlds: int, seeds: NDArray[np.uint64], instances: NDArray[np.int32]) -> None:
    """Start the next episode of the schedule: world b's e-th is entry b + e B, modulo its length."""
    w.episode += 1
    w.entry = (b + w.episode * worlds) % seeds.size
    clear_seats(w)
    reset_world(w, seeds[w.entry], instances[w.entry])
    _play(w)
    if w.trouble == 0:
        _finish(w)


@entry
def step_worlds(
    worlds: Records,
    picks: NDArray[np.int32],
    bids: NDArray[np.float64],
    seeds: NDArray[np.uint64],
    instances: NDArray[np.int32],
    auto_reset: bool,
    first: int,
    last: int,
) -> int:
    """Step the worlds first..last-1; return how many of them came back with trouble."""
    troubled = 0
    for b in range(first, last):
        w = worlds[b]
        if w.phase == _OVER and auto_reset:
            _next_episode(w, b, worlds.size, seeds, instances)
        else:
            _step(w, b, picks, bids)
        troubled += w.trouble != 0
    return troubled


@entry
def reset_worlds(worlds: Records, seeds: NDArray[np.uint64], instances: NDArray[np.int32], first: int, last: int) -> int:
    """Start the first episode of the schedule in the worlds first..last-1; return how many had trouble."""
    troubled = 0
    for b in range(first, last):
        w = worlds[b]
        w.episode = NONE
        _next_episode(w, b, worlds.size, seeds, instances)
        troubled += w.trouble != 0
    return troubled


@entry
def resume_worlds(worlds: Records) -> int:
    """Let the worlds go on whose logs were full and have been emptied; return how many have trouble again."""
    troubled = 0
    for b in range(worlds.size):
        w = worlds[b]
        if w.trouble == _LOG_FULL:
            w.trouble = 0
            _play(w)
            if w.trouble == 0:
                _finish(w)
        troubled += w.trouble != 0
    return troubled
