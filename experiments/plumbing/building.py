"""Objects of a config: every value is checked against the type that its dataclass declares before anything is made of it."""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf

TARGET: Final = "_target_"
"""Key of a config node: the dotted name of the dataclass that it describes."""
KINDS: Final[dict[Any, str]] = {bool: "true or false", int: "an integer", float: "a number", str: "text"}


class ConfigError(ValueError):
    """A value of a config that cannot be used; the message names the key and the value, and says what would be right."""


def make(config: DictConfig, key: str, kind: type | None = None, **parts: Any) -> Any:
    """Build the object that the config's node ``key`` describes by its ``_target_``, or one of the dataclass ``kind``.

    ``parts`` are fields that the node has not. Where a whole number is wanted, 1e5 is one too.

    Raises:
        ConfigError: the node is absent, has a key too many or too few, or a value of the wrong type.
    """
    node = config.get(key)
    if missing := sorted(OmegaConf.missing_keys(node) if OmegaConf.is_config(node) else ()):
        raise ConfigError(f"{missing[0]} is missing, must be given")
    plain = OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
    return _build(plain, kind, key, parts)


def check(value: Any, kind: Any, name: str) -> Any:
    """Return ``value`` as ``kind``: a type, a list or tuple of one, one or None, or a dataclass that a mapping describes.

    Raises:
        ConfigError: where it is something else; the message calls it ``name``.
    """
    options = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    if value is None and NoneType in options:
        return None
    kind = options[0]
    if is_dataclass(kind):
        return _build(value, kind, name, {})
    if (series := get_origin(kind)) in (list, tuple):
        inner = get_args(kind)[0]
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{name} is {value!r}, must be a list, each entry {KINDS[inner]}")
        return series(check(part, inner, f"{name}[{k}]") for k, part in enumerate(value))
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
        raise ConfigError(f"{name} is {node!r}, must be a mapping; on the command line, choose {name}=NAME or set {name}.KEY=VALUE")
    kind = _class(node[TARGET], kind, f"{name}.{TARGET}") if TARGET in node else kind
    if kind is None:
        raise ConfigError(f"{name} has no {TARGET}, must name the dataclass that it describes")
    types, known = get_type_hints(kind), {field.name: field for field in fields(kind) if field.init and field.name not in parts}
    values = {key: value for key, value in node.items() if key != TARGET}
    for key in values:
        if key not in known:
            raise ConfigError(f"{name}.{key} is unknown, must be one of {', '.join(known)}")
    for key, field in known.items():
        if key not in values and field.default is MISSING and field.default_factory is MISSING:
            raise ConfigError(f"{name}.{key} is missing, must be given")
    return kind(**parts, **{key: check(value, types[key], f"{name}.{key}") for key, value in values.items()})


def _class(target: Any, kind: Any, name: str) -> Any:
    """Find a dataclass, ``kind`` or one that is derived from it; nothing else may be called by a config."""
    found: Any = None
    try:
        found = get_class(target)
    except Exception as error:  # whatever importing a module raises
        raise ConfigError(f"{name} is {target!r}, which cannot be imported: {error}") from None
    if not isinstance(found, type) or not is_dataclass(found) or (kind is not None and not issubclass(found, kind)):
        raise ConfigError(f"{name} is {target!r}, must be the dotted name of {kind.__name__ if kind else 'a dataclass'}")
    return found
