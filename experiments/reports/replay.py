"""Evaluations played again, from their config, seed and policies: what their files do not hold is found out anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from omegaconf import DictConfig, OmegaConf

from agents.evaluation.play import Episodes, draw_episodes, record
from agents.policies import RULES, is_rule, load_negotiator, load_prioritizer
from agents.protocols import Negotiator, Prioritizer
from envs.events import EventLog
from envs.scenario import Scenario
from experiments.plumbing import cli, saved
from experiments.reports.report import ReportError, numbers

LEARNED: Final = "learned"
"""What the policy of a training run is called in its evaluation."""


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation played."""

    scenario: Scenario
    episodes: Episodes
    pairs: Sequence[Mapping[str, Any]]
    """As in its file: the best pair of those that learned most of their roles, and the baseline."""
    folder: Path
    """Where the policy of a run is."""

    def policies(self, pair: Mapping[str, Any]) -> tuple[Prioritizer, Negotiator]:
        """Load who played. Raises a ValueError where somebody is gone."""
        own = str(self.folder / "policy")
        first, second = (own if pair[role] == LEARNED else str(pair[role]) for role in RULES)
        return load_prioritizer(first), load_negotiator(second)

    def record(self, pair: Mapping[str, Any], number: int = 0) -> EventLog:
        """Play an episode again."""
        instance = self.episodes.instances[self.episodes.instance[number]]
        return record(self.scenario, instance, int(self.episodes.seeds[number]), *self.policies(pair))


def open_evaluation(path: Path, document: Mapping[str, Any], folder: Path, most: int = 1) -> Evaluated:
    """Return what the evaluation in a file played, at most so many of its episodes.

    Raises:
        ReportError: this version draws other episodes.
        ValueError, OSError: its config is none, or what it names is not there.
    """
    config = OmegaConf.create(numbers(document["config"]))
    assert isinstance(config, DictConfig)
    saved.check_plain(path, config)
    scenario = cli.make_scenario(config)
    count = min(most, len(document["episode_seeds"]))
    drawn = draw_episodes(scenario, count, cli.integer(config, "score.seed" if "score" in config else "seed", 0))
    names = [drawn.instances[k].name for k in drawn.instance]
    told = document["episode_seeds"][:count], document["episode_instances"][:count]
    if told != (drawn.seeds.tolist(), names):
        raise ReportError(f"{path}: its first episode is not the one that this version draws")

    def learned(pair: Mapping[str, Any]) -> tuple[int, int]:
        """How many roles are the run's own, then how many are none of rules."""
        named = {role: str(pair[role]) for role in RULES}
        return sum(name == LEARNED for name in named.values()), sum(
            not is_rule(role, name) for role, name in named.items()
        )

    able = [pair for pair in document["pairs"] if ", " not in pair["prioritizer"]]  # a search is no policy with a name
    baseline = next(pair for pair in able if pair["baseline"])
    others = sorted((pair for pair in able if pair is not baseline), key=learned, reverse=True)
    return Evaluated(scenario, drawn, [*others[:1], baseline], folder)
