"""The study of negotiation: train the variants that are missing, let all meet on the same episodes. ``--help`` shows how."""

from __future__ import annotations

import json

from omegaconf import DictConfig, ListConfig

from experiments.plumbing import cli
from experiments.plumbing.building import check
from experiments.plumbing.files import check_writable, write_text
from experiments.studies.page import command, place


def negotiation(config: DictConfig) -> None:
    """Train, measure, print, and write tables, numbers and the picture where ``config.out`` says."""
    out = place(config, "a .md file and a picture come")
    count = cli.integer(config, "episodes", 2, cli.MOST_EPISODES)
    loads = check(list(config.loads) if isinstance(config.loads, ListConfig) else config.loads, list[float], "loads")
    if not loads:
        raise cli.UsageError("loads is an empty list, must name one at least")

    from experiments.studies import measuring, variants  # numba and torch come with them, which --help does without

    chosen = variants.variants(config)
    planned = variants.runs(config, chosen)
    study = measuring.Study.of(config, chosen, planned, loads, count)
    check_writable("out", out)
    typed = command("experiments.negotiation")
    variants.train_missing(planned, typed)

    from experiments.reports.outcome import as_json, as_markdown, as_text, machine

    picture = out.with_suffix(".png")
    outcome, facts = study.measure(picture), machine()
    write_text(out, json.dumps(as_json(outcome, facts, typed), indent=1, allow_nan=False) + "\n")
    shown = f"\n![Weighted mean flow time against Jain's index: rules, the tuned index and what is learned]({picture.name})\n"
    write_text(out.with_suffix(".md"), as_markdown(outcome, facts, typed) + shown)
    print(as_text(outcome, facts))
    print(f"All numbers are in {out}, the tables in {out.with_suffix('.md')}, the picture is {picture}.")


def main() -> None:
    """Run ``parley-negotiation``."""
    cli.run(negotiation, "negotiation")


if __name__ == "__main__":
    main()
