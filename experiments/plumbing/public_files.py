"""Files in public formats, read for situations and for the logs that futures are drawn from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from agents.operation.site.situation import Situation
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
    from agents.operation.deciding.history import History
    from agents.operation.planning.bootstrap import log_of_history, log_of_instance
    from agents.operation.site.problems import SituationError
    from agents.operation.site.situation import Situation
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
