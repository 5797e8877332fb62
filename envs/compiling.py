"""Says on stderr, once for each, that something is being compiled: a quarter of a minute of silence looks like a hang."""

from __future__ import annotations

import sys
from typing import Any, Final

from numba.core import event

SLOW: Final = {
    "envs.engine": "the engine, which takes a quarter of a minute",
    "agents": "what policies compute with, which takes a quarter of a minute",
}
"""Packages of compiled code, and what to say where one has to be compiled; from a warm cache nothing is compiled, and nothing said."""


class Told(event.Listener):
    """Waits for the first function of each package that is compiled."""

    def __init__(self) -> None:
        """Begin with nothing said."""
        self._said: set[str] = set()

    def on_start(self, event: Any) -> None:
        """Say what begins, where it is slow."""
        module = event.data["dispatcher"].py_func.__module__
        package = next((name for name in SLOW if f"{module}.".startswith(f"{name}.")), None)
        if package is not None and package not in self._said:
            self._said.add(package)
            print(f"parley: compiling {SLOW[package]}, this once", file=sys.stderr, flush=True)

    def on_end(self, event: Any) -> None:
        """Nothing to say: what comes next speaks for itself."""


def tell() -> None:
    """From now on, say it."""
    event.register("numba:compile", Told())  # type: ignore[no-untyped-call]
