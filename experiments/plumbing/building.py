"""Dataclasses and configs, each made from the other.

Hydra is told the defaults that the dataclasses have: recipes in ``conf/`` begin with them, as ``/defaults/learner``. Every value of a
config is checked against the type that its dataclass declares before anything is made of it.
"""

from __future__ import annotations

import difflib
import importlib
import math
import tempfile
from collections.abc import Iterable
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING as REQUIRED
from omegaconf import DictConfig, OmegaConf

from experiments.plumbing import registry

GROUP: Final = "defaults"
"""Of the recipes that are the defaults of the dataclasses."""
NAME: Final = "name"
"""Key of a config node: which of the registered dataclasses it describes."""
KINDS: Final[dict[Any, str]] = {bool: "true or false", int: "an integer", float: "a number", str: "text"}

INFINITE: Final = {".inf": math.inf, "-.inf": -math.inf}
"""As YAML writes them."""

Settings = TypeVar("Settings")


class ConfigError(ValueError):
    """A value of a config that cannot be used; the message names the key and the value, and says what would be right."""


def make(config: DictConfig, key: str, kind: type | None = None, **parts: Any) -> Any:
    """Build the object that the config's node ``key`` describes: one of the dataclass ``kind``, or the registered one.

    ``parts`` are fields that the node has not. Where a whole number is wanted, 1e5 is one too.

    Raises:
        ConfigError: the node is absent, has a key too many or too few, or a value of the wrong type.
    """
    node = config.get(key)
    if kind is None and key in registry.NODES:
        kind = find(registry.NODES[key])
    if missing := sorted(OmegaConf.missing_keys(node) if OmegaConf.is_config(node) else ()):
        raise ConfigError(f"{missing[0]} is missing, must be given")
    plain = OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
    return _build(plain, kind, key, parts)


def settings(config: DictConfig, kind: type[Settings]) -> Settings:
    """Build the settings of a command from the top of its config, whose other nodes are built by ``make``.

    Raises:
        ConfigError, SettingError: a value that is missing, of the wrong type, or out of its bounds.
    """
    types = get_type_hints(kind)
    required = [field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING]  # type: ignore[arg-type]
    if absent := [name for name in required if name not in config]:
        raise ConfigError(f"{absent[0]} is missing, must be given")
    known = [*(field.name for field in fields(kind)), *getattr(kind, "NODES", ())]  # type: ignore[arg-type]
    if unknown := [str(key) for key in config if key not in known]:
        raise ConfigError(
            f"{unknown[0]} is unknown{did_you_mean(unknown[0], known)}, must be one of {', '.join(known)}"
        )
    values = {field.name: config[field.name] for field in fields(kind) if field.name in config}  # type: ignore[arg-type]
    plain = {
        key: OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
        for key, value in values.items()
    }
    return kind(**{key: check(value, types[key], key) for key, value in plain.items()})


def check(value: Any, kind: Any, name: str) -> Any:
    """Return ``value`` as ``kind``: a type, a list or tuple of one, a mapping from text to one, one or None, or a dataclass.

    Raises:
        ConfigError: where it is something else; the message calls it ``name``.
    """
    options = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    if value is None and NoneType in options:
        return None
    kind = options[0]
    if kind is Any:
        return value
    if is_dataclass(kind):
        return _build(value, kind, name, {})
    if (series := get_origin(kind)) in (list, tuple):
        inner = get_args(kind)[0]
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{name} is {value!r}, must be a list, each entry {KINDS[inner]}")
        return series(check(part, inner, f"{name}[{k}]") for k, part in enumerate(value))
    if series is dict:
        inner = get_args(kind)[1]
        if not isinstance(value, dict):
            raise ConfigError(f"{name} is {value!r}, must be a mapping, each value {KINDS[inner]}")
        return {str(key): check(part, inner, f"{name}.{key}") for key, part in value.items()}
    if kind is float and value in INFINITE:  # Hydra's grammar says inf, and takes YAML's word for a text
        return INFINITE[value]
    if kind in (int, float) and isinstance(value, int | float) and not isinstance(value, bool):
        try:
            if kind is float or kind(value) == value:
                return kind(value)
        except (OverflowError, ValueError):  # an integer beyond all floats; inf and nan, which are no integers
            pass
    elif kind in (bool, str) and isinstance(value, kind):
        return value
    raise ConfigError(f"{name} is {value!r}, must be {KINDS[kind]}{' or null' if NoneType in options else ''}")


