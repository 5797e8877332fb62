"""Learn both policies for a scenario, then compare them with rules on fresh episodes.

  parley train                                            the default: a shared cluster, five minutes
  parley train learner.seconds=60 seed=3                  shorter, another seed
  parley train --multirun seed=0,1,2                      several seeds, one after the other
  parley train experiment=job_shop                        one policy for the machines of job shops
  parley train scenario=job_shop workload.jobs_max=15     the same, on smaller ones: a scenario brings its experiment
  parley train experiment=batch_queue                     the head of a batch queue, on generated jobs
  parley train experiment=batch_queue workload=swf_logs workload.folder=FOLDER    on the first jobs of its logs
  parley train resume=FOLDER learner.seconds=600          go on with a run, here for longer

Ctrl-C finishes the iteration, saves a checkpoint and says how to go on; a second one does not wait. The run's folder gets
the config, a checkpoint, TensorBoard files, the best policy, evaluation.json, schedule.png and report.html.
~experiment: the settings below, without a recipe.
"""

from __future__ import annotations

import hashlib
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from filelock import FileLock, Timeout
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from agents.policies import RULES, is_rule, policy_folder
from agents.rules import index
from envs.files import write_text
from experiments.plumbing import cli, saved
from experiments.plumbing.building import check, check_writable, make, settings
from experiments.plumbing.manual import choices
from experiments.plumbing.settings import MOST_THREADS, Train

if TYPE_CHECKING:
    from agents.learning.config import Learner

CONFIG: Final = "config.yaml"
KEYS: Final = ("scenario", "workload", "learner", "seed", "device", "threads", "score")
"""What the config of a run must have to be resumed."""
CLAIM: Final = ".claimed"
"""Empty: locked by a run that learns in the folder."""
COMMAND: Final = "command.txt"
"""What was typed, for the card of a policy that is shipped."""
DEFAULT_EXPERIMENT: Final = "shared_cluster"
"""Of conf/train.yaml, and of its scenario, which is called default."""
NO_EXPERIMENT: Final = "~experiment"
"""On the command line: the defaults, without a recipe."""
RESUMABLE: Final = (
    "resume",
    "learner.decisions",
    "learner.seconds",
    "device",
    "score.prioritizer",
    "score.negotiator",
    "score.episodes",
)
"""What a resumed run may be told on the command line."""


def train(config: DictConfig) -> float:
    """Learn by the config, or go on by that of the run to resume; return the mean objective of what was learned, for a sweeper."""
    said, resumed = list(HydraConfig.get().overrides.task), config.resume is not None
    if resumed:
        config = saved_config(Path(str(config.resume)), said)
        cli.set_threads(cli.integer(config, "threads", 1, MOST_THREADS))
    elif config.folder is None:
        config.folder = str(new_folder(config, said))
    learn(config, cli.typed("train", ["folder"]), resumed)

    from experiments.reports import scoring

    with resumable(Path(config.folder)):
        return scoring.score(config, cli.make_scenario(config), Path(config.folder))


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


def learn(config: DictConfig, command: str, resumed: bool) -> None:
    """Assemble a run from its config, in its folder, and let it learn; a new run notes the command that it was made by.

    Raises:
        KeyboardInterrupt: where the user stopped it; the message says how to go on.
    """
    from agents.learning.config import Learner

    told, folder = settings(config, Train), Path(check(config.folder, str, "folder"))
    if not str(config.folder):
        raise cli.UsageError("folder is empty, must be the folder that the run goes to")
    if not resumed:
        check_free(folder)
    scenario, learner = cli.make_scenario(config), locate(make(config, "learner", Learner))
    cli.tell_skipped(scenario)
    check_writable("folder", folder / CONFIG)

    from agents.learning.loop import Run  # torch and SB3 take seconds to import; mistakes above are told at once
    from agents.operation.play_rules import FILE, rules_of
    from experiments.reports import scoring

    scoring.check(config)
    where = device(told.device)
    print(
        f"Learning with {told.threads} thread(s); everything goes to {folder}. First the rules play for a while.",
        flush=True,
    )
    run = Run(scenario, learner, folder, told.seed, where, told.threads)
    with claim(folder, resumed):
        if resumed:
            run.load()
        else:
            run.save()
            write_text(folder / COMMAND, f"{command}\n")
            write_text(folder / CONFIG, OmegaConf.to_yaml(config, resolve=True))
            by = config.learner.episodes
            write_text(folder / FILE, rules_of(scenario, str(by.prioritizer), str(by.negotiator)).text())
        print(f"Learning on {run.device}", flush=True)
        with resumable(folder):
            if not run.learn():
                raise KeyboardInterrupt


