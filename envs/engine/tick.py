"""The pipeline of a step, in order: the table of contents of the world (docs/world.md)."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from envs.engine import recorder as rec
from envs.engine.candidates import find_candidates
from envs.engine.clock import advance, has_event_to_come, truncate
from envs.engine.codes import NONE, Phase, Trouble
from envs.engine.compiled import Record, decide, entry, kernel, take_ticket
from envs.engine.layout import AMOUNT, CALL, CELL, COMPLETION, WORLD
from envs.engine.memory import (
    agent_of,
    bid_at,
    call_at,
    cell,
    completion_of,
    mask_of,
    own_of,
    params_of,
    pick_at,
    seed_of,
    shown_of,
    world_of,
)
from envs.engine.negotiation import commit, find_participants, renew_reservations
from envs.engine.prefetch import look_ahead
from envs.engine.reset import clear_payments, reset_world
from envs.engine.seats import hide_seats, show_end, show_negotiators, show_prioritizers

_PRIORITISE, _NEGOTIATE, _OVER = (int(p) for p in Phase)
DECLINE: Final = -1
"""A pick that stands for an illegal action: a no-op, where the world can bear one."""
STEP, RESET, RESUME, COMPLETE = range(4)
"""Commands: play a round, start the first episode of the schedule, go on after full logs were emptied, play on as COMPLETIONs say."""

BLOCK: Final = 16
"""Worlds that a thread takes at a time: enough to look ahead, few enough to share out evenly."""

_WORLD, _COMPLETION, _PICK, _BID = (dtype.itemsize for dtype in (WORLD, COMPLETION, CELL, AMOUNT))
_TICKET: Final = int(CALL.fields["ticket"][1])  # type: ignore[index]  # it has fields
_LOG_FULL, _ILLEGAL, _STUCK = int(Trouble.LOG_FULL), int(Trouble.ILLEGAL), int(Trouble.STUCK)


@kernel
def open_epoch(w: Record) -> None:
    """Everybody who is up may pick; reservations that hold until their task starts are taken up again."""
    par = params_of(w)
    w.in_epoch = True
    w.dealt = w.bidden = False
    w.round = 0
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
    may_pass = par.passing and has_event_to_come(w)
    asked = False
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        agent.pick = NONE
        agent.passes = agent.acts = False
        if not agent.active:
            continue
        actions = agent.shown + (1 if may_pass else 0)
        if actions > 1 and not (
            par.blocking and agent.filling
        ):  # behind the head of a queue the lowest task fills in unasked
            agent.acts = asked = True
            agent.passes = may_pass  # legal now; the pick decides
        elif agent.shown:
            agent.pick = shown_of(w, a, 0).option
            agent.pick_start = shown_of(w, a, 0).startable
        else:
            agent.passes = may_pass
    return asked


@kernel
def _is_legal(w: Record, a: int, action: int) -> bool:
    return action == DECLINE or (0 <= action <= w.room and mask_of(w, a, action).value)


@kernel
def _take_picks(w: Record, picks: int) -> bool:
    """Read the actions of the prioritizers that were asked. False: one is illegal, and nothing has changed."""
    for a in range(w.num_agents):
        if agent_of(w, a).acts and not _is_legal(w, a, pick_at(picks, a)):
            w.trouble_agent = a
            return False
    for a in range(w.num_agents):
        agent = agent_of(w, a)
        if not agent.acts:
            continue
        action = pick_at(picks, a)
        if (
            action == DECLINE
        ):  # nobody may stop the world: where nothing else will happen, the first candidate is played
            action = w.room if has_event_to_come(w) else 0
        agent.passes = action == w.room
        if action < w.room:
            agent.pick = shown_of(w, a, action).option
            agent.pick_start = shown_of(w, a, action).startable
            agent.place = action
    w.dealt = True
    return True


@kernel
def _take_bids(w: Record, bids: int) -> bool:
    """Read the bids of the participants. False: one is not finite, and nothing has changed."""
    for a in range(w.num_agents):
        if agent_of(w, a).bids and not math.isfinite(bid_at(bids, a)):
            w.trouble_agent = a
            return False
    for a in range(w.num_agents):
        if agent_of(w, a).bids:
            agent_of(w, a).bid = bid_at(bids, a)
    w.bidden = True
    return True


@kernel
def proceed(w: Record) -> None:
    """Run until somebody has a choice, or the end: the stages of docs/world.md, sections 4 and 5."""
    while not (w.terminated or w.truncated):
        if rec.is_nearly_full(w):
            w.trouble = _LOG_FULL
            return
        if not w.in_epoch:
            if w.still:
                break
            if advance(w):
                if not w.terminated:
                    open_epoch(w)
            elif not w.truncated:
                w.trouble = _STUCK
                return
        elif not w.dealt:
            if not find_candidates(w):
                w.in_epoch = False
            elif _deal(w):
                w.phase = _PRIORITISE
                return
            else:
                w.dealt = True
        elif not w.bidden and find_participants(w):
            w.phase = _NEGOTIATE
            return
        else:
            commit(w)
            w.dealt = w.bidden = False
    w.phase = _OVER


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
def show(w: Record) -> None:
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
    elif w.phase == _OVER:
        hide_seats(w)
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
    show(w)


@kernel
def _next_episode(w: Record, b: int, call: Record) -> None:
    """Start the next episode of the schedule: world b's e-th is entry b + e B, modulo its length."""
    w.episode += 1
    w.entry = (b + w.episode * call.num_worlds) % call.length
    hide_seats(w)
    reset_world(w, seed_of(call, w.entry), cell(call.entries, w.entry))


