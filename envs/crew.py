"""The threads that play a World's worlds."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from envs.engine import tick
from envs.engine.layout import CALL, Records

_PLACE: Final = {name: k for k, name in enumerate(CALL.names or ())}
_COMMAND, _FIRST, _END, _TICKET = (_PLACE[name] for name in ("command", "first", "end", "ticket"))


class Crew:
    """The caller's thread and, where there is enough to do, others that share the worlds out among themselves.

    What a command reads is told beforehand, since that seldom changes.
    """

    def __init__(self, threads: int, records: Records, auto_reset: bool) -> None:
        """Take so many threads for worlds [B] WORLD, the caller's among them; they start when they are needed."""
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0
        """That the pool is of."""
        self._call = np.zeros(len(_PLACE), np.int64)
        self._held: dict[str, NDArray[Any]] = {}
        """The arrays whose addresses the call has."""
        self._tell(worlds=records)
        self._call[_PLACE["num_worlds"]], self._call[_PLACE["auto_reset"]] = len(records), auto_reset

    def schedule(self, seeds: NDArray[np.uint64], entries: NDArray[np.int32]) -> None:
        """Say what is played: [N] seeds and instances."""
        self._tell(seeds=seeds, entries=entries)
        self._call[_PLACE["length"]] = len(seeds)

    def act(self, picks: NDArray[np.int32], bids: NDArray[np.float64], completions: Records | None = None) -> None:
        """Say where actions are: [B, A], or [B R, A] with COMPLETIONs [B]. They are read, and in completions written, in place."""
        self._tell(picks=picks, bids=bids)
        self._call[_PLACE["rows"]] = len(picks)
        if completions is not None:
            self._tell(completions=completions)

    def _tell(self, **arrays: NDArray[Any]) -> None:
        self._held |= arrays
        for name, array in arrays.items():
            self._call[_PLACE[name]] = array.ctypes.data

    def run(self, command: int, worlds: range) -> int:
        """Have worlds carry out a command of ``tick.run_worlds``; return how many came back with trouble."""
        call = self._call
        call[_COMMAND], call[_FIRST], call[_END], call[_TICKET] = command, worlds.start, worlds.stop, 0
        if self._threads == 1:
            troubled: int = tick.run_worlds(call)
            return troubled
        block = 1 if command == tick.COMPLETE else tick.BLOCK
        others = [submit(tick.run_worlds, call) for submit in self._helpers(len(worlds), block)]
        return tick.run_worlds(call) + sum(other.result() for other in others)  # type: ignore[no-any-return]

    def _helpers(self, worlds: int, block: int) -> list[Callable[..., Future[int]]]:
        """Return what submits work, once for each thread beside the caller's that would find a block of so many worlds to play."""
        if self._pool is None or self._process != os.getpid():  # os.fork takes no thread along
            self._pool, self._process = ThreadPoolExecutor(self._threads - 1), os.getpid()
        return [self._pool.submit] * (min(self._threads, -(-worlds // block)) - 1)