def check_free(folder: Path) -> None:
    """Raise UsageError where a folder holds a run."""
    if (folder / CONFIG).exists():
        raise cli.UsageError(f"folder={folder} holds a run already; give another folder, or go on with resume={folder}")


@contextmanager
def claim(folder: Path, resumed: bool) -> Iterator[None]:
    """Have a folder for a run that learns there: of two, one gets it.

    Raises:
        UsageError: where another run has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    broken_off = (folder / CLAIM).exists()
    try:
        claimed = FileLock(folder / CLAIM).acquire(
            blocking=False
        )  # the system gives it back when the process ends, however it does
    except Timeout:
        raise cli.UsageError(
            f"folder={folder} is being written by another run; give another folder, or wait for it"
        ) from None
    with claimed:
        if not resumed:
            check_free(folder)
        if broken_off and not resumed:
            print(
                f"{folder} is of a run that broke off before it had learned anything; starting anew there.", flush=True
            )
        yield


def locate(learner: Learner) -> Learner:
    """Name what comes with the repository by its folder: the learner itself knows rules and folders."""
    named = {role: getattr(learner.episodes, role) for role in RULES}
    folders: dict[str, Any] = {
        role: str(folder) for role, name in named.items() if not is_rule(role, name) and (folder := policy_folder(name))
    }
    network = learner.network
    if network.guide is not None:
        guide = policy_folder(network.guide)
        if guide is None or not (guide / index.FILE).is_file():
            raise cli.UsageError(
                f"learner.network.guide={network.guide}: must be null, or the folder of a tuned index, with {index.FILE}"
            )
        network = replace(network, guide=str(guide))
    evolution = learner.evolution
    if evolution.start is not None:
        start = policy_folder(evolution.start)
        if start is None or not (start / index.FILE).is_file():
            raise cli.UsageError(
                f"learner.evolution.start={evolution.start}: must be null, or the folder of an index, with {index.FILE}"
            )
        evolution = replace(evolution, start=str(start))
    return replace(learner, network=network, evolution=evolution, episodes=replace(learner.episodes, **folders))


@contextmanager
def resumable(folder: Path) -> Iterator[None]:
    """Add to an interruption how to go on with the run in a folder, which has a checkpoint."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"go on with: parley train {shlex.quote(cli.override('resume', str(folder)))}"
        ) from None


def device(name: str) -> str:
    """Return the name of a device that is there. Raises UsageError for any other."""
    import torch

    if name not in ("auto", "cpu", "cuda") or (name == "cuda" and not torch.cuda.is_available()):
        raise cli.UsageError(
            f"device={name}: there is no such device here, must be auto or cpu, or cuda where there is a GPU"
        )
    return name


def saved_config(folder: Path, overrides: list[str]) -> DictConfig:
    """The config of the run in a folder, with what the command line may change of it."""
    if not (folder / CONFIG).is_file():
        raise cli.UsageError(f"resume: {folder / CONFIG} does not exist; give the folder of an earlier run")
    for override in overrides:
        if override.split("=")[0] not in RESUMABLE:
            raise cli.UsageError(f"{override} cannot change a run that is resumed; only {', '.join(RESUMABLE[1:])} can")
    config = saved.read(folder / CONFIG)
    missing = [key for key in KEYS if key not in config]
    if missing:
        raise cli.UsageError(f"{folder / CONFIG}: has no {missing[0]}, must be the file that the run wrote")
    changes = OmegaConf.from_dotlist([override for override in overrides if not override.startswith("resume=")])
    changed = OmegaConf.merge(config, changes, {"folder": str(folder)})
    assert isinstance(changed, DictConfig)
    return changed


def main() -> None:
    """Run ``parley train``."""
    with cli.user_errors("train"):
        sys.argv[1:] = with_experiment(sys.argv[1:])
    cli.run(train, "train")
