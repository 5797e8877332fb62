"""What the entry points share: Hydra without side effects, the scenario of a config, and one-line errors for the user."""

from __future__ import annotations

import errno
import functools
import os
import re
import shlex
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, Final

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiments.plumbing.building import check, did_you_mean, make, register
from experiments.plumbing.manual import choices
from experiments.plumbing.settings import MOST_THREADS, within

if TYPE_CHECKING:
    from envs.scenario import Scenario
    from envs.workloads.readers.swf_logs import SwfLogs
    from envs.workloads.source import FileWorkload

EXIT_USER_ERROR: Final = 2
EXIT_INTERRUPTED: Final = 130
"""What shells report for Ctrl-C."""
EXIT_BROKEN_PIPE: Final = 141
"""What shells report for a program that wrote to a closed pipe."""
DISK_ERRORS: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""A disk that is full or may not be written: of what, the error does not say where it comes from a stream."""
PLAIN: Final = re.compile(r"[A-Za-z0-9_./-]+")
"""What Hydra's grammar takes without quotes."""
OUR_PACKAGES: Final = ("envs", "agents", "experiments")
HYDRA_HINTS: Final = re.compile(
    r"To append to your (config|default list) use \S+|(Config search path|full_key):.*", re.DOTALL
)
"""What Hydra and OmegaConf add to a message that helps only their own developers."""


register()  # recipes begin with what the dataclasses say


class UsageError(ValueError):
    """Something that the user asked for and cannot have; the message is one line that says what would be right."""


def run(task: Callable[[DictConfig], Any], config_name: str) -> None:
    """Hand ``conf/<config_name>.yaml``, changed by the command line, to ``task``, with torch's threads set.

    Errors of the user become one line, ``parley <config_name>: error: ...``, and exit code 2: errors in the config and
    the command line, files that cannot be opened, and every ValueError whose class envs, agents or experiments define.
    Everything else is a defect and keeps its traceback. What ``task`` returns is the value of a job to a sweeper.
    """

    @functools.wraps(task)
    def job(config: DictConfig) -> Any:
        # Hydra would print a line of its own first; of a sweep it hands errors on when all jobs are done, and says which it was.
        with user_errors(config_name) if HydraConfig.get().mode == RunMode.RUN else nullcontext():
            set_threads(integer(config, "threads", 1, MOST_THREADS) if "threads" in config else 1)
            return task(config)

    threading.excepthook = _fail_quietly
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises what it would print
    with user_errors(config_name), _notes_elsewhere():
        hydra.main(config_path="pkg://conf", config_name=config_name, version_base="1.3")(job)()


@contextmanager
def _notes_elsewhere() -> Iterator[None]:
    """Let Hydra leave its notes of a sweep, which nobody misses, in a folder that goes."""
    typed = sys.argv
    with tempfile.TemporaryDirectory(prefix="parley-") as folder:
        sys.argv = [typed[0], *joined(typed[1:], override("hydra.sweep.dir", folder))]
        try:
            yield
        finally:
            sys.argv = typed


def set_threads(number: int) -> None:
    """Let torch, which may not be imported yet, compute with so many threads, here and in processes that start from here.

    More than one can be slower by far where somebody else uses the machine, and changes results in their last bits.
    """
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(number)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(number)


def joined(arguments: list[str], added: str) -> list[str]:
    """Return a command line with one more override, beside those that it has: Hydra wants them all in one place."""
    place = next((k for k, argument in enumerate(arguments) if "=" in argument or argument.startswith("~")), 0)
    return [*arguments[:place], added, *arguments[place:]]


def override(key: str, value: str) -> str:
    """Return ``key=value`` as Hydra reads it, whatever the value: its grammar has quotes of its own."""
    if PLAIN.fullmatch(value):
        return f"{key}={value}"
    text = value.replace("${", "\\${")
    text = re.sub(r"(\\*)'", r"\1\1\\'", text)
    text = re.sub(r"(\\+)$", r"\1\1", text)
    return f"{key}='{text}'"


def typed(name: str, without: Collection[str] = ()) -> str:
    """Return the command that was typed, as a shell takes it, without some settings."""
    said = [each for each in HydraConfig.get().overrides.task if each.split("=")[0] not in without]
    return " ".join(["parley", name, *map(shlex.quote, said)])


def make_scenario(config: DictConfig) -> Scenario:
    """Build the scenario of a config: its node ``scenario`` around its node ``workload``; raises what ``make`` raises."""
    from envs.scenario import Scenario  # brings numba, which --help does without

    scenario: Scenario = make(config, "scenario", Scenario, workload=make(config, "workload"))
    return scenario


def tell_skipped(scenario: Scenario) -> None:
    """Read the scenario's file, if it has one, and say on stderr what the reader skipped or put right."""
    from envs.workloads.readers.swf_logs import SwfLogs
    from envs.workloads.source import FileWorkload

    if isinstance(scenario.workload, FileWorkload):
        tell_report(scenario.workload, scenario.workload.path)
    elif isinstance(scenario.workload, SwfLogs):
        tell_report(scenario.workload, scenario.workload.folder)


