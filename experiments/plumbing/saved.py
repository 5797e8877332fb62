"""Reads the config of a run, which may come from anywhere: bounded, plain values, nothing that refers to something else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from omegaconf import DictConfig, OmegaConf

from experiments.plumbing.building import ConfigError

MOST_BYTES: Final = 2**20
MOST_EVENTS: Final = 100_000
"""Of YAML: keys, values, beginnings and ends."""
MOST_DEPTH: Final = 32


def read(path: Path) -> DictConfig:
    """Return the config in a file.

    Raises:
        ConfigError: where the file is absent, too large or no YAML, or has an alias, an anchor, a tag or an interpolation: a config that
            was read must say the same everywhere, and must not be able to ask for the environment.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ConfigError(f"{path}: has more than {MOST_BYTES} bytes, must be the config of a run")
        text = data.decode("utf-8")
        _check(path, text)
        config = OmegaConf.create(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except ConfigError:
        raise
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # OmegaConf's and unicode's are ValueErrors
        raise ConfigError(f"{path}: not YAML: {error}") from None
    if not isinstance(config, DictConfig):
        raise ConfigError(f"{path}: is a list, must be the config that a run wrote")
    check_plain(path, config)
    return config


def check_plain(path: Path, config: DictConfig) -> None:
    """Raise ConfigError where a config that was read from a file has an interpolation: it could ask for the environment."""
    for key, value in _texts("", OmegaConf.to_container(config, resolve=False)):
        if "${" in value:
            raise ConfigError(
                f"{path}: {key} is {value!r}, must be plain: a config that was read may refer to nothing else"
            )


def _check(path: Path, text: str) -> None:
    """Refuse what could grow when it is read, before it is."""
    depth = 0
    for number, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
        place = f"{path}:{event.start_mark.line + 1}"
        if getattr(event, "anchor", None) is not None:
            raise ConfigError(f"{place}: has the YAML anchor or alias {event.anchor!r}, must write its value out")
        if getattr(event, "tag", None) is not None:
            raise ConfigError(f"{place}: has the YAML tag {event.tag!r}, must be plain")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_DEPTH or number > MOST_EVENTS:
            raise ConfigError(
                f"{place}: is deeper than {MOST_DEPTH} levels or has too many values, must be the config of a run"
            )


def _texts(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every text in a config, keys among them, with its dotted name."""
    if isinstance(value, dict):
        for key, part in value.items():
            inner = f"{name}.{key}" if name else str(key)
            yield inner, str(key)
            yield from _texts(inner, part)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _texts(f"{name}[{number}]", part)
    elif isinstance(value, str):
        yield name, value
