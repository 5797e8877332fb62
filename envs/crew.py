"""The threads that play a World's worlds."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from envs.engine import tick
from envs.engine.layout import Records


class Crew:
    """The caller's thread and, where there is enough to do, others that share the worlds out among themselves."""

    def __init__(self, threads: int) -> None:
        """Take so many threads, the caller's among them; they start when they are needed."""
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0
        """That the pool is of."""
        self._tickets = np.zeros(1, np.int64)

    def run(
        self,
        records: Records,
        command: int,
        picks: NDArray[np.int32],
        bids: NDArray[np.float64],
        seeds: NDArray[np.uint64],
        entries: NDArray[np.int32],
        auto_reset: bool,
        first: int,
        end: int,
        completions: Records,
    ) -> int:
        """Have worlds carry out a command, as ``tick.run_worlds`` does; return how many came back with trouble."""
        self._tickets[0] = 0
        work = (records, command, picks, bids, seeds, entries, auto_reset, self._tickets, first, end, completions)
        others = (
            [
                submit(tick.run_worlds, *work)
                for submit in self._helpers(end - first, 1 if command == tick.COMPLETE else tick.BLOCK)
            ]
            if self._threads > 1
            else ()
        )
        troubled: int = tick.run_worlds(*work)
        for other in others:
            troubled += other.result()
        return troubled

    def _helpers(self, worlds: int, block: int) -> list[Callable[..., Future[int]]]:
        """Return what submits work, once for each thread beside the caller's that would find a block of so many worlds to play."""
        if self._pool is None or self._process != os.getpid():  # os.fork takes no thread along
            self._pool, self._process = ThreadPoolExecutor(self._threads - 1), os.getpid()
        return [self._pool.submit] * (min(self._threads, -(-worlds // block)) - 1)
