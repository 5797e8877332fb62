"""Tune a central index of a few weights, the strongest thing that is no network.

  parley tune workload.load_min=0.8 workload.load_max=2.0 workload.big_instances=0.5      two minutes
  parley tune search.generations=5 folder=results/mine         quickly, and elsewhere
  parley evaluate prioritizer=[wsrpt,wsrpt+w,policies/shared_cluster_index] negotiator=[urgency,policies/shared_cluster_index]

Every generation plays fresh episodes of the workload, all its indices the same ones; the mean of the last elite is kept and
compared with rules on fresh episodes. The same command gives the same weights.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from agents.progress import Progress
from envs.files import write_text
from experiments.plumbing import cli
from experiments.plumbing.building import check_writable, make, settings
from experiments.plumbing.settings import Tune


def tune(config: DictConfig) -> None:
    """Search, compare with the rules of ``config.score`` on fresh episodes, print, and write the index with what is known of it."""
    from agents.evaluation.play import (
        draw_episodes,  # the world takes a second to import: --help does not need it
        play,
    )
    from agents.evaluation.statistics import relative_difference
    from agents.evaluation.tuning import CrossEntropy
    from agents.evaluation.tuning import tune as generations
    from agents.policies import RULES, load_negotiator, load_prioritizer, shipping_folder
    from agents.rules import index
    from experiments.reports.tables import percent

    scenario, search = cli.make_scenario(config), make(config, "search", CrossEntropy)
    told = settings(config, Tune)
    columns = told.columns
    if len({name.removeprefix("-") for name in columns}) < max(2, len(columns)):
        raise cli.UsageError(f"columns is {columns}, must name two at least, each once")
    folder = shipping_folder("shared_cluster_index") if told.folder is None else Path(told.folder)
    path, score = folder / index.FILE, told.score
    rules = load_prioritizer(score.prioritizer), load_negotiator(score.negotiator)
    if path.parent == Path() or any((path.parent / role).exists() for role in RULES):
        raise cli.UsageError(
            f"folder={told.folder!r} must be a folder of its own: not this one, nor one that holds a policy"
        )
    check_writable("folder", path)
    bar = Progress(
        generations(scenario, search, told.seed, columns), total=search.generations, desc="tuning", unit="generation"
    )
    for found in bar:
        bar.set_postfix_str(f"spread {found.spread:.2f}, elite {100 * (found.gain - 1):+.1f} %")
    tuned, episodes = index.Index(found.mean), draw_episodes(scenario, score.episodes, score.seed)
    cost, of_rules = (play(scenario, episodes, *pair).objective for pair in ((tuned, tuned), rules))
    difference = relative_difference(cost, of_rules, cluster=episodes.instance)
    facts: dict[str, Any] = {
        "command": cli.typed("tune", ["folder"]),
        "seed": told.seed,
        "search": vars(search),
        "workload": OmegaConf.to_container(config.workload, resolve=True),
        "score": vars(score),
        "objective": float(cost.mean()),
        "objective_of_rules": float(of_rules.mean()),
        "difference": difference._asdict(),
    }
    write_text(
        path,
        json.dumps({"format": index.FORMAT, "weights": tuned.weights, "training": facts}, indent=1, allow_nan=False)
        + "\n",
    )
    print(", ".join(f"{name} {weight:+.3f}" for name, weight in tuned.weights.items()))
    named = f"{score.prioritizer} with {score.negotiator}"
    print(f"On {score.episodes} fresh episodes its mean objective is {percent(difference)} % of {named}.")
    print(f"The index is in {path}.")


def main() -> None:
    """Run ``parley tune``."""
    cli.run(tune, "tune")
