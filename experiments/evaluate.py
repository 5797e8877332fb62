"""Score policies, every prioritizer with every negotiator, on the same episodes.

  parley evaluate                                            the strongest rules in the default scenario
  parley evaluate prioritizer=spt negotiator=drf             one pair
  parley evaluate prioritizer=[wsrpt,wsrpt+w,wsrpt+r] negotiator=[drf,urgency] episodes=256 out=results/rules.json
  parley evaluate prioritizer=[wsrpt+r,results/shared_cluster/RUN/policy] negotiator=[urgency,results/shared_cluster/RUN/policy]
  parley evaluate scenario=job_shop workload=job_shop workload.path=ta01.txt prioritizer=[spt,fdd_mwkr]
  parley evaluate scenario.uncertainty.duration_sigma=0.5 workload.load_max=1.2

A policy is the name of a rule, the folder of a trained policy, or a shipped one such as policies/job_shop.
"+r": the rule may also reserve what cannot start yet. "+p": it leaves to better agents
what a forecast gives to them, where the scenario lets it pass.
  prioritizer   random fifo spt lpt edd wspt wsrpt atc slack mwkr mor fdd_mwkr critical_path lft lst mts saf f1
  negotiator    random equal fcfs drf urgency

The table shows the mean objective of each pair and its difference to the best pair of rules, with a 95 % interval
(paired bootstrap). Every event log passes an independent checker.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from envs.files import write_text
from experiments.plumbing import cli
from experiments.plumbing.building import check_writable, settings
from experiments.plumbing.settings import Evaluate


def evaluate(config: DictConfig) -> None:
    """Play, compare, print, and write what was measured where ``config.out`` says."""
    from agents.evaluation.play import (
        draw_episodes,  # the world takes a second to import: --help does not need it
        without_repeats,  # the world takes a second to import: --help does not need it
    )
    from agents.policies import load_negotiator, load_prioritizer
    from experiments.plumbing.searching import check_searches, listed
    from experiments.reports.comparison import as_json, as_text, compare, play_pairs

    told = settings(config, Evaluate)
    out = None if told.out is None else Path(told.out)
    search = listed(config.search)
    if out is not None and out.is_dir():
        raise cli.UsageError(f"out={out} is a folder, must be the file to write")
    prioritizers = {name: load_prioritizer(name) for name in cli.names(config, "prioritizer")}
    negotiators = {name: load_negotiator(name) for name in cli.names(config, "negotiator")}
    scenario = cli.make_scenario(config)
    cli.tell_skipped(scenario)
    if out is not None:
        check_writable("out", out)
    episodes = without_repeats(scenario, draw_episodes(scenario, told.episodes, told.seed))
    if len(episodes.seeds) < told.episodes:
        print(
            f"episodes={told.episodes}: nothing in them is drawn, so that all are the same; one is played",
            file=sys.stderr,
        )
    check_searches(scenario, episodes, search.values())
    pairs = play_pairs(scenario, episodes, prioritizers, negotiators, told.worlds, search)
    wanted = len(prioritizers) * len(negotiators) * (1 + len(search))
    comparison = compare(pairs, episodes.instance)
    if len(pairs) < wanted:
        print(as_text(comparison))
        raise KeyboardInterrupt(f"the table is of the first {len(pairs)} of {wanted} pairs; no file was written")
    if out is not None:
        plain: Any = OmegaConf.to_container(config, resolve=True)
        write_text(out, json.dumps(as_json(comparison, episodes, plain), indent=1, allow_nan=False) + "\n")
    print(as_text(comparison))
    if out is not None:
        print(f"Every episode's numbers are in {out}.")


def main() -> None:
    """Run ``parley evaluate``."""
    cli.run(evaluate, "evaluate")
