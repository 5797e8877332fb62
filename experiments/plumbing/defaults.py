"""Tells Hydra the defaults that the dataclasses have: recipes in ``conf/`` begin with them, as ``/defaults/learner``."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, Final

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING as REQUIRED

from experiments.plumbing import registry

GROUP: Final = "defaults"
NAME: Final = "name"
"""Key of a config node: which of the registered classes it describes."""


def register() -> None:
    """Store the defaults of everything that a config can describe."""
    store = ConfigStore.instance()
    for kind, known in registry.KINDS.items():
        for name, dotted in known.items():
            store.store(name=name, node={NAME: name} | defaults(registry.find(dotted)), group=f"{GROUP}/{kind}")
    for name, dotted in {**registry.NODES, **registry.COMMANDS}.items():
        store.store(name=name, node=defaults(registry.find(dotted)), group=GROUP)


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
