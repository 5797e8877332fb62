"""An executor of commands on this machine: each in a session of its own, with a log, limits, and an end that leaves nothing."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from agents.operation.execution import process_table
from agents.operation.execution.executors import Attempt, Ended, Event

WRAPPER: Final = 'trap : TERM INT; read -r go || exit 125; "$@" </dev/null; code=$?; echo $code >"$0"; exit $code'
"""Of the shell. Nothing runs before the runner has written down whose process this is and said so: one that is killed in between has
started nothing. What a command returned stands in a file, for a runner that comes later; a line that does not end is not written yet."""
TICK: Final = 0.1
"""Seconds between two looks at logs, limits of time, and processes that cannot be waited for."""
GRACE: Final = 2.0
"""Seconds from the request to end to the end."""
NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""What shells return for them."""
UNSAFE: Final = re.compile(r"[^\w.-]+")


class _Process:
    """An attempt's process."""

    def __init__(self, attempt: Attempt, pid: int, ticks: int, child: subprocess.Popen[bytes] | None) -> None:
        self.attempt, self.pid, self.ticks, self.child = attempt, pid, ticks, child
        self.handle: int | None = None
        """Becomes readable when it ends."""
        self.why: str | None = None
        """We end it, and this is why."""
        self.kill_at = float("inf")

    def is_over(self) -> bool:
        """Whether it has ended."""
        if self.child is not None:
            return self.child.poll() is not None
        return process_table.started_at(self.pid) != self.ticks


