"""Settings of the operation: a recipe of ``conf/operation/``, or a file, checked against the dataclasses that have the defaults."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from experiments.plumbing.building import ConfigError, check, did_you_mean
from experiments.plumbing.manual import CONF, choices

if TYPE_CHECKING:
    from agents.operation.settings import Operation

GROUP: Final = "operation"


def read_operation(name: str, changes: dict[str, Any] | None = None) -> Operation:
    """Return the settings of a recipe or of a YAML file, in which the keys of ``changes`` (``service.port``) have other values.

    Raises:
        ConfigError: there is no such recipe or file, or a value of it is wrong; the message names file and key.
    """
    from agents.operation.settings import Operation  # brings numba, which --help does without

    known = choices(GROUP)
    path = CONF / GROUP / f"{name}.yaml" if name in known else Path(name)
    if not path.is_file():
        raise ConfigError(
            f"--config is {name!r}{did_you_mean(name, known)}, must be one of {', '.join(known)}, or a YAML file"
        )
    try:
        config = OmegaConf.load(path)
        if not isinstance(config, DictConfig):
            raise ConfigError(f"{path}: is a list, must be a mapping of settings")
        for key, value in (changes or {}).items():
            OmegaConf.update(config, key, value)
        plain = OmegaConf.to_container(config, resolve=True)
    except (YAMLError, OmegaConfBaseException) as error:
        raise ConfigError(f"{path}: must be YAML of settings: {error}") from None
    try:
        made: Operation = check(plain, Operation, GROUP)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None
    return made
