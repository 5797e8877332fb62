"""How much of a promise is tried: some of it in every `make test`, all of it in `make test-long`."""

from __future__ import annotations

import os
from typing import Final

IS_LONG: Final = bool(os.environ.get("PARLEY_LONG"))
"""Whether this is the long run."""


def tries(short: int, long: int) -> int:
    """How many examples to try in this run."""
    return long if IS_LONG else short
