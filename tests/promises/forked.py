"""Runs ``parley`` commands one by one in forks of a process that has imported everything, and tells what each did and took.

``python -m tests.promises.forked`` reads a JSON list of lists of arguments from standard input, and writes a JSON list of results. A
fork costs milliseconds where a new process costs a second, and its memory is counted apart.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from experiments.__main__ import COMMANDS, main
from tests.conftest import ROOT

MIB: Final = 2**20
LONGEST: Final = 120
"""Seconds after which a command is killed."""
MOST: Final = 2048 * MIB
"""Bytes that a command may take in addition before the system refuses more."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    """Its exit code, negative for a signal."""
    out: str
    err: str
    cpu: float
    """Seconds of processor, which a busy machine does not change much."""
    mib: float
    """What its memory grew by at most."""


def run(commands: Sequence[Sequence[str]], folder: Path) -> list[Ended]:
    """Run every command in ``folder``, which is where relative paths begin."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.promises.forked"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        input=json.dumps(list(commands)),
        capture_output=True,
        text=True,
        check=True,
    )
    return [Ended(**each) for each in json.loads(done.stdout)]


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _child(arguments: list[str], out: int, err: int) -> None:
    """Run one command with these descriptors as its streams; never returns."""
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.close(0)
    sys.stdout, sys.stderr = io.TextIOWrapper(os.fdopen(1, "wb")), io.TextIOWrapper(os.fdopen(2, "wb"))
    size = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (size + MOST, size + MOST))
    sys.argv = ["parley", *arguments]
    code = 70
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _fork(arguments: list[str]) -> Ended:
    with open(os.memfd_create("out"), "w+b") as out, open(os.memfd_create("err"), "w+b") as err:  # noqa: PTH123  descriptors
        before = _peak()
        pid = os.fork()
        if not pid:
            _child(arguments, out.fileno(), err.fileno())
        until = time.monotonic() + LONGEST
        while True:
            found, status, usage = os.wait4(pid, os.WNOHANG)
            if found:
                break
            if time.monotonic() > until:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
        for stream in (out, err):
            stream.seek(0)
        said = (out.read().decode("utf-8", "replace"), err.read().decode("utf-8", "replace"))
        grown = max(0.0, usage.ru_maxrss / 1024 - before)
        return Ended(os.waitstatus_to_exitcode(status), *said, usage.ru_utime + usage.ru_stime, grown)


if __name__ == "__main__":
    given = json.loads(sys.stdin.read())
    for name in {arguments[0] for arguments in given}:
        importlib.import_module(COMMANDS[name][0])
    warm = sorted({"agents.policies", "agents.operation.deciding.decision", "experiments.plumbing.building"})
    for module in warm:
        importlib.import_module(module)
    print(json.dumps([_fork(arguments).__dict__ for arguments in given]))
