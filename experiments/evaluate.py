"""Score policies: every prioritizer with every negotiator, on the same episodes. ``--help`` shows how."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from experiments.plumbing import cli
from experiments.plumbing.building import check
from experiments.plumbing.files import check_writable, write_text


def evaluate(config: DictConfig) -> None:
    """Play, compare, print, and write what was measured where ``config.out`` says."""
    from agents.evaluation.play import (
        draw_episodes,  # the world takes a second to import: --help does not need it
        without_repeats,  # the world takes a second to import: --help does not need it
    )
    from agents.policies import load_negotiator, load_prioritizer
    from experiments.plumbing.searching import check_searches, listed
    from experiments.reports.comparison import as_json, as_text, compare, play_pairs

    count, seed = cli.integer(config, "episodes", 1, cli.MOST_EPISODES), cli.integer(config, "seed", 0)
    worlds, search = cli.integer(config, "worlds", 1, cli.MOST_WORLDS), listed(config.search)
    name = check(config.out, str | None, "out")
    out = None if name is None else Path(name)
    if out is not None and out.is_dir():
        raise cli.UsageError(f"out={out} is a folder, must be the file to write")
    prioritizers = {name: load_prioritizer(name) for name in cli.names(config, "prioritizer")}
    negotiators = {name: load_negotiator(name) for name in cli.names(config, "negotiator")}
    scenario = cli.make_scenario(config)
    cli.tell_skipped(scenario)
    if out is not None:
        check_writable("out", out)
    episodes = without_repeats(scenario, draw_episodes(scenario, count, seed))
    if len(episodes.seeds) < count:
        print(f"episodes={count}: nothing in them is drawn, so that all are the same; one is played", file=sys.stderr)
    check_searches(scenario, episodes, search.values())
    comparison = compare(play_pairs(scenario, episodes, prioritizers, negotiators, worlds, search), episodes.instance)
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
