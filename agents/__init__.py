"""Who decides: rules, trained policies, the learning subsystem and evaluation. This is its public surface: ``load``."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agents.policies import load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    """Import what loads policies when it is first asked for: packages of agents do not wait for one another."""
    if name == "load":
        return importlib.import_module("agents.policies").load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
