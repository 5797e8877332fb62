"""What the entry points share: Hydra without side effects, the scenario of a config, and one-line errors for the user."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

import hydra
from hydra.errors import HydraException, InstantiationException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

if TYPE_CHECKING:
    from envs.scenario import Scenario

EXIT_USER_ERROR: Final = 2
EXIT_INTERRUPTED: Final = 130
"""What shells report for Ctrl-C."""
EXIT_BROKEN_PIPE: Final = 141
"""What shells report for a program that wrote to a closed pipe."""
OUR_PACKAGES: Final = ("envs", "agents", "experiments")
HYDRA_HINTS: Final = re.compile(r"To append to your (config|default list) use \S+|(Config search path|full_key):.*", re.DOTALL)
"""What Hydra and OmegaConf add to a message that helps only their own developers."""


class UsageError(ValueError):
    """Something that the user asked for and cannot have; the message is one line that says what would be right."""


def run(task: Callable[[DictConfig], None], config_name: str) -> None:
    """Hand ``conf/<config_name>.yaml``, changed by the command line, to ``task``.

    Errors of the user become one line, ``parley-<config_name>: error: ...``, and exit code 2: errors in the config and
    the command line, files that cannot be opened, and every ValueError whose class envs, agents or experiments define.
    Everything else is a defect and keeps its traceback.
    """

    @functools.wraps(task)
    def job(config: DictConfig) -> None:
        with user_errors(config_name):  # inside Hydra's job, which would print a line of its own first
            task(config)

    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises what it would print
    with user_errors(config_name):
        hydra.main(config_path="pkg://conf", config_name=config_name, version_base="1.3")(job)()


def make(node: DictConfig) -> Any:
    """Build the object that a config node describes by its ``_target_``; lists and mappings become plain ones."""
    return hydra.utils.instantiate(node, _convert_="all")


def make_scenario(config: DictConfig) -> Scenario:
    """Build the scenario of a config: the parts of its node ``scenario`` around its node ``workload``.

    Raises:
        UsageError: where the node has a key that is no part of a scenario.
    """
    from envs.scenario import Scenario  # brings numba, which --help does without

    parts = make(config.scenario)
    known = [field.name for field in fields(Scenario) if field.name != "workload"]
    for name in parts:
        if name not in known:
            raise UsageError(f"scenario.{name} is unknown, must be one of {', '.join(known)}")
    workload = make(config.workload)
    try:
        return Scenario(workload=workload, **parts)
    except TypeError as error:  # a word where a number belongs, null where a part belongs
        raise UsageError(f"scenario: a value has the wrong type: {error}") from None


def tell_skipped(scenario: Scenario) -> None:
    """Read the scenario's file, if it has one, and say on stderr what the reader skipped or put right."""
    from envs.workloads.source import FileWorkload

    if isinstance(scenario.workload, FileWorkload):
        for line in scenario.workload.report():
            print(f"{scenario.workload.path}: {line}", file=sys.stderr)


def standard_scenario(name: str) -> Scenario:
    """Build the scenario of ``conf/scenario/<name>.yaml`` with its own workload, whatever the command line says."""
    return make_scenario(hydra.compose("benchmark", [f"scenario={name}"]))


def integer(config: DictConfig, key: str, low: int, high: int = 2**53) -> int:
    """Return the config's integer ``key``. Raises UsageError where it is none, or not in ``low``..``high``."""
    value = config[key]
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise UsageError(f"{key} is {value!r}, must be an integer {f'>= {low}' if high == 2**53 else f'in {low}..{high}'}")
    return value


@contextmanager
def user_errors(config_name: str) -> Iterator[None]:
    """Turn errors of the user into one line on stderr and exit code 2; Ctrl-C into a word."""
    try:
        yield
    except BrokenPipeError:  # who reads our output has seen enough, as in "... | head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left to print has nowhere to go
        sys.exit(EXIT_BROKEN_PIPE)
    except KeyboardInterrupt:
        print(f"parley-{config_name}: interrupted", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:
        line = explain(error)
        if line is None:
            raise
        print(f"parley-{config_name}: error: {line}", file=sys.stderr)
        sys.exit(EXIT_USER_ERROR)


def explain(error: BaseException) -> str | None:
    """Return one line for the user, or None where the error is not the user's."""
    if isinstance(error, InstantiationException) and error.__cause__ is not None:
        cause = explain(error.__cause__)
        return cause if cause is not None else _one_line(str(error))
    if isinstance(error, HydraException | OmegaConfBaseException):
        return _one_line(*(HYDRA_HINTS.sub("", str(part)) for part in (error, error.__cause__) if part is not None))
    if isinstance(error, ValueError) and type(error).__module__.split(".")[0] in OUR_PACKAGES:
        return _one_line(str(error))
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return None


def _one_line(*texts: str) -> str:
    return " ".join(" ".join(texts).split())
