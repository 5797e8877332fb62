"""What negotiation is worth: rules or learned, rewards, credits, bid levels, reservations, fairness.

  parley negotiation                                                 train what is missing, then play; an hour or two
  parley negotiation only=[team,own] seeds=[0] learner.decisions=2e5 runs=results/mine out=results/mine.json    a first look
  parley negotiation '+variants.late={scenario:{objective:{tardiness:1}}}' only=[team,late] runs=results/mine out=results/mine.json

All settings of parley train hold for every variant; a variant changes some of them. Ctrl-C loses nothing: the same command goes
on. Every schedule is checked.
"""

from __future__ import annotations

import json

from omegaconf import DictConfig

from envs.files import write_text
from experiments.plumbing import cli
from experiments.plumbing.building import check_writable, settings
from experiments.plumbing.settings import Negotiation
from experiments.studies.page import command, place


def negotiation(config: DictConfig) -> None:
    """Train, play, print, and write tables, numbers and the picture where ``config.out`` says."""
    out = place(config, "a .md file and a picture come")
    told = settings(config, Negotiation)
    if not told.loads:
        raise cli.UsageError("loads is an empty list, must name one at least")

    from experiments.studies import study, variants  # numba and torch come with them, which --help does without

    chosen = variants.variants(config)
    replicates = variants.replicates(config, chosen)
    asked = study.Study.of(config, chosen, replicates, told)
    check_writable("out", out)
    typed = command("negotiation")
    variants.train_missing(replicates, typed)

    from experiments.reports.outcome import as_json, as_markdown, as_text, machine

    picture = out.with_suffix(".png")
    outcome, facts = asked.outcome(picture, typed), machine()
    write_text(out, json.dumps(as_json(outcome, facts, typed), indent=1, allow_nan=False) + "\n")
    shown = f"\n![Weighted mean flow time against Jain's index: rules, the tuned index and what is learned]({picture.name})\n"
    write_text(out.with_suffix(".md"), as_markdown(outcome, facts, typed) + shown)
    print(as_text(outcome, facts))
    print(f"All numbers are in {out}, the tables in {out.with_suffix('.md')}, the picture is {picture}.")


def main() -> None:
    """Run ``parley negotiation``."""
    cli.run(negotiation, "negotiation")