def tell_report(workload: FileWorkload | SwfLogs, where: str) -> None:
    """Say on stderr what a reader skipped or put right, each line behind ``where`` that was."""
    for line in workload.report():
        print(f"{where}: {line}", file=sys.stderr)


def standard_scenario(name: str) -> Scenario:
    """Build the scenario of ``conf/scenario/<name>.yaml`` with its own workload, whatever the command line says."""
    return make_scenario(hydra.compose("benchmark", [f"scenario={name}"]))


def integer(config: DictConfig, key: str, low: int, high: int = 2**53) -> int:
    """Return the config's integer ``key``, dotted where it is in a node. Raises a ValueError where it is none in ``low``..``high``."""
    value: int = check(OmegaConf.select(config, key), int, key)
    within(key, value, low, high)
    return value


@contextmanager
def user_errors(config_name: str) -> Iterator[None]:
    """Turn errors of the user into one line on stderr and exit code 2; Ctrl-C into a word."""
    try:
        yield
    except BrokenPipeError:  # who reads our output has seen enough, as in "... | head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left to print has nowhere to go
        sys.exit(EXIT_BROKEN_PIPE)
    except KeyboardInterrupt as stop:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # who presses it again gets no traceback from the shutdown either
        print("; ".join([f"parley {config_name}: interrupted", *stop.args]), file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:
        line = explain(error)
        if line is None:
            raise
        print(f"parley {config_name}: error: {line}", file=sys.stderr)
        sys.exit(EXIT_USER_ERROR)


def explain(error: BaseException) -> str | None:
    """Return one line for the user, or None where the error is not the user's."""
    if isinstance(error, OverrideParseException):
        return _misread(error)
    if isinstance(error, HydraException | OmegaConfBaseException):
        return _one_line(
            *(HYDRA_HINTS.sub("", str(part)) for part in (error, error.__cause__) if part is not None), _meant(error)
        )
    if _raised_by_hydra(error):
        return _one_line(str(error), f"(command line: {shlex.join(sys.argv[1:])})")
    if isinstance(error, ValueError) and type(error).__module__.split(".")[0] in OUR_PACKAGES:
        return _one_line(str(error))
    if isinstance(error, OSError) and (error.filename is not None or error.errno in DISK_ERRORS):
        return f"{'writing' if error.filename is None else error.filename}: {error.strerror or error}"
    return None


def _misread(error: OverrideParseException) -> str:
    """What to write instead of an override that Hydra's grammar cannot read."""
    key, _, value = error.override.partition("=")
    if not value:
        quoted = shlex.quote(override("KEY", "a b"))
        return f"{error.override!r} is no setting, must be KEY=VALUE; a value with blanks in it needs quotes: {quoted}"
    return (
        f"{error.override!r} cannot be read: a list is [a,b], a mapping {{a:1}}; if its value is a text, quote it for Hydra and for the "
        f"shell: {shlex.quote(override(key, value))}"
    )


def _fail_quietly(failed: threading.ExceptHookArgs) -> None:
    """Say nothing of a thread that fails over what the user can mend, as TensorBoard's over a full disk: who waits for it says it."""
    if failed.exc_value is None or explain(failed.exc_value) is None:
        threading.__excepthook__(failed)


def _meant(error: Exception) -> str:
    """What comes closest to a setting or a recipe that does not exist, as words."""
    if found := re.search(r"Could not find '([a-z]+)/(.+?)'", str(error)):
        return did_you_mean(found[2], choices(found[1]))
    cause = error.__cause__
    if isinstance(cause, OmegaConfBaseException) and isinstance(cause.parent_node, DictConfig):
        return did_you_mean(str(cause.key), map(str, cause.parent_node))
    return ""


def _raised_by_hydra(error: BaseException) -> bool:
    """Whether Hydra stumbled itself, which it does over overrides that are well formed and senseless, such as ``workload=null``."""
    modules = [str(frame.f_globals["__name__"]) for frame, _ in walk_tb(error.__traceback__)]
    return bool(modules) and modules[-1].startswith("hydra.")


def _one_line(*texts: str) -> str:
    return " ".join(" ".join(texts).split())


def names(config: DictConfig, role: str) -> list[str]:
    """The names that were given for a role, one or a list, each once."""
    given = config[role]
    chosen = [str(name) for name in given] if isinstance(given, ListConfig) else [str(given)]
    if not chosen:
        raise UsageError(f"{role} is an empty list, must name a rule or the folder of a trained policy")
    if given is None or "" in chosen:
        raise UsageError(f"{role} is {given!r}, must name a rule or the folder of a trained policy")
    return list(dict.fromkeys(chosen))
