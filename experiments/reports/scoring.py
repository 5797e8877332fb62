"""After training: the policy beside the rules on fresh episodes, as a table, a JSON file and a picture of one episode."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf

from agents.evaluation.play import Episodes, draw_episodes, record, without_repeats
from agents.networks.artifact import DESCRIPTION
from agents.policies import NEGOTIATOR, PRIORITIZER, load_negotiator, load_prioritizer, roles_in
from agents.protocols import Negotiator, Prioritizer
from agents.rules import index
from envs import strict_json
from envs.events import EventKind
from envs.files import write_text
from envs.render import frame, gantt
from envs.render.bids import bids
from envs.scenario import Scenario
from experiments.plumbing.cli import integer, names
from experiments.plumbing.training import COMMAND, PAGE
from experiments.reports import tensorboard
from experiments.reports.comparison import as_json, as_text, compare, mean, play_pairs
from experiments.reports.page import html
from experiments.reports.replay import LEARNED
from experiments.reports.sources import read

PICTURE: Final = "schedule.png"


def score(config: DictConfig, scenario: Scenario, folder: Path) -> float:
    """Compare the policy of a run with the rules that ``config.score`` names; write evaluation.json, schedule.png, report.html beside it.

    Returns the mean objective of what was learned, with the last negotiator named where only the prioritizer was, and the other way round.
    """
    prioritizers: dict[str, Prioritizer] = {name: load_prioritizer(name) for name in names(config.score, "prioritizer")}
    negotiators: dict[str, Negotiator] = {name: load_negotiator(name) for name in names(config.score, "negotiator")}
    policy = folder / "policy"
    roles = roles_in(policy)
    if PRIORITIZER in roles:
        prioritizers[LEARNED] = load_prioritizer(str(policy))
    if NEGOTIATOR in roles:
        negotiators[LEARNED] = load_negotiator(str(policy))
    drawn = draw_episodes(scenario, integer(config, "score.episodes", 1), integer(config, "score.seed", 0))
    episodes = without_repeats(scenario, drawn)
    pairs = play_pairs(scenario, episodes, prioritizers, negotiators)
    if len(pairs) < len(prioritizers) * len(negotiators):
        raise KeyboardInterrupt
    comparison = compare(pairs, episodes.instance)
    settings: Any = OmegaConf.to_container(config, resolve=True)
    write_text(
        folder / "evaluation.json",
        json.dumps(as_json(comparison, episodes, settings), indent=1, allow_nan=False) + "\n",
    )
    pictures = draw(scenario, episodes, list(prioritizers.values())[-1], list(negotiators.values())[-1], folder)
    last = list(prioritizers)[-1], list(negotiators)[-1]
    place = next(k for k, pair in enumerate(comparison.pairs) if (pair.prioritizer, pair.negotiator) == last)
    learned, difference = comparison.pairs[place].results, comparison.means[place]
    objective = float(learned.objective.mean())
    scores = {"objective": objective, "gap_percent": 100.0 * difference.value}
    scores |= {name: mean(learned, name) for name in ("mean_slowdown", "jain")}
    tensorboard.note(folder, settings, OmegaConf.to_yaml(config, resolve=True), scores, pictures, decisions(policy))
    write_text(folder / PAGE, html(read(folder)))
    print(as_text(comparison))
    print(f"Policy, evaluation.json, schedule.png and TensorBoard files are in {folder}")
    print(f"The report is {folder / PAGE}")
    return objective


def decisions(policy: Path) -> int:
    """How many decisions the policies in a folder had learned from."""
    named = policy / index.FILE
    description = named if named.is_file() else min(policy.glob(f"*/{DESCRIPTION}"))
    return int(strict_json.loads(description.read_text(encoding="utf-8"))["training"]["decisions"])


def draw(
    scenario: Scenario, episodes: Episodes, prioritizer: Prioritizer, negotiator: Negotiator, folder: Path
) -> dict[str, NDArray[np.uint8]]:
    """Draw the first episode as two policies play it, in the folder of their run; return the pictures [height, width, 3] by name."""
    instance, command = episodes.instances[episodes.instance[0]], folder / COMMAND
    log = record(scenario, instance, int(episodes.seeds[0]), prioritizer, negotiator)
    made_by = command.read_text(encoding="utf-8").strip() if command.is_file() else ""
    gantt(instance, log, folder / PICTURE, command=made_by)
    pictures = {"schedule": frame(instance, log)}
    return pictures | ({"bids": bids(instance, log)} if (log.kind == EventKind.RESOURCE_REQUEST).any() else {})