@kernel
def _take_actions(w: Record, row: int, call: Record) -> bool:
    """Read a row of the actions for a world that is not over. False: one is illegal, and nothing has changed."""
    place = row * w.max_agents
    legal = (
        _take_picks(w, call.picks + place * _PICK)
        if w.phase == _PRIORITISE
        else _take_bids(w, call.bids + place * _BID)
    )
    if legal:
        w.started = True
    else:
        w.trouble = _ILLEGAL
    return legal


@kernel
def _complete(b: int, call: Record) -> None:
    """Play world b's episode on; its k-th round is row b R + k modulo R of picks and bids [B R, A]."""
    w, completion = world_of(call, b), completion_of(call, b)
    rows = call.rows // call.num_worlds
    while True:
        if w.trouble == _LOG_FULL:
            w.trouble = 0
        elif w.phase == _OVER or completion.at == completion.rounds or completion.cost >= completion.limit:
            return
        else:
            row = b * rows + completion.at % rows
            if completion.at >= completion.given:
                decider, actions = completion.negotiator, call.bids + row * w.max_agents * _BID
                if w.phase == _PRIORITISE:
                    decider, actions = completion.prioritizer, call.picks + row * w.max_agents * _PICK
                if decider == 0:
                    return
                decide(decider, call.worlds + b * _WORLD, call.completions + b * _COMPLETION, actions)
            for a in range(w.num_agents):
                completion.decisions += agent_of(w, a).acting
            if not _take_actions(w, row, call):
                return
            completion.at += 1
        proceed(w)
        if w.trouble != 0:
            return
        _finish(w)
        for a in range(w.num_agents):
            own_of(completion, a).value += agent_of(w, a).own_cost
        completion.cost += w.team_cost


@entry
def run_worlds(calls: NDArray[np.int64]) -> int:
    """Carry out the command of a CALL [its fields] in its worlds, block by block; return how many came back with trouble.

    Threads that share it, with ticket 0 at the start, share the worlds out among themselves. Only COMPLETE reads completions.
    """
    call = call_at(calls.ctypes.data)
    command, end = call.command, call.end
    troubled, block = 0, 1 if command == COMPLETE else BLOCK
    b = last = call.first
    while True:
        if b == last:
            b = call.first + take_ticket(calls.ctypes.data + _TICKET) * block
            last = min(b + block, end)
            if b >= last:
                return troubled
        w = world_of(call, b)
        look_ahead(call, b, last)
        moves = command != COMPLETE
        if not moves:
            _complete(b, call)
        elif command == RESUME:
            moves = w.trouble == _LOG_FULL
            w.trouble = 0 if moves else w.trouble
        elif command == RESET or (w.phase == _OVER and call.auto_reset != 0):
            if command == RESET:
                w.episode = NONE
            _next_episode(w, b, call)
        elif w.phase == _OVER:
            moves = False
            clear_payments(w)
        else:
            moves = _take_actions(w, b, call)
        if moves:
            proceed(w)
            if w.trouble == 0:
                _finish(w)
        troubled += w.trouble != 0
        b += 1
