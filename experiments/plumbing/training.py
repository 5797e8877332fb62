"""A training run in its folder: who may write there, what it is assembled from, how it goes on.

The folder gets the config, the command, the rules of play, a checkpoint, TensorBoard files and the best policy.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from filelock import FileLock, Timeout
from omegaconf import DictConfig, OmegaConf

from agents.policies import load_negotiator, load_prioritizer
from envs.files import write_text
from experiments.plumbing import cli, saved
from experiments.plumbing.building import check, check_writable, make, settings
from experiments.plumbing.settings import Train

if TYPE_CHECKING:
    from agents.learning.loop import Training

Hear = Callable[["Training", Mapping[str, Any]], object]
"""Is told after each iteration what was logged."""
CONFIG: Final = "config.yaml"
KEYS: Final = ("scenario", "workload", "learner", "seed", "device", "threads", "score")
"""What the config of a run must have to be resumed."""
CLAIM: Final = ".claimed"
"""Empty: locked by a run that learns in the folder."""
COMMAND: Final = "command.txt"
HALF_WRITTEN: Final = ".*.tmp"
"""Names of files that ``envs.files`` has not renamed yet."""
"""What was typed, for the card of a policy that is shipped."""
PAGE: Final = "report.html"
"""What is told of a run when it has been compared with rules."""
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


def learn(config: DictConfig, command: str, resumed: bool, hear: Hear | None = None) -> None:
    """Assemble a run from its config, in its folder, and let it learn; a new run notes the command that it was made by.

    Raises:
        KeyboardInterrupt: where the user stopped it; the message says how to go on.
    """
    from agents.learning.config import Learner, locate

    told, folder = settings(config, Train), Path(check(config.folder, str, "folder"))
    if not str(config.folder):
        raise cli.UsageError("folder is empty, must be the folder that the run goes to")
    if not resumed:
        check_free(folder)
    scenario, learner = cli.make_scenario(config), locate(make(config, "learner", Learner))
    cli.tell_skipped(scenario)
    check_writable("folder", folder / CONFIG)

    for role, load in (("prioritizer", load_prioritizer), ("negotiator", load_negotiator)):
        for name in cli.names(
            config.score, role
        ):  # that it cannot be scored by them is told before it learns, not after
            load(name)

    from agents.learning.loop import Training  # torch and SB3 take seconds to import; mistakes above are told at once
    from agents.operation.site.play_rules import FILE, rules_of

    where = device(told.device)
    print(
        f"Learning with {told.threads} thread(s); everything goes to {folder}. First the rules play for a while.",
        flush=True,
    )
    training = Training(scenario, learner, folder, told.seed, where, told.threads)
    training.play_rules()
    with claim(folder, resumed):
        if resumed:
            training.load()
        else:
            training.save()
            write_text(folder / COMMAND, f"{command}\n")
            write_text(folder / CONFIG, OmegaConf.to_yaml(config, resolve=True))
            by = config.learner.episodes
            write_text(folder / FILE, rules_of(scenario, str(by.prioritizer), str(by.negotiator)).text())
        print(f"Learning on {training.device}", flush=True)
        with resumable(folder):
            if not training.learn(hear):
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
        for half in folder.glob(HALF_WRITTEN):  # by a process that was killed: nobody else writes here now
            half.unlink()
        if not resumed:
            check_free(folder)
        if broken_off and not resumed:
            print(
                f"{folder} is of a run that broke off before it had learned anything; starting anew there.", flush=True
            )
        yield


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


def saved_config(folder: Path, overrides: Sequence[str] = (), composed: DictConfig | None = None) -> DictConfig:
    """The config of the run in a folder, with what the command line may change of it, ``overrides`` of what is ``composed``."""
    if not (folder / CONFIG).is_file():
        raise cli.UsageError(f"resume: {folder / CONFIG} does not exist; give the folder of an earlier run")
    for override in overrides:
        if override.split("=")[0] not in RESUMABLE:
            raise cli.UsageError(f"{override} cannot change a run that is resumed; only {', '.join(RESUMABLE[1:])} can")
    config = saved.read(folder / CONFIG)
    missing = [key for key in KEYS if key not in config]
    if missing:
        raise cli.UsageError(f"{folder / CONFIG}: has no {missing[0]}, must be the file that the run wrote")
    config.folder = str(folder)
    for key in (override.split("=")[0] for override in overrides):
        if key != "resume" and composed is not None:
            OmegaConf.update(config, key, OmegaConf.select(composed, key), merge=False)
    return config
