"""Score policies: every prioritizer with every negotiator, on the same episodes. ``--help`` shows how."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from experiments import cli


def evaluate(config: DictConfig) -> None:
    """Play, compare, print, and write what was measured where ``config.out`` says."""
    from agents.evaluation import draw_episodes  # the world takes a second to import: --help does not need it
    from experiments.comparison import as_json, as_text, compare, play_pairs
    from experiments.files import write_text
    from experiments.policies import load_negotiator, load_prioritizer, names

    count, seed, worlds = cli.integer(config, "episodes", 1), cli.integer(config, "seed", 0), cli.integer(config, "worlds", 1)
    resamples = cli.integer(config, "resamples", 1)
    out = None if config.out is None else Path(str(config.out))
    if out is not None and out.is_dir():
        raise cli.UsageError(f"out={out} is a folder, must be the file to write")
    prioritizers = {name: load_prioritizer(name) for name in names(config, "prioritizer")}
    negotiators = {name: load_negotiator(name) for name in names(config, "negotiator")}
    scenario = cli.make_scenario(config)
    cli.tell_skipped(scenario)
    episodes = draw_episodes(scenario, count, seed)
    comparison = compare(play_pairs(scenario, episodes, prioritizers, negotiators, worlds), resamples)
    if out is not None:
        settings: Any = OmegaConf.to_container(config, resolve=True)
        write_text(out, json.dumps(as_json(comparison, episodes, settings), indent=1, allow_nan=False) + "\n")
    print(as_text(comparison))
    if out is not None:
        print(f"Every episode's numbers are in {out}.")


def main() -> None:
    """Run ``parley-evaluate``."""
    cli.run(evaluate, "evaluate")


if __name__ == "__main__":
    main()
