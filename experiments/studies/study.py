"""The study as a whole: what is asked, everybody who has to meet for it, and what is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf

from agents.evaluation.statistics import INTERVALS
from experiments.plumbing.settings import Negotiation
from experiments.reports.outcome import Outcome
from experiments.studies import advice, frontier
from experiments.studies.boards import Found, boards
from experiments.studies.field import SCORE, Field, Meeting, worst_off
from experiments.studies.page import PRIVATE
from experiments.studies.questions import Questions, check_tables
from experiments.studies.variants import Replicate, Variant
from experiments.suites.runs import check_rules
from experiments.suites.standing import Scores, Standing


@dataclass(frozen=True)
class Study:
    """Who is to meet."""

    ask: Questions
    runs: Mapping[str, list[Replicate]]
    field: Field
    settings: dict[str, Any]

    @classmethod
    def of(
        cls, config: DictConfig, chosen: list[Variant], runs: Mapping[str, list[Replicate]], told: Negotiation
    ) -> Study:
        """Draw the episodes.

        Raises:
            UsageError: where a table names what is no variant; and as ``load_prioritizer``, for the rules that all are compared with.
        """
        check_tables(told.questions, list(map(str, config.variants)))
        rules = Meeting(chosen[0].name, *check_rules(config))
        settings: Any = OmegaConf.to_container(config, resolve=True)
        settings = {key: value for key, value in settings.items() if key not in PRIVATE}
        ask = Questions(chosen, rules, several=len(next(iter(runs.values()))) > 1, tables=told.questions)
        return cls(ask, runs, Field(chosen, runs, told.loads, told.episodes), settings)

    def outcome(self, picture: Path, command: str) -> Outcome:
        """Let all meet, and say what came of it; the frontier is drawn into ``picture``."""
        asked = boards(self.ask)
        meetings = [meeting for board in asked for row in board.rows.values() for meeting in row]
        meetings += [need for board in asked for need in board.needs]
        meetings += [self.ask.rules, *frontier.meetings(self.ask).values(), *advice.meetings(self.ask)]
        found = self.field.meet(meetings)
        frontier.draw(frontier.points(self.ask, found), picture, command)
        sheets = [
            advice.sheet(self.ask, found),
            *(board.sheet(found) for board in asked),
            frontier.sheet(self.ask, found),
        ]
        return Outcome("Negotiation", sheets, self._notes(found), self._numbers(found))

    def _notes(self, found: Found) -> list[str]:
        different = {id(standing): standing for standing in found.values()}.values()
        checked = sum(side.schedules for standing in different for side in standing.sides)
        episodes, loads = self.settings["episodes"], " and ".join(map(str, self.settings["loads"]))
        seeds, rules = len(self.settings["seeds"]), self.ask.rules
        learner = self.settings["learner"]
        start = (
            f" All networks start as {learner['network']['guide']} and learn the difference."
            if learner["network"]["guide"]
            else ""
        )
        return [
            f"{checked} schedules, every one checked against the rules of its scenario: no violation.",
            f"Everybody plays the same {episodes} fresh episodes at each of the loads {loads}, with the same durations. Differences are of "
            f"means over episodes and over training runs ({seeds} seeds); {INTERVALS} The same episode at two loads is one observation. "
            "Flow time is the weighted mean over jobs: less is better. A higher Jain's index is fairer.",
            f"Variants are in conf/negotiation.yaml. {self.ask.base.name}: {_told(self.ask.base)}; the others differ from it as their "
            f"names say.{start} Each run makes {learner['decisions']:,.0f} decisions, and its last policy counts.",
            f"Flow times are told in per cent of {rules.name}. Bids of rules are real numbers, and learned "
            "ones are what the network wishes, not rounded, unless they are held to levels, or cut into levels that are all as common.",
            "How it was made and what it means is in docs/negotiation.md.",
        ]

    def _numbers(self, found: Found) -> dict[str, Any]:
        return {
            "settings": self.settings,
            "variants": {name: [run.name for run in runs] for name, runs in self.runs.items()},
            "meetings": [_numbers(meeting, found, self.ask.rules) for meeting in found],
        }


def _told(variant: Variant) -> str:
    """Its rules of play and what it learns, in a few words."""
    scenario = variant.scenario
    return (
        f"{' and '.join(variant.roles)} learned, {scenario.cooperation:.0%} of the reward is the team's, "
        f"{Questions.credit(variant) or 'bids are free'}, "
        f"{scenario.negotiation.levels} levels, {Questions.reserving(variant)} reservations"
    )


def _numbers(meeting: Meeting, found: Found, rules: Meeting) -> dict[str, Any]:
    """What came of a meeting; of episodes, of which there are many, the flow times alone, from which intervals can be told again."""
    one, to = found[meeting], found[rules]
    metrics = {name: summary(one, to, one.column(name), to.column(name)) for name in (SCORE, "mean_slowdown", "jain")}
    metrics["worst_off"] = summary(one, to, worst_off(one), worst_off(to))
    told = {"seconds_per_decision": one.decision, "by_cluster": by_cluster(one.column(SCORE), one.cluster())}
    return meeting._asdict() | told | metrics


def summary(one: Standing, to: Standing, scores: Scores, of_rules: Scores) -> dict[str, Any]:
    """Return the mean of scores [runs, E], of all and of each run, and by how much it exceeds that of the rules, with its interval."""
    by_run = scores.mean(axis=1).tolist()
    return {"mean": float(scores.mean()), "by_run": by_run, "to_rules": one.compared(to, scores, of_rules)._asdict()}


def by_cluster(scores: Scores, cluster: NDArray[Any]) -> list[list[float]]:
    """[runs, clusters] means of scores [runs, E] to seven digits; clusters in the order of their labels, all equally large."""
    order = np.argsort(cluster, kind="stable")
    means = scores[:, order].reshape(len(scores), len(np.unique(cluster)), -1).mean(axis=2)
    return [[float(f"{value:.7g}") for value in run] for run in means]
