"""Say where an execution stands: a situation of your own tasks, or a recorded episode. ``--help`` shows how."""

from __future__ import annotations

import sys
from pathlib import Path

from experiments.plumbing.operating import parser, read_situation


def main() -> None:
    """Run ``parley status``; exit code 1 where a delivery failed."""
    options = parser("status", "What is done, what runs, what is late, what went wrong.", policy=False)
    options.add_argument(
        "--at", type=float, metavar="SECONDS", help="of an episode (.npz): how it stood then, not at its end"
    )
    options.add_argument(
        "--to",
        action="append",
        default=[],
        metavar="FILE",
        help="write it there: .txt, .md, .html or .json; may be repeated",
    )
    options.add_argument(
        "--webhook", action="append", default=[], metavar="URL", help="post it there, as JSON; may be repeated"
    )
    given = options.parse_args()

    from experiments.plumbing import cli

    with cli.user_errors("status"):
        from agents.operation.status import ANALYZERS, StatusContext
        from experiments.reports import logs
        from experiments.reports.status import (
            JSON,
            TEXT,
            ConsoleDistributor,
            Distributor,
            FileDistributor,
            StatusReporter,
            WebhookDistributor,
        )

        if given.file.endswith(".npz"):
            title, instance, log = logs.read(Path(given.file))
            if given.at is not None and not 0 <= given.at < float("inf"):
                raise cli.UsageError(f"--at is {given.at:g}, must be seconds >= 0")
            context = StatusContext.of_episode(title, instance, log, given.at)
        elif given.at is not None:
            raise cli.UsageError(f"--at is {given.at:g}, must be left out: a situation is of one instant")
        else:
            context = StatusContext.of_situation(Path(given.file).name, read_situation(given.file, as_json=given.json))
        wanted: list[Distributor] = [
            ConsoleDistributor(JSON if given.json else TEXT),
            *(FileDistributor(Path(name)) for name in given.to),
            *map(WebhookDistributor, given.webhook),
        ]
        told = StatusReporter(ANALYZERS, wanted).report_status(context)
        failed = [each for each in told.deliveries if each.problem is not None]
        for each in failed:
            print(f"parley status: {each.where}: {each.problem}", file=sys.stderr)
        if failed:
            raise SystemExit(1)


if __name__ == "__main__":
    main()
