"""Tune a central index for a scenario by the cross-entropy method, and publish it by name. ``--help`` shows how."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, ListConfig, OmegaConf
from tqdm import tqdm

from experiments.plumbing import cli
from experiments.plumbing.building import check, make
from experiments.plumbing.files import check_writable, write_text


def tune(config: DictConfig) -> None:
    """Search, compare with the rules of ``config.score`` on fresh episodes, print, and write the index with what is known of it."""
    from agents.evaluation.play import (
        draw_episodes,  # the world takes a second to import: --help does not need it
        play,
    )
    from agents.evaluation.statistics import relative_difference
    from agents.evaluation.tuning import CrossEntropy
    from agents.evaluation.tuning import tune as generations
    from agents.policies import RULES, load_negotiator, load_prioritizer
    from agents.rules import index
    from experiments.reports.tables import percent

    scenario, search = cli.make_scenario(config), make(config, "search", CrossEntropy)
    columns: list[str] = check(list(config.columns) if isinstance(config.columns, ListConfig) else config.columns, list[str], "columns")
    if len({name.removeprefix("-") for name in columns}) < max(2, len(columns)):
        raise cli.UsageError(f"columns is {columns}, must name two at least, each once")
    seed, path = cli.integer(config, "seed", 0), Path(check(config.folder, str, "folder")) / index.FILE
    count, fresh = cli.integer(config, "score.episodes", 2, cli.MOST_EPISODES), cli.integer(config, "score.seed", 0)
    rules = load_prioritizer(str(config.score.prioritizer)), load_negotiator(str(config.score.negotiator))
    if path.parent == Path() or any((path.parent / role).exists() for role in RULES):
        raise cli.UsageError(f"folder={str(config.folder)!r} must be a folder of its own: not this one, nor one that holds a policy")
    check_writable("folder", path)
    bar = tqdm(generations(scenario, search, seed, columns), total=search.generations, desc="tuning", unit="generation", disable=None)
    for found in bar:
        bar.set_postfix_str(f"spread {found.spread:.2f}, elite {100 * (found.gain - 1):+.1f} %")
    tuned, episodes = index.Index(found.mean), draw_episodes(scenario, count, fresh)
    cost, of_rules = (play(scenario, episodes, *pair).objective for pair in ((tuned, tuned), rules))
    difference = relative_difference(cost, of_rules, cluster=episodes.instance)
    said = [override for override in HydraConfig.get().overrides.task if not override.startswith("folder=")]
    facts: dict[str, Any] = {
        "command": " ".join(["python -m experiments.tune", *said]),
        "seed": seed,
        "search": vars(search),
        "workload": OmegaConf.to_container(config.workload, resolve=True),
        "score": OmegaConf.to_container(config.score, resolve=True),
        "objective": float(cost.mean()),
        "objective_of_rules": float(of_rules.mean()),
        "difference": difference._asdict(),
    }
    write_text(path, json.dumps({"format": index.FORMAT, "weights": tuned.weights, "training": facts}, indent=1, allow_nan=False) + "\n")
    print(", ".join(f"{name} {weight:+.3f}" for name, weight in tuned.weights.items()))
    named = f"{config.score.prioritizer} with {config.score.negotiator}"
    print(f"On {count} fresh episodes its mean objective is {percent(difference)} % of {named}.")
    print(f"The index is in {path}.")


def main() -> None:
    """Run ``parley-tune``."""
    cli.run(tune, "tune")


if __name__ == "__main__":
    main()
