"""Who is better on the part that nobody has seen: what was learned, or the best rule; and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agents.evaluation.play import Results, play
from agents.evaluation.statistics import Interval, relative_difference
from agents.progress import Progress
from agents.protocols import Prioritizer
from agents.rules import PRIORITIZERS, RESERVING, negotiator, prioritizer
from experiments.adapting.learning import NEGOTIATOR
from experiments.adapting.parts import Parts
from experiments.reports.outcome import Sheet
from experiments.reports.report import Cell, Figure
from experiments.reports.tables import percent

LEFT_OUT: Final = ("random",)
SHOWN: Final = 6
"""Rules in the table, the best on the first part; all are in the JSON."""
Scores = NDArray[np.float64]


def all_rules() -> list[str]:
    """Every rule, as it starts what can start, and as it keeps the head's place."""
    return [rule + may for rule in PRIORITIZERS if rule not in LEFT_OUT for may in ("", RESERVING)]


@dataclass(frozen=True)
class Player:
    """Somebody on both parts."""

    name: str
    first: Results
    later: Results

    @classmethod
    def of(cls, name: str, policy: Prioritizer, parts: Parts) -> Player:
        """Play all windows of both parts."""
        fcfs = negotiator(NEGOTIATOR)
        first, later = (play(parts.fitted, windows, policy, fcfs) for windows in (parts.first, parts.later))
        return cls(name, first, later)

    @property
    def chosen_by(self) -> float:
        """Mean cost of the first part's windows."""
        return float(self.first.objective.mean())


@dataclass(frozen=True)
class Verdict:
    """What to use, and why."""

    rules: Mapping[str, Player]
    learned: Mapping[str, Player]
    own: str
    """The user's rule."""

    @property
    def rule(self) -> Player:
        """The best rule of the first part."""
        return min(self.rules.values(), key=lambda player: player.chosen_by)

    @property
    def challenger(self) -> Player:
        """The best of what was learned, by the first part."""
        return min(self.learned.values(), key=lambda player: player.chosen_by)

    @property
    def hindsight(self) -> Player:
        """The best rule of the later part, which nobody could know."""
        return min(self.rules.values(), key=lambda player: float(player.later.objective.mean()))

    @property
    def difference(self) -> Interval:
        """Of the challenger to the best rule, on the later part: paired by window."""
        return compared(self.challenger, self.rule)

    @property
    def promotes(self) -> bool:
        """Whether what was learned is better for sure."""
        return self.difference.high < 0.0

    @property
    def sentence(self) -> str:
        """What to do."""
        rule, challenger = self.rule.name, self.challenger.name
        told = f"costs {percent(self.difference)} % beside it"
        if self.promotes:
            return f"Use what was learned ({challenger}): {rule} is the best rule of the first part, and later {challenger} {told}."
        if not np.isfinite(self.difference.low):
            told = "cannot be compared, as nothing waits"
        worth = compared(self.rule, self.rules[self.own])
        gain = "" if rule == self.own else f" Beside {self.own} it costs {percent(worth)} %."
        return (
            f"No policy is promoted. Use the rule {rule}, the best of the first part: later, what was learned ({challenger}) {told}, which "
            f"is not less for sure.{gain}"
        )

    def sheet(self) -> Sheet:
        """Everybody who matters, in the order of the first part."""
        best = sorted(self.rules.values(), key=lambda player: player.chosen_by)[:SHOWN]
        players = {
            player.name: player for player in (*self.learned.values(), *best, self.rules[self.own], self.hindsight)
        }
        rows: list[Sequence[Cell]] = []
        for player in sorted(players.values(), key=lambda player: player.chosen_by):
            slowdown = [float(part.column("mean_slowdown").mean()) for part in (player.first, player.later)]
            against = [self.rule, self.rules[self.own]]
            rows.append(
                [
                    player.name,
                    *(Figure.of(value, 4) for value in slowdown),
                    *("" if player is to else Figure.relative(compared(player, to)) for to in against),
                    self._role(player),
                ]
            )
        header = ["", "first part", "later part", f"later, % of {self.rule.name}", f"later, % of {self.own}", ""]
        return Sheet("Mean bounded slowdown of a window's jobs, and cost on the later part", header, rows)

    def _role(self, player: Player) -> str:
        roles = {
            "learned": player.name in self.learned,
            "best rule of the first part": player is self.rule,
            "your rule": player.name == self.own,
            "best rule in hindsight": player is self.hindsight,
        }
        return ", ".join(role for role, holds in roles.items() if holds)

    def numbers(self) -> dict[str, Any]:
        """Everything, for programs."""
        everybody = {**self.rules, **self.learned}
        return {
            "promotes": self.promotes,
            "use": self.challenger.name if self.promotes else self.rule.name,
            "best_rule_of_first_part": self.rule.name,
            "best_rule_in_hindsight": self.hindsight.name,
            "challenger": self.challenger.name,
            "own_rule": self.own,
            "difference": self.difference._asdict(),
            "difference_to_own_rule": compared(self.challenger, self.rules[self.own])._asdict(),
            "best_rule_to_own_rule": compared(self.rule, self.rules[self.own])._asdict(),
            "costs": {
                name: {"first": player.first.objective.tolist(), "later": player.later.objective.tolist()}
                for name, player in everybody.items()
            },
        }


def compared(one: Player, to: Player) -> Interval:
    """Return by how much one costs more than another on the later part."""
    return relative_difference(one.later.objective, to.later.objective)


def play_rules(parts: Parts, own: str) -> dict[str, Player]:
    """Have all rules play, and the user's, whatever it is."""
    prioritizer(own)  # a wrong name is told before anybody plays
    names = Progress(list(dict.fromkeys([*all_rules(), own])), desc="playing all rules", unit="rule")
    return {name: Player.of(name, prioritizer(name), parts) for name in names}
