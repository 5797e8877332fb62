"""Say how long each kernel of the engine takes to compile, longest first: ``python scripts/compile_times.py``."""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from typing import Any

TOLD = 20
"""Kernels that are named; the rest is a sum."""


def main() -> None:
    """Compile the engine into an empty folder and time every function without what it calls."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PARLEY_KERNEL_CACHE"] = folder
        import numpy as np
        from numba.core import event

        class Times(event.Listener):  # type: ignore[misc]  # numba's class has no types
            """Time of each function's own compilation, in seconds."""

            def __init__(self) -> None:
                self.own: Counter[str] = Counter()
                self._open: list[list[float]] = []

            def on_start(self, event: Any) -> None:
                self._open.append([time.perf_counter(), 0.0])

            def on_end(self, event: Any) -> None:
                began, inside = self._open.pop()
                took = time.perf_counter() - began
                self.own[event.data["dispatcher"].py_func.__qualname__] += took - inside
                if self._open:
                    self._open[-1][1] += took

        times = Times()
        event.register("numba:compile", times)
        from envs import World
        from envs.default_scenario import default_scenario

        world = World(default_scenario())
        out = world.reset()
        world.step(out.mask.argmax(axis=2).astype(np.int32), np.zeros(out.acting.shape))
    for name, seconds in times.own.most_common(TOLD):
        print(f"{name:28s} {seconds:6.2f} s")
    print(f"{'all ' + str(len(times.own)):28s} {sum(times.own.values()):6.2f} s")


if __name__ == "__main__":
    main()
