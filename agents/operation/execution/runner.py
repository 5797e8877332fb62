"""A run of commands in a folder of its own, which outlives the process that runs it: begun once, gone on with as often as needed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from filelock import FileLock, Timeout

from agents.operation.deciding.decision import DecisionEngine
from agents.operation.execution import process_table
from agents.operation.execution.execution import ExecutionManager, attempt_of
from agents.operation.execution.journal import FILE, Journal, JournalError
from agents.operation.execution.overseers import Overseer
from agents.operation.execution.processes import GRACE, ProcessExecutor
from agents.operation.execution.results import Execution
from agents.operation.execution.run_state import RunState
from agents.operation.execution.thresholds import Adjusting
from agents.operation.messages.messages import Publisher, StatusUpdate, Subscriber
from agents.operation.site.situation import Situation
from envs.files import write_text

LOCK: Final = ".lock"
PATIENCE: Final = 2.0
"""Seconds to wait for a lock: a command that a killed runner was just starting holds it till it begins."""
RESULT: Final = "result.json"
"""What came of it, in the folder of a run that has ended."""


class Runner:
    """Runs commands, and keeps a journal of it."""

    def __init__(self, folder: Path) -> None:
        """Open the folder of a run.

        Raises:
            JournalError: it is none, or somebody else runs it.
        """
        self.folder = folder
        self.journal = Journal(folder / FILE)
        self._lock = FileLock(folder / LOCK)
        try:
            self._lock.acquire(timeout=PATIENCE, poll_interval=0.02)
        except Timeout:
            raise JournalError(f"{folder}: is being run by somebody else") from None
        self.policy = self.journal.fact("policy")
        self.state = RunState(self.journal.situation)
        first = 0
        for message in self.journal.messages():
            self.state.apply(message)
            first = message.number + 1
        self.publisher = Publisher(folder.name, first)
        self.publisher.subscribe(self.journal)
        self.manager: ExecutionManager | None = None

    @classmethod
    def begin(cls, folder: Path, situation: Situation, base: Path, policy: str) -> Self:
        """Begin a run.

        Args:
            folder: of the run; made, and must not have one.
            situation: what to do.
            base: relative working folders are below it.
            policy: decides.

        Raises:
            JournalError: the folder has a run.
            SituationError: something is running already.
        """
        RunState(situation)
        Journal.begin(folder / FILE, situation, policy=policy, base=str(base.resolve())).close()
        return cls(folder)

    @property
    def is_over(self) -> bool:
        """Whether it has ended, and nothing is left to go on with."""
        return (self.folder / RESULT).exists()

    def run(
        self,
        engine: DecisionEngine,
        *,
        log_limit: int | None,
        grace: float = GRACE,
        subscribers: Sequence[Subscriber] = (),
        overseers: Sequence[Overseer] = (),
        adjusting: Adjusting | None = None,
    ) -> Execution:
        """Go on from where the run stands to its end; raises what ``manage_execution`` does. One that has ended is left as it is."""
        if self.is_over and all(task.state not in ("waiting", "running") for task in self.state.tasks.values()):
            return Execution.model_validate_json((self.folder / RESULT).read_bytes())
        begun = self.journal.begun()
        now = max(self.state.now, self.state.first.time + max(0.0, time.time() - begun))
        executor = ProcessExecutor(
            self.folder,
            Path(self.journal.fact("base")),
            begin=now,
            log_limit=log_limit,
            record=self.journal.record,
            grace=grace,
        )
        for subscriber in subscribers:
            self.publisher.subscribe(subscriber)
        self._find(executor)
        self.manager = ExecutionManager(
            engine, executor, publisher=self.publisher, overseers=overseers, adjusting=adjusting
        )
        execution = self.manager.run(self.state)
        if not execution.interrupted:
            write_text(self.folder / RESULT, execution.write(indent=1) + "\n")
        return execution

    def _find(self, executor: ProcessExecutor) -> None:
        """Take over what a runner that is gone has left running; what cannot be found is to be tried again."""
        boot = process_table.boot()
        for task, run in self.state.running:
            attempt = attempt_of(task, run)
            process = self.journal.process(attempt.name)
            if process is not None and process.boot == boot and executor.find(attempt, process.pid, process.ticks):
                continue
            lost = StatusUpdate(
                time=max(self.state.now, executor.now()),
                state="stopped",
                job=task.job,
                task=task.task.name,
                agent=run.agent,
                detail="its runner was killed, and it is gone",
            )
            self.state.apply(self.publisher.publish(lost))

    def stop(self) -> None:
        """Have the run end soon; for handlers of signals. Raises KeyboardInterrupt where it has not begun."""
        if self.manager is None:
            raise KeyboardInterrupt
        self.manager.stop()

    def close(self) -> None:
        """Close the journal, and let others go on."""
        self.publisher.close()
        self._lock.release()
