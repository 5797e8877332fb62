"""Tables of who is how much better than whom, row by row: paired differences over common episodes, with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experiments.reports.outcome import Sheet
from experiments.reports.report import Cell
from experiments.suites.runs import cell
from experiments.suites.standing import Standing

Groups = Mapping[str, Sequence[int]]
"""The contests of each row, by its label."""


def duels(title: str, groups: Groups, to: Mapping[str, Standing], others: Sequence[Standing], measure: str) -> Sheet:
    """By how many per cent the mean ``measure`` of each of ``others`` exceeds that of ``to`` in its row."""
    rows: list[list[Cell]] = []
    for label, group in groups.items():
        base = to[label]
        differences = [one.difference(base, measure, group) for one in others]
        rows.append([label, str(len(base.cluster(group))), base.name, *map(cell, differences)])
    return Sheet(title, ["", "episodes", "to", *(one.name for one in others)], rows)


def strongest(standings: Sequence[Standing], groups: Groups, measure: str) -> dict[str, Standing]:
    """The rules with the smallest mean in each row."""
    rules = [one for one in standings if one.rule]
    return {label: min(rules, key=lambda one: float(one.multiples(measure, group).mean())) for label, group in groups.items()}