def _build(node: Any, kind: Any, name: str, parts: dict[str, Any]) -> Any:
    if not isinstance(node, dict):
        raise ConfigError(
            f"{name} is {node!r}, must be a mapping; on the command line, choose {name}=NAME or set {name}.KEY=VALUE"
        )
    if "_target_" in node:
        raise ConfigError(
            f"{name}._target_ is {node['_target_']!r}, must be absent: a config names what it wants, and imports nothing"
        )
    values = dict(node)
    if kind is None:
        kind = _named(values.pop(NAME, None), name)
    types, known = (
        get_type_hints(kind),
        {field.name: field for field in fields(kind) if field.init and field.name not in parts},
    )
    for key in values:
        if key not in known:
            raise ConfigError(f"{name}.{key} is unknown{did_you_mean(key, known)}, must be one of {', '.join(known)}")
    for key, field in known.items():
        if key not in values and field.default is MISSING and field.default_factory is MISSING:
            raise ConfigError(f"{name}.{key} is missing, must be given")
    return kind(**parts, **{key: check(value, types[key], f"{name}.{key}") for key, value in values.items()})


def _named(chosen: Any, name: str) -> Any:
    """Return the registered dataclass; nothing else is ever imported for a config."""
    known = registry.KINDS[name]
    if not isinstance(chosen, str) or chosen not in known:
        raise ConfigError(
            f"{name}.{NAME} is {chosen!r}{did_you_mean(chosen, known)}, must be one of {', '.join(known)}"
        )
    return find(known[chosen])


def find(dotted: str) -> Any:
    """Import what a table of the registry names."""
    module, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(module), name)


def check_writable(key: str, path: Path) -> None:
    """Try to write where ``path`` is to be written later, and leave nothing behind.

    Raises:
        ConfigError: where that fails; the message calls it ``key``.
    """
    if path.is_dir():
        raise ConfigError(f"{key}: {path} is a folder, must be the name of a file to write")
    try:
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        with tempfile.TemporaryFile(dir=folder, prefix=path.name):
            pass
    except OSError as error:
        raise ConfigError(f"{key}: {path} cannot be written: {error.strerror}; must be a place that can") from None


def did_you_mean(given: Any, known: Iterable[Any]) -> str:
    """Return the name that comes closest to what was given, as words for a message; nothing where none is close."""
    close = difflib.get_close_matches(str(given), [str(name) for name in known], 1)
    return f" (did you mean {close[0]}?)" if close else ""


def register() -> None:
    """Store the defaults of everything that a config can describe."""
    store = ConfigStore.instance()
    for kind, known in registry.KINDS.items():
        for name, dotted in known.items():
            store.store(name=name, node={NAME: name} | defaults(find(dotted)), group=f"{GROUP}/{kind}")
    for name, dotted in {**registry.NODES, **registry.COMMANDS}.items():
        store.store(name=name, node=defaults(find(dotted)), group=GROUP)


def defaults(kind: Any) -> dict[str, Any]:
    """Return the default of every field of a dataclass, in the types that YAML has; nodes with a name of their own are left out."""
    return {field.name: _default(field) for field in fields(kind) if field.init and field.name not in registry.KINDS}


def _default(field: Field[Any]) -> Any:
    if field.default is not MISSING:
        return _plain(field.default)
    return REQUIRED if field.default_factory is MISSING else _plain(field.default_factory())


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value) if field.init}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value
