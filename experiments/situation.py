"""Make a situation of a public file: SWF, WfFormat, PSPLIB, job shop. ``--help`` shows how."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from experiments.plumbing.operating import parser

if TYPE_CHECKING:
    from agents.operation.situation import Situation
    from envs.workloads.source import FileWorkload

FORMATS: Final = ("swf", "wfformat", "psplib", "job_shop", "flexible_job_shop")
SQLITE: Final = b"SQLite format 3\0"
"""How files of SQLite begin."""
SUFFIXES: Final = {".swf": "swf", ".json": "wfformat", ".sm": "psplib", ".rcp": "psplib", ".fjs": "flexible_job_shop"}
"""Every other name is of a job shop; .gz behind a suffix does not count."""


def workload(path: str, kind: str | None, jobs: int) -> FileWorkload:
    """Return the reader of a file."""
    from envs.workloads.readers.flexible_job_shop import FlexibleJobShopWorkload
    from envs.workloads.readers.job_shop import JobShopWorkload
    from envs.workloads.readers.psplib import ProjectWorkload
    from envs.workloads.readers.swf import SwfWorkload
    from envs.workloads.readers.wfformat import WfFormatWorkload

    name = path.removesuffix(".gz")
    kind = kind or next((kind for suffix, kind in SUFFIXES.items() if name.endswith(suffix)), "job_shop")
    if kind == "swf":
        return SwfWorkload(path, jobs=jobs)
    if kind == "wfformat":
        return WfFormatWorkload(path)
    if kind == "psplib":
        return ProjectWorkload(path)
    return JobShopWorkload(path) if kind == "job_shop" else FlexibleJobShopWorkload(path)


def read_log(file: str) -> Situation:
    """Read what futures are drawn from: a situation, a history of decisions, or a public file.

    Raises:
        UsageError: it is none of these.
    """
    from agents.operation.bootstrap import log_of_history, log_of_instance
    from agents.operation.history import History
    from agents.operation.problems import SituationError
    from agents.operation.situation import Situation
    from experiments.plumbing.cli import UsageError

    with Path(file).open("rb") as source:
        start = source.read(len(SQLITE))
    try:
        if start == SQLITE:
            return log_of_history(History(Path(file)))
        if start.lstrip().startswith(b"{"):
            return Situation.read(Path(file).read_bytes())
    except SituationError as error:
        raise UsageError(f"{file}: {error}") from None
    return log_of_instance(workload(file, None, 0).instance(0))


def main() -> None:
    """Run ``parley situation``."""
    options = parser(
        "situation",
        "A situation, as JSON, in which the jobs of a public file wait.",
        file=False,
        policy=False,
        as_json=False,
    )
    options.add_argument(
        "--from", dest="source", required=True, metavar="FILE", help="SWF, WfFormat, PSPLIB (.sm, .rcp) or a job shop"
    )
    options.add_argument("--format", choices=FORMATS, help="by default what the name's ending says")
    options.add_argument(
        "--at", type=float, default=0.0, metavar="SECONDS", help="now: what was released by then is waiting (0)"
    )
    options.add_argument("--jobs", type=int, default=0, help="of an SWF log, the first so many (all)")
    given = options.parse_args()

    from experiments.plumbing import cli

    with cli.user_errors("situation"):
        from agents.operation.moments import situation_of
        from agents.operation.play_rules import DEFAULT

        if not given.at >= 0:
            raise cli.UsageError(f"--at is {given.at}, must be a number >= 0")
        source = workload(given.source, given.format, given.jobs)
        print(situation_of(source.instance(0), DEFAULT.scenario, given.at).write(indent=1))


if __name__ == "__main__":
    main()
