"""Learn both policies for a scenario, then compare them with rules on fresh episodes.

  parley train                                            the default: a shared cluster, five minutes
  parley train learner.seconds=60 seed=3                  shorter, another seed
  parley train --multirun seed=0,1,2                      several seeds, one after the other
  parley train experiment=job_shop                        one policy for the machines of job shops
  parley train scenario=job_shop workload.jobs_max=15     the same, on smaller ones: a scenario brings its experiment
  parley train experiment=batch_queue                     the head of a batch queue, on generated jobs
  parley train experiment=batch_queue workload=swf_logs workload.folder=FOLDER    on the first jobs of its logs
  parley train resume=FOLDER learner.seconds=600          go on with a run, here for longer
  parley train --live                                     show in a browser how it goes; --live=8080 at this port

Ctrl-C finishes the iteration, saves a checkpoint and says how to go on; a second one does not wait. The run's folder gets
the config, a checkpoint, TensorBoard files, the best policy, evaluation.json, schedule.png and report.html.
~experiment: the settings below, without a recipe.
"""

from __future__ import annotations

import hashlib
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from experiments.plumbing import cli, training
from experiments.plumbing.building import check
from experiments.plumbing.manual import choices
from experiments.plumbing.settings import MOST_PORT, MOST_THREADS, within

DEFAULT_EXPERIMENT: Final = "shared_cluster"
"""Of conf/train.yaml, and of its scenario, which is called default."""
NO_EXPERIMENT: Final = "~experiment"
"""On the command line: the defaults, without a recipe."""
LIVE: Final = "--live"


def train(config: DictConfig) -> float:
    """Learn by the config, or go on by that of the run to resume; return the mean objective of what was learned, for a sweeper."""
    said, resumed = list(HydraConfig.get().overrides.task), config.resume is not None
    port, config.live = check(config.live, int | None, "live"), None  # a matter of this command, not of the run
    within("live", port or 0, 0, MOST_PORT)
    said = [override for override in said if not override.startswith("live=")]
    if resumed:
        config = training.saved_config(Path(str(config.resume)), said, config)
        cli.set_threads(cli.integer(config, "threads", 1, MOST_THREADS))
    elif config.folder is None:
        config.folder = str(new_folder(config, said))
    command = cli.typed("train", ["folder", "live"])
    with shown(port, str(config.folder), command) as hear:
        training.learn(config, command, resumed, hear)

        from experiments.reports import scoring

        with training.resumable(Path(config.folder)):
            return scoring.score(config, cli.make_scenario(config), Path(config.folder))


@contextmanager
def shown(port: int | None, folder: str, command: str) -> Iterator[training.Hear | None]:
    """Show a run in a browser while it goes, at a port of this machine; None: do not, and import nothing for it."""
    if port is None:
        yield None
        return
    from experiments.reports.live import server
    from experiments.reports.live.board import Board
    from experiments.reports.live.learning import Learning

    run = Learning(folder, command)
    with server.shown(
        Board(run.report, clock=time.process_time), port, f"The report of this run: parley report {shlex.quote(folder)}"
    ):
        yield run.hear


def new_folder(config: DictConfig, said: list[str]) -> Path:
    """Name the folder of a new run: jobs that start in the same second differ in the seed, or in the mark of what else was said."""
    hydra = HydraConfig.get()
    others = [override for override in said if not override.startswith("seed=")]
    if hydra.mode == RunMode.MULTIRUN:
        others.append(str(hydra.job.num))
    mark = f"-{hashlib.sha256(' '.join(others).encode()).hexdigest()[:6]}" if others else ""
    place = hydra.runtime.choices.get("experiment") or hydra.runtime.choices["scenario"]
    return Path("results", str(place), f"{datetime.now():%Y%m%d-%H%M%S}-s{config.seed}{mark}")


def with_experiment(arguments: list[str]) -> list[str]:
    """Add to a command line the experiment of its scenario, where it names none: the default one is for its own scenario alone.

    Raises:
        UsageError: where scenarios are swept, which experiments would have to be with them.
    """
    said = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    scenario = said.get("scenario")
    if scenario is None or "experiment" in said or "resume" in said or NO_EXPERIMENT in arguments:
        return arguments
    if "," in scenario:
        raise cli.UsageError(f"scenario={scenario} cannot be swept, must be one; sweep experiment=NAME,NAME instead")
    known = {"default": DEFAULT_EXPERIMENT, **{name: name for name in choices("experiment")}}
    return cli.joined(arguments, f"experiment={known[scenario]}" if scenario in known else NO_EXPERIMENT)


def with_live(arguments: list[str]) -> list[str]:
    """Return a command line with ``--live`` or ``--live=PORT`` written as the setting live, among the others."""
    rest = [argument for argument in arguments if argument.partition("=")[0] != LIVE]
    for argument in arguments:
        if argument.partition("=")[0] == LIVE:
            rest = cli.joined(rest, f"live={argument.partition('=')[2] or 0}")
    return rest


def main() -> None:
    """Run ``parley train``."""
    with cli.user_errors("train"):
        sys.argv[1:] = with_experiment(with_live(sys.argv[1:]))
    cli.run(train, "train")
