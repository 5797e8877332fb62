"""Run commands: a trained policy decides which one starts next, and where. ``--help`` shows how."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from experiments.plumbing.operating import POLICY, STDIN, clock, parser, print_table, read_situation

if TYPE_CHECKING:
    import argparse

    from agents.operation.deciding.decision import DecisionEngine
    from agents.operation.execution.lessons import Lessons
    from agents.operation.execution.monitor import Monitor
    from agents.operation.execution.overseers import Overseer
    from agents.operation.execution.results import Execution
    from agents.operation.execution.runner import Runner
    from agents.operation.settings import Operation

EXIT_FAILED: Final = 1
EXIT_INTERRUPTED: Final = 130
FOLDER: Final = ".run"
"""Instead of the suffix of the file, behind its name."""
MEGABYTE: Final = 2**20


def arguments() -> argparse.ArgumentParser:
    """Return what ``parley run`` takes."""
    made = parser("run", "Run commands in the order that a policy decides, at every event anew.", policy=False)
    made.add_argument("--policy", default=None, help=f"decides, as for parley decide ({POLICY}; resumed, as before)")
    made.add_argument("--folder", metavar="DIR", help="journal, logs and result go there (the file's name with .run)")
    made.add_argument(
        "--resume", action="store_true", help="go on with the run of FILE, or of a folder, from where it was"
    )
    made.add_argument(
        "--log-limit",
        type=float,
        default=64.0,
        metavar="MB",
        help="output after which a command is ended (64; 0: no limit)",
    )
    made.add_argument(
        "--config", default="default", metavar="NAME", help="a recipe of conf/operation, or a YAML file (default)"
    )
    made.add_argument(
        "--live", type=int, nargs="?", const=0, metavar="PORT", help="show in a browser how it goes (any free port)"
    )
    made.add_argument("--messages", metavar="FILE", help="append what happens to this file, as JSON lines")
    made.add_argument(
        "--knowledge",
        metavar="FILE",
        help="begin with what earlier runs have taught of agents, and add what this one does",
    )
    return made


def folder_of(file: str, folder: str | None) -> Path:
    """Where a run is."""
    if folder is not None:
        return Path(folder)
    path = Path(file)
    return path if path.is_dir() else path.with_name(path.stem + FOLDER)


def open_runner(given: argparse.Namespace) -> tuple[Runner, DecisionEngine, Lessons | None]:
    """Begin a run, or open it to go on; load who decides, and what is known. Nothing is written before all else was found to be right."""
    from agents.operation.deciding.decision import DecisionEngine
    from agents.operation.execution.jobs_file import read_jobs
    from agents.operation.execution.runner import Runner
    from experiments.plumbing.cli import UsageError

    folder = folder_of(given.file, given.folder)
    if given.resume:
        runner = Runner(folder)
        engine = DecisionEngine.load(given.policy or runner.policy)
        return runner, engine, lessons_of(given.knowledge, engine)
    if given.file == STDIN and given.folder is None:
        raise UsageError("--folder is absent, must say where the run goes, as standard input has no name")
    if Path(given.file).is_dir():
        raise UsageError(f"{given.file}: is a folder, must be a file of jobs; --resume goes on with a run")
    situation = read_situation(given.file, as_json=given.json, read=read_jobs)
    base = Path() if given.file == STDIN else Path(given.file).parent
    policy = given.policy or POLICY
    engine = DecisionEngine.load(policy)
    lessons = lessons_of(given.knowledge, engine)
    return (
        Runner.begin(folder, situation if lessons is None else lessons.told(situation), base, policy),
        engine,
        lessons,
    )


def lessons_of(file: str | None, engine: DecisionEngine) -> Lessons | None:
    """What earlier runs have taught."""
    from agents.operation.execution.lessons import Lessons

    return None if file is None else Lessons(Path(file), engine.deciders.rules.scenario.knowledge)


def overseers(
    operation: Operation, policy: str, *, shown: bool, live: Callable[[Monitor], Overseer] | None = None
) -> list[Overseer]:
    """Return who watches over a run, and perhaps shows it: on a terminal, in a browser."""
    from agents.operation.execution.monitor import Monitor
    from agents.operation.execution.optimizer import Optimizer
    from agents.operation.planning.planning import TaskPlanner

    monitor = Monitor(operation.monitor, TaskPlanner(policy, []) if shown or live else None, operation.adjusting)
    made: list[Overseer] = [monitor, Optimizer(monitor, operation.optimizer)]
    if live is not None:
        made.append(live(monitor))
    if shown:
        from experiments.plumbing.display import Display

        made.append(Display(monitor))
    return made


@contextmanager
def shown_live(port: int | None, runner: Runner, policy: str) -> Iterator[Callable[[Monitor], Overseer] | None]:
    """Show a run in a browser while it goes, at a port of this machine; None: do not, and import nothing for it."""
    if port is None:
        yield None
        return
    from experiments.plumbing.cli import UsageError
    from experiments.plumbing.settings import MOST_PORT
    from experiments.reports.live import server
    from experiments.reports.live.board import Board
    from experiments.reports.live.execution import Commands

    if not 0 <= port <= MOST_PORT:
        raise UsageError(f"--live is {port}, must be an integer in 0..{MOST_PORT}")
    run = Commands(runner.state.first, str(runner.folder), policy)
    for message in runner.journal.messages():  # of before, where the run is gone on with
        run.take(message)
    how = f"All of this run is in {runner.folder}: result.json says what came of it, logs/ has what the commands said."
    with server.shown(Board(run.report), port, how):
        yield run.watching


def show(execution: Execution, folder: Path) -> None:
    """Print what came of a run."""
    lost = [
        (f"{each.job}/{each.task}", each.state, each.attempts or "", each.detail)
        for each in execution.tasks
        if each.state != "done"
    ]
    print_table("Not done", ("task", "is", "attempts", "why"), lost, right=("attempts",))
    took = clock(execution.ended - execution.began)
    print(
        f"{execution.done} of {execution.total} tasks done in {took}, {execution.decisions} decisions by {execution.policy}."
    )
    if execution.interrupted:
        print(f"Interrupted: parley run --resume {folder} goes on.")


def main() -> None:
    """Run ``parley run``."""
    given = arguments().parse_args()

    from experiments.plumbing import cli

    with cli.user_errors("run"):
        if not given.log_limit >= 0:
            raise cli.UsageError(f"--log-limit is {given.log_limit:g}, must be a number >= 0")
        from agents.operation.messages.messages import Subscriber
        from agents.operation.messages.subscribers import Console, JsonLines
        from experiments.plumbing.operation import read_operation

        cli.set_threads(1)
        operation = read_operation(given.config)
        shown = sys.stderr.isatty() and not given.json
        heard: list[Subscriber] = [] if given.json or shown else [Console()]
        if given.messages is not None:
            heard.append(JsonLines(given.messages))
        runner, engine, lessons = open_runner(given)
        was_over = runner.is_over
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: runner.stop())
            policy = engine.deciders.name
            with shown_live(given.live, runner, policy) as live:
                execution = runner.run(
                    engine,
                    log_limit=round(given.log_limit * MEGABYTE) or None,
                    subscribers=heard,
                    overseers=overseers(operation, policy, shown=shown, live=live),
                    adjusting=operation.adjusting,
                )
            if lessons is not None and runner.is_over and not was_over:
                lessons.learn(runner.journal)
        finally:
            runner.close()
        print(execution.write(indent=1)) if given.json else show(execution, runner.folder)
    if execution.interrupted:
        sys.exit(EXIT_INTERRUPTED)
    if not execution.ok:
        sys.exit(EXIT_FAILED)


if __name__ == "__main__":
    main()