class ProcessExecutor:
    """Runs commands of tasks.

    Args:
        folder: where logs and exit codes go.
        base: the folder that relative working folders are relative to.
        begin: seconds of the run, now.
        log_limit: bytes of output after which an attempt is ended; None: there is no limit.
        record: is told of every process before it begins.
        name: calls this run apart from others on this machine.
    """

    def __init__(
        self,
        folder: Path,
        base: Path,
        *,
        begin: float = 0.0,
        log_limit: int | None = 64 * 2**20,
        record: Callable[[Attempt, int, int], None] = lambda attempt, pid, ticks: None,
        name: str = "",
        grace: float = GRACE,
    ) -> None:
        self.folder, self._base, self._limit, self._record, self._grace = folder, base, log_limit, record, grace
        self._name = name or str(folder.resolve())
        self._origin = time.monotonic() - begin
        self._processes: dict[str, _Process] = {}
        self._events: list[Event] = []
        self._news = asyncio.Event()
        self._next_look = 0.0
        for each in ("logs", "exits"):
            (folder / each).mkdir(parents=True, exist_ok=True)
        self._orphans = process_table.adopt_orphans()
        self._strangers: set[int] = set()
        """Children of this process that are none of ours."""

    def now(self) -> float:
        """Return seconds of the run; a clock that is set does not matter."""
        return time.monotonic() - self._origin

    def log_of(self, attempt: Attempt) -> Path:
        """Where the output of an attempt is."""
        told = UNSAFE.sub("_", f"{attempt.job}-{attempt.task.name}")[:80]
        return self.folder / "logs" / f"{attempt.place:05}-{told}.{attempt.number}.log"

    def _exit_of(self, attempt: Attempt) -> Path:
        return self.folder / "exits" / attempt.name

    def start(self, attempt: Attempt) -> None:
        """Start the command; one that cannot be started is told as its end."""
        command = attempt.task.command
        if command is None:  # a milestone
            self._tell(Ended(attempt, self.now(), True))
            return
        words = ["/bin/sh", "-c", command] if isinstance(command, str) else command
        cwd = self._base / (attempt.task.cwd or ".")
        if not cwd.is_dir():
            self._tell(Ended(attempt, self.now(), False, f"its working folder {cwd} does not exist", final=True))
            return
        told = {"JOB": attempt.job, "TASK": attempt.task.name, "AGENT": attempt.agent, "TRY": str(attempt.number)}
        environment = {
            **os.environ,
            **{f"PARLEY_{name}": value for name, value in told.items()},
            "PARLEY_FOLDER": str(self.folder.resolve()),
            **attempt.task.environment,
            process_table.MARK: self._mark(attempt),
        }
        self._exit_of(attempt).unlink(missing_ok=True)
        try:
            with self.log_of(attempt).open("ab") as log:
                child = subprocess.Popen(
                    ["/bin/sh", "-c", WRAPPER, str(self._exit_of(attempt).resolve()), *words],
                    cwd=cwd,
                    env=environment,
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except (OSError, ValueError) as error:  # no more processes, a full disk, a zero byte in a word
            self._tell(Ended(attempt, self.now(), False, f"cannot be started: {error}"))
            return
        ticks = process_table.started_at(child.pid)
        self._record(attempt, child.pid, ticks)
        assert child.stdin is not None
        with suppress(BrokenPipeError):  # it was killed already: that is told as its end
            child.stdin.write(b"go\n")
            child.stdin.close()
        self._watch(_Process(attempt, child.pid, ticks, child))

    def find(self, attempt: Attempt, pid: int, ticks: int) -> bool:
        """Take over an attempt of a runner that is gone: whether it runs or has ended since; False: it is lost."""
        if process_table.started_at(pid) != ticks and self._code(attempt) is None:
            process_table.end_marked(self._mark(attempt))
            return False
        self._processes[attempt.name] = _Process(attempt, pid, ticks, None)  # looked at from time to time
        return True

    def _mark(self, attempt: Attempt) -> str:
        return f"{self._name}#{attempt.name}"

    def _watch(self, process: _Process) -> None:
        self._processes[process.attempt.name] = process
        with suppress(OSError, AttributeError):  # where processes have no handles, they are looked at from time to time
            if process_table.started_at(process.pid) == process.ticks:
                process.handle = os.pidfd_open(process.pid)
                asyncio.get_running_loop().add_reader(process.handle, self._ended, process)
                return
        self._next_look = 0.0

    def _code(self, attempt: Attempt) -> int | None:
        with suppress(OSError, ValueError):
            text = self._exit_of(attempt).read_text()
            return int(text) if text.endswith("\n") else None
        return None

    def _ended(self, process: _Process) -> None:
        """A process has ended: find out how, and end what it leaves."""
        self._forget(process)
        code = process.child.wait() if process.child is not None else self._code(process.attempt)
        left = self._clean(process)
        ok = code == 0 and process.why is None
        words = process.why or self._words(code, process.attempt)
        detail = "" if ok else words
        if ok and left:
            detail = "what it had left running was ended"
        final = process.why is None and code in (NOT_FOUND, NOT_EXECUTABLE)
        self._tell(Ended(process.attempt, self.now(), ok, detail, code, final))

    def _words(self, code: int | None, attempt: Attempt) -> str:
        log = self.log_of(attempt).name
        if code is None:
            return f"it was killed, see logs/{log}"
        if code < 0 or code > 128:
            number = -code if code < 0 else code - 128
            with suppress(ValueError):
                return f"ended by {signal.Signals(number).name}, see logs/{log}"
        command = attempt.task.command
        program = command.split()[0] if isinstance(command, str) and command.split() else command and command[0]
        if code == NOT_FOUND:
            return f"there is no program {program!r}, see logs/{log}"
        if code == NOT_EXECUTABLE:
            return f"{program!r} cannot be executed, see logs/{log}"
        return f"exit code {code}, see logs/{log}"

    def _clean(self, process: _Process) -> bool:
        """End what an attempt has left: its process group, and those who left it; whether there was anything."""
        left = process.child is not None and process_table.signal_group(process.pid, signal.SIGKILL)
        known = {each.pid for each in self._processes.values()} | {process.pid} | self._strangers
        if process.child is None or not self._orphans or process_table.children() - known:
            ended = process_table.end_marked(self._mark(process.attempt))
            for pid in ended:
                with suppress(ChildProcessError):
                    os.waitpid(pid, 0)
            self._strangers |= process_table.children() - known
            left = left or bool(ended)
        return left

    def stop(self, attempt: Attempt) -> None:
        """End the attempt's processes at once."""
        self._events = [
            each for each in self._events if not (isinstance(each, Ended) and each.attempt.name == attempt.name)
        ]
        process = self._processes.get(attempt.name)
        if process is not None:
            self._forget(process)
            self._kill(process)

    def _kill(self, process: _Process) -> None:
        process_table.signal_group(process.pid, signal.SIGKILL)
        if process.child is not None:
            process.child.wait()
        self._clean(process)

    def _forget(self, process: _Process) -> None:
        self._processes.pop(process.attempt.name, None)
        if process.handle is not None:
            asyncio.get_running_loop().remove_reader(process.handle)
            os.close(process.handle)
            process.handle = None

    def _tell(self, event: Event) -> None:
        self._events.append(event)
        self._news.set()

    async def wait(self, until: float | None) -> list[Event]:
        """Return what happened."""
        while not self._events and (until is None or self.now() < until):
            self._look()
            if self._events:
                break
            self._news.clear()
            pause = TICK if self._processes else 3600.0
            if until is not None:
                pause = min(pause, max(0.0, until - self.now()))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), pause)
        events, self._events = self._events, []
        self._news.clear()
        return events

    def _look(self) -> None:
        """Look at everything that tells nothing by itself; not too often."""
        now = self.now()
        if now < self._next_look:
            return
        self._next_look = now + TICK
        for process in list(self._processes.values()):
            task = process.attempt.task
            if process.handle is None and process.is_over():
                self._ended(process)
            elif process.why is not None:
                if now >= process.kill_at:
                    process_table.signal_group(process.pid, signal.SIGKILL)
            elif task.timeout is not None and now - process.attempt.since >= task.timeout:
                self._end(process, f"took longer than its timeout, {task.timeout:g} s")
            elif self._limit is not None and self._size(process.attempt) > self._limit:
                self._end(process, f"wrote more than {self._limit} bytes of output")
                os.truncate(self.log_of(process.attempt), self._limit)

    def _size(self, attempt: Attempt) -> int:
        try:
            return self.log_of(attempt).stat().st_size
        except OSError:
            return 0

    def _end(self, process: _Process, why: str) -> None:
        process.why, process.kill_at = why, self.now() + self._grace
        process_table.signal_group(process.pid, signal.SIGTERM)

    def awaits_something(self) -> bool:
        """Nothing happens here by itself, but what was not told yet."""
        return bool(self._events)

    async def close(self) -> None:
        """Ask all processes to end, and kill them after a while."""
        for process in self._processes.values():
            process_table.signal_group(process.pid, signal.SIGTERM)
        patience = time.monotonic() + self._grace
        while self._processes and time.monotonic() < patience:
            await asyncio.sleep(0.02)
            for process in list(self._processes.values()):
                if process.handle is None and process.is_over():
                    self._ended(process)
        for process in list(self._processes.values()):
            self._forget(process)
            self._kill(process)
