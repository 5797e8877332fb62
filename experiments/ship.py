"""Ship a policy with the repository: the median of several training runs, and its card. ``--help`` shows how."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig, ListConfig

from experiments.plumbing import cli

FEWEST: int = 3
"""Training runs of which one may be shipped."""


def ship(config: DictConfig) -> None:
    """Compare the runs on fresh episodes, copy the median one's policy and write its card."""
    names = [str(name) for name in config.runs] if isinstance(config.runs, ListConfig) else []
    if len(names) < FEWEST:
        raise cli.UsageError(f"runs names {len(names)} training runs, must name {FEWEST} or more: what is shipped is their median")
    suite = str(config.suite)
    if not suite.isidentifier():
        raise cli.UsageError(f"suite is {suite!r}, must be the name of a suite")
    count = cli.integer(config, "episodes", 1)

    from agents import policies
    from experiments.reports.cards import TrainingRun, median, write_card  # torch comes with it

    runs = [TrainingRun.read(Path(name)) for name in names]
    settings = [{key: run.config.get(key) for key in ("scenario", "workload", "learner")} for run in runs]
    if any(each != settings[0] for each in settings) or len({run.facts()["seed"] for run in runs}) < len(runs):
        raise cli.UsageError("runs must have equal settings and different seeds: what is shipped is their median")
    scores = {run: run.score(count) for run in runs}
    chosen = median(scores)
    folder = policies.SHELF / suite
    write_card(folder, suite, chosen, scores, str(config.limits))
    print(f"{folder} holds the policy of {chosen.folder}, whose mean objective {scores[chosen]:,.1f} is the median; its card is README.md.")


def main() -> None:
    """Run ``parley-ship``."""
    cli.run(ship, "ship")


if __name__ == "__main__":
    main()
