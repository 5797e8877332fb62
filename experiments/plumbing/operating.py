"""What the commands about real tasks share: reading a situation, an engine by name, tables, and JSON on request."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from agents.operation.site.situation import Situation

STDIN: Final = "-"
POLICY: Final = "policies/shared_cluster"
TOKEN: Final = "PARLEY_TOKEN"
"""The variable of the environment that may have the token of a service."""
WIDE: Final = 140
"""Columns of tables that go to a file or a pipe."""


def parser(
    name: str, what: str, *, file: bool = True, policy: bool = True, as_json: bool = True
) -> argparse.ArgumentParser:
    """Return a parser with the arguments that commands about situations share."""
    made = argparse.ArgumentParser(prog=f"parley {name}", description=what, allow_abbrev=False)
    if file:
        made.add_argument(
            "file", metavar="FILE", help="a situation as JSON; - reads standard input (see docs/decide.md)"
        )
    if policy:
        made.add_argument(
            "--policy",
            default=POLICY,
            help=f"a trained policy, its folder, or a pair of rules as in wsrpt,drf ({POLICY})",
        )
    if as_json:
        made.add_argument("--json", action="store_true", help="write JSON instead of tables")
    return made


def read_situation(file: str, *, as_json: bool = False, read: Callable[[bytes], Situation] | None = None) -> Situation:
    """Read a situation from a file, or from standard input; ``read`` makes it of the document.

    Raises:
        UsageError: it is none; the message tells the first problem, and ``as_json`` writes all of them.
    """
    from agents.operation.site.problems import MOST_BYTES, SituationError
    from agents.operation.site.situation import Situation
    from experiments.plumbing.cli import UsageError

    name = "standard input" if file == STDIN else file
    if file == STDIN:
        document = sys.stdin.buffer.read(MOST_BYTES + 1)
    else:
        with Path(file).open("rb") as source:
            document = source.read(MOST_BYTES + 1)
    try:
        return (read or Situation.read)(document)
    except SituationError as error:
        if as_json:
            print(
                json.dumps(
                    {"kind": "problems", "problems": [problem.as_json() for problem in error.problems]}, indent=1
                )
            )
        raise UsageError(f"{name}: {error}") from None


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()
) -> None:
    """Print a table, unless it has no rows; columns named in ``right`` hold numbers."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from agents.operation.site.problems import printable

    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left")
    for row in rows:
        table.add_row(*(escape(printable(str(cell))) for cell in row))
    if table.row_count:
        Console(width=None if sys.stdout.isatty() else WIDE).print(table)
        print()


def clock(seconds: float) -> str:
    """Seconds as people read them: ``2:05:10``, ``12.5 s``."""
    if abs(seconds) < 60:
        return f"{seconds:.3g} s"
    whole = round(abs(seconds))
    hours, rest = divmod(whole, 3600)
    text = f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
    return f"-{text}" if seconds < 0 else text
