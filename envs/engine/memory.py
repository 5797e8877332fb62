"""How a kernel reaches what belongs to its world ``w``: one function per kind of record of ``layout.py``."""

from __future__ import annotations

from typing import Final

from envs.columns import NUM_CANDIDATE, NUM_CONTEXT, NUM_NEGOTIATION
from envs.engine import layout
from envs.engine.compiled import Record, kernel, reference

_FLOAT32: Final = 4

_params_at = reference(layout.PARAMS)
_site_at = reference(layout.SITE)
_facts_at = reference(layout.FACTS)
_option_at = reference(layout.OPTION)
_job_facts_at = reference(layout.JOB_FACTS)
_link_at = reference(layout.LINK)
_cell_at = reference(layout.CELL)
_speed_at = reference(layout.SPEED)
_task_at = reference(layout.TASK)
_job_at = reference(layout.JOB)
_agent_at = reference(layout.AGENT)
_running_at = reference(layout.RUNNING)
_belief_at = reference(layout.BELIEF)
_reservation_at = reference(layout.RESERVATION)
_units_at = reference(layout.UNITS)
_pool_at = reference(layout.POOL)
_live_at = reference(layout.LIVE)
_order_at = reference(layout.ORDER)
_window_at = reference(layout.WINDOW)
_shown_at = reference(layout.SHOWN)
_event_at = reference(layout.EVENT)
_row_at = reference(layout.ROW)
_context_at = reference(layout.CONTEXT)
_contest_at = reference(layout.CONTEST)
_number_at = reference(layout.NUMBER)
_flag_at = reference(layout.FLAG)
_amount_at = reference(layout.AMOUNT)
_seed_at = reference(layout.SEED)
_world_at = reference(layout.WORLD)
_completion_at = reference(layout.COMPLETION)
_call_at = reference(layout.CALL)


@kernel
def call_at(address: int) -> Record:
    return _call_at(address, 0)


@kernel
def world_of(call: Record, b: int) -> Record:
    return _world_at(call.worlds, b)


@kernel
def completion_of(call: Record, b: int) -> Record:
    return _completion_at(call.completions, b)


@kernel
def seed_of(call: Record, entry: int) -> int:
    return _seed_at(call.seeds, entry).value


@kernel
def pick_at(picks: int, a: int) -> int:
    """Return an agent's action, from the address of its world's row of picks."""
    return _cell_at(picks, a).units


@kernel
def bid_at(bids: int, a: int) -> float:
    """Return an agent's bid, from the address of its world's row of bids."""
    return _amount_at(bids, a).value


@kernel
def params_of(w: Record) -> Record:
    return _params_at(w.params, 0)


@kernel
def site_of(w: Record, instance: int) -> Record:
    return _site_at(w.sites, instance)


@kernel
def cell(address: int, index: int) -> int:
    return _cell_at(address, index).units


@kernel
def facts_of(w: Record, t: int) -> Record:
    return _facts_at(w.facts, t)


@kernel
def option_of(w: Record, o: int) -> Record:
    return _option_at(w.options, o)


@kernel
def job_facts_of(w: Record, j: int) -> Record:
    return _job_facts_at(w.job_facts, j)


@kernel
def edge_of(w: Record, k: int) -> Record:
    return _link_at(w.edges, k)


@kernel
def before_of(w: Record, k: int) -> Record:
    return _link_at(w.befores, k)


@kernel
def line_of(w: Record, k: int) -> int:
    """Return a task by its place in the lines of the agents."""
    return _link_at(w.line, k).task


@kernel
def demand_of(w: Record, t: int, r: int) -> int:
    return _cell_at(w.demands, t * w.max_resources + r).units


@kernel
def speed_of(w: Record, a: int, kind: int) -> float:
    return _speed_at(w.speeds, a * w.max_kinds + kind).factor


@kernel
def task_of(w: Record, t: int) -> Record:
    return _task_at(w.tasks, t)


@kernel
def job_of(w: Record, j: int) -> Record:
    return _job_at(w.jobs, j)


@kernel
def agent_of(w: Record, a: int) -> Record:
    return _agent_at(w.agents, a)


@kernel
def running_of(w: Record, slot: int) -> Record:
    return _running_at(w.running, slot)


@kernel
def belief_of(w: Record, a: int, kind: int) -> Record:
    return _belief_at(w.beliefs, a * w.max_kinds + kind)


@kernel
def reservation_of(w: Record, k: int) -> Record:
    return _reservation_at(w.reservations, k)


@kernel
def units_of(w: Record, a: int, r: int) -> Record:
    return _units_at(w.units, a * w.max_resources + r)


@kernel
def pool_of(w: Record, r: int) -> Record:
    return _pool_at(w.pools, r)


@kernel
def live_of(w: Record, k: int) -> Record:
    return _live_at(w.live, k)


@kernel
def retrying_of(w: Record, k: int) -> Record:
    return _link_at(w.retrying, k)


@kernel
def order_of(w: Record, k: int) -> Record:
    return _order_at(w.order, k)


@kernel
def window_of(w: Record, which: int, k: int) -> Record:
    return _window_at(w.window, which * w.room + k)


@kernel
def ranked_of(w: Record, k: int) -> Record:
    return _link_at(w.ranked, k)


@kernel
def shown_of(w: Record, a: int, k: int) -> Record:
    return _shown_at(w.shown, a * w.room + k)


@kernel
def event_of(w: Record, k: int) -> Record:
    return _event_at(w.log, k)


@kernel
def own_of(completion: Record, a: int) -> Record:
    return _amount_at(completion.own, a)


@kernel
def row_of(w: Record, a: int, k: int) -> Record:
    return _row_at(w.candidates, a * w.room + k)


@kernel
def context_of(w: Record, a: int) -> Record:
    return _context_at(w.contexts, a)


@kernel
def team_context_of(w: Record) -> Record:
    return _context_at(w.team, 0)


@kernel
def pick_row_of(w: Record, a: int) -> Record:
    """Return the part of a negotiator's observation that describes its agent's pick."""
    return _row_at(w.negotiations + a * NUM_NEGOTIATION * _FLOAT32, 0)


@kernel
def bid_context_of(w: Record, a: int) -> Record:
    """Return the part of a negotiator's observation that describes the situation."""
    return _context_at(w.negotiations + (a * NUM_NEGOTIATION + NUM_CANDIDATE) * _FLOAT32, 0)


@kernel
def contest_of(w: Record, a: int) -> Record:
    """Return the part of a negotiator's observation that describes the contest."""
    return _contest_at(w.negotiations + (a * NUM_NEGOTIATION + NUM_CANDIDATE + NUM_CONTEXT) * _FLOAT32, 0)


@kernel
def mask_of(w: Record, a: int, action: int) -> Record:
    return _flag_at(w.masks, a * (w.room + 1) + action)


@kernel
def copy_numbers(source: int, target: int, count: int) -> None:
    """Copy float32 numbers from one address to another."""
    for k in range(count):
        _number_at(target, k).value = _number_at(source, k).value


@kernel
def clear_numbers(target: int, count: int) -> None:
    for k in range(count):
        _number_at(target, k).value = 0.0
