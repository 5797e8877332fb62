"""How far something is: a bar where people look, a line per minute in a log."""

from __future__ import annotations

import time
from typing import Any, Final

from tqdm import tqdm

LINES: Final = 60.0
"""Seconds between two lines where there is no terminal."""
BEATS: Final = 0.5
"""Seconds between two signs of life on a terminal."""
LOGGED: Final = "{desc}: {n:.0f} of {total:.0f} {unit}, {elapsed} elapsed, {remaining} to go{postfix}"
UNBOUNDED: Final = "{desc}: {n:.0f} {unit}, {elapsed} elapsed{postfix}"


class Progress(tqdm):  # type: ignore[misc]  # it ships no types
    """tqdm on a terminal. Elsewhere a line per minute, so that a log can be read, and nothing of what takes less than one."""

    disable: bool
    leave: bool | None

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        """Take what tqdm takes."""
        self._told = self._beaten = time.monotonic()
        self._is_logged = False
        super().__init__(*arguments, **settings)
        self._is_logged = not self.disable and not self.fp.isatty()
        if self._is_logged:
            self.bar_format = UNBOUNDED if self.total is None else LOGGED

    def beat(self, text: str) -> None:
        """Show what is done within a unit; cheap enough to be called at every step."""
        now = time.monotonic()
        if not self.disable and now - self._beaten >= BEATS:
            self._beaten = now
            self.set_postfix_str(text)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Draw the bar or, in a log, write a line where one is due."""
        if self.fp.isatty():
            super().display(msg, pos)
        elif self._is_logged and time.monotonic() - self._told >= LINES:
            self._told = time.monotonic()
            self.fp.write(f"{str(self).removeprefix(': ')}\n")
            self.fp.flush()

    def close(self) -> None:
        """Leave the bar as it is; a log gets no last, empty line."""
        self.leave = self.leave and not self._is_logged
        if self._is_logged:
            self.disable, self._is_logged = True, False
        super().close()
