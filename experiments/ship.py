"""Put the median of several training runs into results/policies/SUITE, with a card.

  parley ship suite=job_shop runs=[RUN0,RUN1,RUN2]
  parley ship suite=job_shop runs=[RUN0,RUN1,RUN2] "limits='Machines that never break, that is.'"

Every run plays the same fresh episodes of its own training workload; the run whose mean objective is the median is shipped.
Commands take the policy by its name: parley evaluate prioritizer=policies/job_shop.
"""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from experiments.plumbing import cli
from experiments.plumbing.building import settings
from experiments.plumbing.settings import Ship

FEWEST: int = 3
"""Training runs of which one may be shipped."""


def ship(config: DictConfig) -> None:
    """Compare the runs on fresh episodes, copy the median one's policy and write its card."""
    told = settings(config, Ship)
    suite = told.suite
    if len(told.runs) < FEWEST:
        raise cli.UsageError(
            f"runs names {len(told.runs)} training runs, must name {FEWEST} or more: what is shipped is their median"
        )
    if not suite.isidentifier():
        raise cli.UsageError(f"suite is {suite!r}, must be the name of a suite")

    from agents.policies import shipping_folder
    from experiments.reports.cards import TrainingRun, median, write_card  # torch comes with it

    runs = [TrainingRun.read(Path(name)) for name in told.runs]
    learned = [{key: run.config.get(key) for key in ("scenario", "workload", "learner")} for run in runs]
    if any(each != learned[0] for each in learned) or len({run.facts()["seed"] for run in runs}) < len(runs):
        raise cli.UsageError("runs must have equal settings and different seeds: what is shipped is their median")
    scores = {run: run.score(told.episodes) for run in runs}
    chosen = median(scores)
    folder = shipping_folder(suite)
    write_card(folder, suite, chosen, scores, told.limits)
    print(
        f"{folder} holds the policy of {chosen.folder}, whose mean objective {scores[chosen]:,.1f} is the median; its card is README.md."
    )


def main() -> None:
    """Run ``parley ship``."""
    cli.run(ship, "ship")
