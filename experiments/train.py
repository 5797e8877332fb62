"""Learn policies for a scenario: ``parley-train scenario=default learner=ppo seed=0``; ``--help`` shows every setting."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from filelock import FileLock, Timeout
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from agents.policies import RULES, is_rule, policy_folder
from agents.rules import index
from experiments.plumbing import cli
from experiments.plumbing.building import check, make
from experiments.plumbing.files import check_writable, write_text

if TYPE_CHECKING:
    from agents.learning.config import Learner

CONFIG: Final = "config.yaml"
KEYS: Final = ("scenario", "workload", "learner", "seed", "device", "threads", "score")
"""What the config of a run must have to be resumed."""
CLAIM: Final = ".claimed"
"""Empty: locked by a run that learns in the folder."""
COMMAND: Final = "command.txt"
"""What was typed, for the card of a policy that is shipped."""
MOST_THREADS: Final = 256
RESUMABLE: Final = ("resume", "learner.decisions", "learner.seconds", "device", "score.prioritizer", "score.negotiator", "score.episodes")
"""What a resumed run may be told on the command line."""


def train(config: DictConfig) -> None:
    """Learn by the config, or go on by that of the run to resume."""
    said, resumed = list(HydraConfig.get().overrides.task), config.resume is not None
    if resumed:
        config = saved_config(Path(str(config.resume)), said)
    command = ["python -m experiments.train", *(override for override in said if not override.startswith("folder="))]
    learn(config, " ".join(command), resumed)

    from experiments.reports import scoring

    with resumable(Path(config.folder)):
        scoring.score(config, cli.make_scenario(config), Path(config.folder))


def learn(config: DictConfig, command: str, resumed: bool) -> None:
    """Assemble a run from its config, in its folder, and let it learn; a new run notes the command that it was made by.

    Raises:
        KeyboardInterrupt: where the user stopped it; the message says how to go on.
    """
    from agents.learning.config import Learner

    folder = Path(check(config.folder, str, "folder"))
    seed, threads = cli.integer(config, "seed", 0), cli.integer(config, "threads", 1, MOST_THREADS)
    if not resumed:
        check_free(folder)
    scenario, learner = cli.make_scenario(config), locate(make(config, "learner", Learner))
    cli.tell_skipped(scenario)
    check_writable("folder", folder / CONFIG)

    from agents.learning.loop import Run  # torch and SB3 take seconds to import; mistakes above are told at once
    from agents.operation.play_rules import FILE, rules_of
    from experiments.reports import scoring

    scoring.check(config)
    where = device(str(config.device))
    print(f"Learning with {threads} thread(s); everything goes to {folder}. First the rules play for a while.", flush=True)
    run = Run(scenario, learner, folder, seed, where, threads)
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
        claimed = FileLock(folder / CLAIM).acquire(blocking=False)  # the system gives it back when the process ends, however it does
    except Timeout:
        raise cli.UsageError(f"folder={folder} is being written by another run; give another folder, or wait for it") from None
    with claimed:
        if not resumed:
            check_free(folder)
        if broken_off and not resumed:
            print(f"{folder} is of a run that broke off before it had learned anything; starting anew there.", flush=True)
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
            raise cli.UsageError(f"learner.network.guide={network.guide}: must be null, or the folder of a tuned index, with {index.FILE}")
        network = replace(network, guide=str(guide))
    return replace(learner, network=network, episodes=replace(learner.episodes, **folders))


@contextmanager
def resumable(folder: Path) -> Iterator[None]:
    """Add to an interruption how to go on with the run in a folder, which has a checkpoint."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"go on with: parley-train {shlex.quote(f'resume={folder}')}") from None


def device(name: str) -> str:
    """Return the name of a device that is there. Raises UsageError for any other."""
    import torch

    if name not in ("auto", "cpu", "cuda") or (name == "cuda" and not torch.cuda.is_available()):
        raise cli.UsageError(f"device={name}: there is no such device here, must be auto or cpu, or cuda where there is a GPU")
    return name


def saved_config(folder: Path, overrides: list[str]) -> DictConfig:
    """The config of the run in a folder, with what the command line may change of it."""
    if not (folder / CONFIG).is_file():
        raise cli.UsageError(f"resume: {folder / CONFIG} does not exist; give the folder of an earlier run")
    for override in overrides:
        if override.split("=")[0] not in RESUMABLE:
            raise cli.UsageError(f"{override} cannot change a run that is resumed; only {', '.join(RESUMABLE[1:])} can")
    try:
        saved = OmegaConf.load(folder / CONFIG)
    except (yaml.YAMLError, OSError, ValueError) as error:
        raise cli.UsageError(f"{folder / CONFIG}: not YAML: {error}") from None
    missing = [key for key in KEYS if not OmegaConf.is_dict(saved) or key not in saved]
    if missing:
        raise cli.UsageError(f"{folder / CONFIG}: has no {missing[0]}, must be the file that the run wrote")
    changed = OmegaConf.merge(saved, OmegaConf.from_dotlist([o for o in overrides if not o.startswith("resume=")]), {"folder": str(folder)})
    assert isinstance(changed, DictConfig)
    return changed


def main() -> None:
    """Entry point of ``parley-train``."""
    cli.run(train, "train")


if __name__ == "__main__":
    main()
