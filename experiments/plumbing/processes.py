"""Fresh Python processes, for what can be measured only once in each."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]


class Unmeasured(RuntimeError):
    """What cannot be measured here; the message says why."""


def python(*arguments: str, **environment: str) -> str:
    """Return what a fresh Python printed.

    Raises:
        Unmeasured: where it failed.
    """
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip() or "no word").splitlines()[-1]
        raise Unmeasured(f"python {' '.join(arguments)[:60]!r} failed: {last}")
    return done.stdout
