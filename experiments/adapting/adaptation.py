"""The whole of it: split, fit, learn, compare, and leave what is to be used, with its card."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from agents.operation.site.play_rules import FILE
from agents.rules import index
from envs.files import replacing, write_text
from experiments.adapting import fit, verdict
from experiments.adapting.learning import Learned, learn
from experiments.adapting.parts import LOAD, Parts, Site
from experiments.reports.outcome import Outcome, Sheet

CARD: Final = "card.json"
POLICY: Final = "policy"
"""What is to be promoted: a policy of its own, rules of play and card."""


@dataclass(frozen=True)
class Budget:
    """What learning may cost."""

    seconds: float = 120.0
    seed: int = 0
    network: bool = True
    generations: int = 0


@dataclass(frozen=True)
class Adapted:
    """What came of a log."""

    parts: Parts
    verdict: verdict.Verdict
    fit: Sheet
    numbers: dict[str, Any]

    def outcome(self) -> Outcome:
        """For people and programs."""
        parts = self.parts
        notes = [
            self.verdict.sentence,
            f"{parts.jobs:,} of {parts.whole.num_jobs:,} jobs are the first part: {len(parts.first.seeds)} windows of {parts.window} jobs; "
            f"the later part, {len(parts.later.seeds)} windows, was seen by nobody before the comparison. Every window starts with an "
            "empty queue, everybody plays the same ones, and every schedule is checked. Rule and challenger are chosen on the first part, "
            "on which the challenger was also trained: only the later part says who is better.",
            "Differences are of mean costs, paired by window, with 95 % intervals (docs/statistics.md); less is better. "
            f"Cost: {parts.site.minimise}; {'with' if parts.site.backfill else 'without'} backfilling.",
            f"Training meets queues like the fit at {LOAD[0]:g} to {LOAD[1]:g} times its load. KS: largest distance between the "
            "distribution functions of the first part and of the fit, or of the later part; where the latter is larger, the log changes "
            "more than the fit errs.",
        ]
        return Outcome(
            f"Adapted to {Path(parts.site.path).name}", [self.verdict.sheet(), self.fit], notes, self.numbers
        )


def adapt(site: Site, own: str, budget: Budget, folder: Path, command: str) -> Adapted:
    """Adapt to a log; ``folder`` gets what was learned, and ``policy`` in it the challenger with its card, promoted or not.

    Raises:
        WorkloadError, UsageError: the log is damaged, or too short.
        RuleError: there is no such rule as ``own``.
    """
    parts = Parts.of(site)
    rules = verdict.play_rules(parts, own)
    told, fitted = fit.fit(parts)
    learned = learn(
        parts.fitted,
        parts.first,
        folder,
        budget.seconds,
        budget.seed,
        network=budget.network,
        generations=budget.generations,
    )
    players = {each.name: verdict.Player.of(each.name, each.policy, parts) for each in learned}
    found = verdict.Verdict(rules, players, own)
    numbers = {
        "log": Path(site.path).name,
        "sha256": hashlib.sha256(Path(site.path).read_bytes()).hexdigest(),
        "site": {key: value for key, value in asdict(site).items() if key != "path"},
        "jobs": {"first": parts.jobs, "all": parts.whole.num_jobs, "window": parts.window},
        "windows": {"first": len(parts.first.seeds), "later": len(parts.later.seeds)},
        "fit": fitted,
        "learned": {each.name: each.facts for each in learned},
        "verdict": found.numbers(),
    }
    _leave(folder / POLICY, next(each for each in learned if each.name == found.challenger.name), numbers, command)
    return Adapted(parts, found, told, numbers)


def _leave(place: Path, learned: Learned, numbers: dict[str, Any], command: str) -> None:
    """Put the challenger, its rules of play and its card where they can be promoted from."""
    source = learned.folder / "policy" if (learned.folder / "policy").is_dir() else learned.folder
    verdict = {key: value for key, value in numbers["verdict"].items() if key != "costs"}
    card = {key: numbers[key] for key in ("log", "sha256", "site", "jobs", "windows")}
    card |= {"command": command, "training": learned.facts, "verdict": verdict}
    with replacing(place) as new:
        for path in source.iterdir():
            if path.name in (index.FILE, "prioritizer"):
                (shutil.copytree if path.is_dir() else shutil.copyfile)(path, new / path.name)
        shutil.copyfile(learned.folder / FILE, new / FILE)
        write_text(new / CARD, json.dumps(card, indent=1, allow_nan=False) + "\n")
