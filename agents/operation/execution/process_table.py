"""Processes of this machine: known by number and time of start, and ended with everything that descends from them."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
SUBREAPER: Final = 36
"""Linux's PR_SET_CHILD_SUBREAPER."""
MARK: Final = "PARLEY_ATTEMPT"
"""Variable of the environment by which everything that an attempt has started is known."""


def started_at(pid: int) -> int:
    """When a process started, in ticks since the machine did; 0 where that cannot be known, -1 where there is none or it has ended."""
    if not PROC.is_dir():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return -1
        return 0
    try:
        fields = (PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return -1
    return -1 if fields[0] in (b"Z", b"X") else int(fields[19])


def boot() -> str:
    """What calls the machine's current run apart from others: ticks and numbers of processes mean nothing across two."""
    with suppress(OSError):
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    return ""


def adopt_orphans() -> bool:
    """Have what outlives its parent become a child of this process, where the system can; whether it could."""
    return sys.platform == "linux" and bool(ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0) == 0)


def children() -> set[int]:
    """Numbers of this process's children, orphans that it adopted among them."""
    found: set[int] = set()
    for thread in threading.enumerate():
        with suppress(OSError):
            found |= {int(pid) for pid in (PROC / f"self/task/{thread.native_id}/children").read_text().split()}
    return found


def signal_group(pid: int, number: int) -> bool:
    """Send a signal to all of a process group; whether there is any."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def marked(mark: str) -> Iterator[int]:
    """Yield all living processes that bear a mark, whatever their group and parents."""
    wanted = f"{MARK}={mark}".encode()
    for folder in PROC.iterdir() if PROC.is_dir() else ():
        if folder.name.isdigit():
            with suppress(OSError):  # it has ended, or is somebody else's
                if wanted in (folder / "environ").read_bytes().split(b"\0") and started_at(int(folder.name)) >= 0:
                    yield int(folder.name)


def end_marked(mark: str) -> set[int]:
    """Kill everything that bears a mark, and what it starts meanwhile; return which processes there were."""
    ended: set[int] = set()
    while fresh := set(marked(mark)) - ended - {os.getpid()}:
        for pid in fresh:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        ended |= fresh
    return ended
