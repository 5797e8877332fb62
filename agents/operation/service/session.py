"""The live situation: kept between requests, changed by name, and never under the feet of somebody who saw an earlier one."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from typing import Any

from agents.operation.service.refusal import Refusal
from agents.operation.site.problems import Problem
from agents.operation.site.situation import Situation


class Session:
    """A situation and its version, which is told as an ETag."""

    def __init__(self) -> None:
        """Begin without a situation."""
        self._lock = threading.Lock()
        self._born = secrets.token_hex(4)  # versions of a service that was restarted are not those of before
        self._version = 0
        self._situation: Situation | None = None

    @property
    def tag(self) -> str:
        """The version that is current, as an ETag has it."""
        return f'"{self._born}-{self._version}"'

    @property
    def exists(self) -> bool:
        """Whether there is a situation."""
        return self._situation is not None

    def get(self) -> tuple[Situation, str]:
        """Return the situation and its version.

        Raises:
            Refusal: there is none yet.
        """
        with self._lock:
            return self._current(), self.tag

    def put(self, situation: Situation, expected: str | None) -> tuple[str, bool]:
        """Replace the situation; return its version, and whether it is the first.

        Raises:
            Refusal: ``expected``, an If-Match, is not the current version, or is absent where there is a situation already.
        """
        with self._lock:
            first = self._situation is None
            if not first and expected is None:
                told = f"the ETag of the situation that is replaced, which is {self.tag}, or *"
                raise Refusal(428, Problem("precondition_required", "If-Match", "absent", told))
            self._check(expected)
            return self._take(situation), first

    def patch(self, changes: Mapping[str, Any], expected: str | None) -> tuple[Situation, str]:
        """Merge changes by name, as :meth:`Situation.merged` does; return the situation and its version.

        Raises:
            Refusal: there is none yet, or ``expected`` is not its version.
            SituationError: the result would be no situation; what was there stays.
        """
        with self._lock:
            situation = self._current()
            self._check(expected)
            merged = situation.merged(changes)
            return merged, self._take(merged)

    def _current(self) -> Situation:
        if self._situation is None:
            raise Refusal(404, Problem("no_situation", "", "absent", "put first: PUT /situation"))
        return self._situation

    def _take(self, situation: Situation) -> str:
        self._situation, self._version = situation, self._version + 1
        return self.tag

    def _check(self, expected: str | None) -> None:
        if expected is None:
            return
        known = [each.strip() for each in expected.split(",")]
        if (self._situation is None or "*" not in known) and self.tag not in known:
            told = f"{self.tag}, the current version: get it and make the change again"
            raise Refusal(412, Problem("changed", "If-Match", expected[:60], told), {"ETag": self.tag})
