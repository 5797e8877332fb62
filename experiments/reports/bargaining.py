"""How agents negotiated, over time: what they bid, what units went for, and what share of them each has had."""

from __future__ import annotations

from typing import Final

import numpy as np

from agents.evaluation.metrics import jain_index
from envs.events import EventKind, EventLog
from envs.render.spans import leases_of
from envs.workloads.instance import Instance
from experiments.reports.episode import MOST_AGENTS, curve, pooled
from experiments.reports.report import Chart, Curve

SECTION: Final = "Negotiation"
"""Heading of these charts."""


def charts(title: str, instance: Instance, log: EventLog) -> list[Chart]:
    """Return bids, prices, shares of every shared resource so far, and how even these are; those alone of which there is anything."""
    made = [
        Chart(f"Bids in contested rounds: {title}", "s", "bid", _bids(instance, log), "points", SECTION),
        Chart(f"What contested units went for: {title}", "s", "price", _prices(log), "points", SECTION),
    ]
    even: list[Curve] = []
    for r in pooled(instance):
        times, held = leases_of(instance, log, r)
        had = np.cumsum(held[:, :-1] * np.diff(times), axis=1)
        begun = had.sum(axis=0) > 0
        if not begun.any():
            continue
        at, had, name = times[1:][begun], had[:, begun], instance.resources[r]
        share = 100.0 * had / had.sum(axis=0)
        shown = [(f"agent {a}", share[a]) for a in range(min(instance.num_agents, MOST_AGENTS))]
        if instance.num_agents > MOST_AGENTS:
            shown.append(("others", share[MOST_AGENTS:].sum(axis=0)))
        curves = [curve(agent, at, own) for agent, own in shown]
        made.append(
            Chart(f"Shares of {name} so far: {title}", "s", "% of its unit-seconds leased", curves, "line", SECTION)
        )
        even.append(curve(name, at, np.array([jain_index(each) for each in had.T])))
    made.append(
        Chart(
            f"Evenness of shares so far: {title}",
            "s",
            "Jain's index of the agents' unit-seconds",
            even,
            "line",
            SECTION,
        )
    )
    return [chart for chart in made if any(len(each.x) for each in chart.curves)]


def _bids(instance: Instance, log: EventLog) -> list[Curve]:
    asked = log.kind == EventKind.RESOURCE_REQUEST
    mine = [asked & (log.agent == a) for a in range(min(instance.num_agents, MOST_AGENTS))]
    rest = asked & (log.agent >= MOST_AGENTS)
    named = [(f"agent {a}", at) for a, at in enumerate(mine)] + ([("others", rest)] if rest.any() else [])
    return [curve(name, log.time[at], log.value[at]) for name, at in named]


def _prices(log: EventLog) -> list[Curve]:
    """The highest bid of each contested round, and the credits that were paid, where bids are paid for."""
    asked = np.flatnonzero(log.kind == EventKind.RESOURCE_REQUEST)
    curves = []
    if asked.size:
        first = np.append(0, np.flatnonzero(np.diff(asked) > 1) + 1)  # the requests of a round stand together
        curves.append(
            curve("highest bid of the round", log.time[asked[first]], np.maximum.reduceat(log.value[asked], first))
        )
    paid = (log.kind == EventKind.ALLOCATION_UPDATE) & (log.value > 0)
    return curves + ([curve("credits paid", log.time[paid], log.value[paid])] if paid.any() else [])
