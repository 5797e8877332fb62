"""Cards of shipped policies: what they were trained on, how, what they achieve on fresh episodes, and where they end."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from omegaconf import DictConfig, OmegaConf

from agents.evaluation.play import draw_episodes, play
from agents.networks.artifact import DESCRIPTION
from agents.operation.site.play_rules import FILE as RULES
from agents.operation.site.play_rules import PlayRules, rules_of
from agents.policies import NEGOTIATOR, PRIORITIZER, SHIPPED, load_negotiator, load_prioritizer, roles_in
from agents.rules import index
from envs import strict_json
from envs.files import replacing, write_text
from experiments.plumbing import saved
from experiments.plumbing.building import NAME
from experiments.plumbing.cli import UsageError, make_scenario
from experiments.plumbing.training import COMMAND, CONFIG
from experiments.reports.tables import number

CARD: Final = "card.json"
PAGE: Final = "README.md"
SEED: Final = 20_240_801
"""Of the episodes on which runs are compared, and on which the card's figures are checked again."""
CHECKED: Final = 8
"""Of those episodes, the first: few enough for continuous integration."""
MAX_BYTES: Final = 2**20
"""Of a shipped policy."""


@dataclass(frozen=True)
class TrainingRun:
    """A training run that has left a policy, or a shipped policy, which keeps the run's config."""

    folder: Path
    policy: Path
    config: DictConfig

    def __hash__(self) -> int:
        return hash(self.folder)

    @classmethod
    def read(cls, folder: Path) -> TrainingRun:
        """Read the folder of a run, or of a shipped policy.

        Raises:
            UsageError: where it is neither.
        """
        policy = folder / "policy" if (folder / "policy").is_dir() else folder
        if not (folder / CONFIG).is_file():
            raise UsageError(f"{folder} is no training run: it has no {CONFIG}")
        config = saved.read(folder / CONFIG)
        if not roles_in(policy):
            raise UsageError(f"{folder} holds no policy, must be the folder of a training run that has saved one")
        return cls(folder, policy, config)

    @cached_property
    def roles(self) -> list[str]:
        """Those that were trained."""
        return roles_in(self.policy)

    @cached_property
    def command(self) -> str:
        """What trained it."""
        path = self.folder / COMMAND
        return (
            path.read_text(encoding="utf-8").strip()
            if path.is_file()
            else "unknown: the run is older than its record of it"
        )

    def rules(self) -> PlayRules:
        """The rules of play that it was trained under."""
        by = self.config.learner.episodes
        return rules_of(make_scenario(self.config), str(by.prioritizer), str(by.negotiator))

    def facts(self) -> dict[str, Any]:
        """What the artifact knows of its training."""
        named = self.policy / index.FILE
        file = named if named.is_file() else self.policy / self.roles[0] / DESCRIPTION
        description = strict_json.loads(file.read_text(encoding="utf-8"))
        facts: dict[str, Any] = description["training"]
        return facts

    def score(self, episodes: int) -> float:
        """Mean objective on the first fresh episodes of the training workload; a role that was not trained plays its training rule."""
        scenario, rules = make_scenario(self.config), self.config.learner.episodes
        prioritizer = load_prioritizer(str(self.policy) if PRIORITIZER in self.roles else rules.prioritizer)
        negotiator = load_negotiator(str(self.policy) if NEGOTIATOR in self.roles else rules.negotiator)
        return float(play(scenario, draw_episodes(scenario, episodes, SEED), prioritizer, negotiator).objective.mean())

    def score_of_rules(self, episodes: int) -> float:
        """The same by the rules of training alone."""
        scenario, rules = make_scenario(self.config), self.config.learner.episodes
        by = load_prioritizer(rules.prioritizer), load_negotiator(rules.negotiator)
        return float(play(scenario, draw_episodes(scenario, episodes, SEED), *by).objective.mean())


def median(scores: Mapping[TrainingRun, float]) -> TrainingRun:
    """The run in the middle; of an even number, the worse of the two there."""
    return sorted(scores, key=lambda run: scores[run])[len(scores) // 2]


def write_card(folder: Path, suite: str, run: TrainingRun, scores: Mapping[TrainingRun, float], limits: str) -> None:
    """Replace ``folder`` by the run's policy, the part of its config that says what it was trained on, and its card.

    Raises:
        UsageError: where the policy is too large to be shipped.
    """
    parts = [run.policy / name for name in (index.FILE, *run.roles) if (run.policy / name).exists()]
    size = sum(path.stat().st_size for part in parts for path in (part.iterdir() if part.is_dir() else (part,)))
    if size > MAX_BYTES:
        raise UsageError(f"{run.policy} has {size} bytes, a shipped policy must have at most {MAX_BYTES}")
    kept = {key: run.config[key] for key in ("scenario", "workload", "learner", "seed")}
    facts = run.facts()
    card = {
        "suite": suite,
        "roles": run.roles,
        "command": run.command,
        "seed": facts["seed"],
        "hours": facts["seconds"] / 3600,
        "decisions": facts["decisions"],
        "torch": facts["torch"],
        "workload": OmegaConf.to_container(run.config.workload, resolve=True),
        "objective_of_runs": {str(each.facts()["seed"]): score for each, score in scores.items()},
        "check": {
            "episodes": CHECKED,
            "objective": run.score(CHECKED),
            "objective_of_rules": run.score_of_rules(CHECKED),
        },
        "rules": [run.config.learner.episodes.prioritizer, run.config.learner.episodes.negotiator],
        "limits": limits,
    }
    with replacing(folder) as new:
        for part in parts:
            (shutil.copytree if part.is_dir() else shutil.copyfile)(part, new / part.name)
        write_text(new / CONFIG, OmegaConf.to_yaml(OmegaConf.create(kept)))
        write_text(new / CARD, json.dumps(card, indent=1, allow_nan=False) + "\n")
        write_text(new / RULES, run.rules().text())
        write_text(new / PAGE, _page(card))


def _page(card: Mapping[str, Any]) -> str:
    """The card for people."""
    workload = ", ".join(f"{name} {value}" for name, value in card["workload"].items() if name != NAME)
    runs = ", ".join(f"{number(score)} (seed {seed})" for seed, score in card["objective_of_runs"].items())
    check = card["check"]
    names = " ".join(f"{role}={SHIPPED}/{card['suite']}" for role in card["roles"])
    return "\n".join(
        [
            f"# {card['suite']}: a trained {' and '.join(card['roles'])}",
            "",
            f"* **Trained on** `{card['workload'][NAME]}`: {workload}. All else is in [{CONFIG}]({CONFIG}).",
            f"* **Command**: `{card['command']}`",
            f"* **Seed** {card['seed']}; {card['hours']:.2f} hours of learning, {card['decisions']:,} decisions, torch {card['torch']}.",
            f"* **Chosen** as the median of {len(card['objective_of_runs'])} runs by the mean objective on the same fresh episodes of that "
            f"workload: {runs}.",
            f"* **Check**: on the first {check['episodes']} of these its mean objective is {number(check['objective'], 6)}; that of "
            f"{' with '.join(card['rules'])} is {number(check['objective_of_rules'], 6)}. A test plays them again.",
            f"* **Limits**: {card['limits']}",
            f"* **Scores** on published problems: [the suite's table](../../../results/suites/{card['suite']}.md).",
            "",
            f"Use it by name: `parley evaluate {names}`.",
            "",
        ]
    )
