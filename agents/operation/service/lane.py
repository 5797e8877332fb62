"""Work off the event loop: so much at once, so much that waits, and no more."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from agents.operation.service.refusal import Refusal
from agents.operation.site.problems import Problem

T = TypeVar("T")


class Lane:
    """Threads that do what requests want, in the order in which it came. A request that fails hurts no other."""

    def __init__(self, name: str, at_once: int, waiting: int, seconds: float) -> None:
        """Take how many work, how many more may wait, and the seconds after which nobody waits for an answer."""
        self.name, self.at_once, self.seconds = name, at_once, seconds
        self._most = at_once + waiting
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix=name)
        self._lock = threading.Condition()
        self._inside = 0

    @property
    def working(self) -> int:
        """How much is done now."""
        return min(self._inside, self.at_once)

    @property
    def waiting(self) -> int:
        """How much waits."""
        return max(0, self._inside - self.at_once)

    async def do(self, task: Callable[[float], T]) -> T:
        """Have a thread call ``task`` with the seconds that went by since now, and return what it does.

        Raises:
            Refusal: as many wait as may (503, with Retry-After), or there is no answer within the lane's seconds.
        """
        came = time.perf_counter()
        future = self.submit(lambda: task(time.perf_counter() - came))
        if future is None:
            value, expected = f"busy: {self._inside} {self.name} run or wait", "tried again in a second"
            raise Refusal(503, Problem("busy", "", value, expected), {"Retry-After": "1"})
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self.seconds)
        except TimeoutError:  # a thread cannot be stopped: it keeps its place until it is done
            value, expected = f"not done after {self.seconds:g} s", "smaller, or sent when there is less to do"
            raise Refusal(503, Problem("too_slow", "", value, expected), {"Retry-After": "1"}) from None

    def submit(self, task: Callable[[], T]) -> Future[T] | None:
        """Put a task at the end; None where as many wait as may."""
        with self._lock:
            if self._inside >= self._most:
                return None
            self._inside += 1
        future = self._threads.submit(task)
        future.add_done_callback(self._leave)
        return future

    def close(self, patience: float = 0.0) -> int:
        """Begin nothing any more, and return how much is still being done after so many seconds."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._lock.wait_for(lambda: not self._inside, patience)
            return self._inside

    def _leave(self, _: Future[T]) -> None:
        with self._lock:
            self._inside -= 1
            self._lock.notify_all()
