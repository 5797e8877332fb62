"""Event logs as files: one .npz with the columns of the log and those of the instance that was played, to be looked at later."""

from __future__ import annotations

import io
import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from envs.events import NONE, EventKind, EventLog
from envs.files import write_bytes
from envs.workloads.instance import Instance, WorkloadError
from experiments.reports.report import ReportError

FORMAT: Final = 1
"""Of a file; those that do not say it were written before it was."""
MOST_BYTES: Final = 2**30
"""Of all columns together."""
TITLE: Final = "title"
VERSION: Final = "format"
LOG, INSTANCE = "log_", "instance_"


def write(path: Path, title: str, instance: Instance, log: EventLog) -> None:
    """Write an episode, under a title that says who played. Raises OSError where it cannot be written."""
    columns: dict[str, Any] = {f"{LOG}{name}": column for name, column in log._asdict().items()}
    parts = {field.name: getattr(instance, field.name) for field in fields(instance)}
    columns |= {f"{INSTANCE}{name}": np.asarray(part) for name, part in parts.items() if part is not None}
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **columns, **{TITLE: np.asarray(title), VERSION: np.asarray(FORMAT)})
    write_bytes(path, file.getvalue())


def read(path: Path) -> tuple[str, Instance, EventLog]:
    """Return the title, the instance and the log in a file, which may come from anywhere.

    Raises:
        ReportError: where it is no such file, or its events are of what the instance has not.
    """
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
        if size > MOST_BYTES:
            raise ReportError(f"{path}: would take {size} bytes, must be at most {MOST_BYTES}")
        with np.load(path, allow_pickle=False) as columns:
            if VERSION in columns.files and (version := columns[VERSION].tolist()) != FORMAT:
                raise ReportError(
                    f"{path}: format is {version!r:.40}, must be {FORMAT}: another version of Parley wrote it"
                )
            parts = {name.removeprefix(INSTANCE): columns[name] for name in columns.files if name.startswith(INSTANCE)}
            texts = {name: parts[name].tolist() for name in ("resources", "job_names", "task_names") if name in parts}
            instance = Instance(
                **{**parts, **texts, "name": str(parts["name"]), "resources": tuple(texts["resources"])}
            )
            types = {"time": np.float64, "value": np.float64}
            log = EventLog(*(columns[f"{LOG}{name}"].astype(types.get(name, np.int32)) for name in EventLog._fields))
            title = str(columns[TITLE])
    except (zipfile.BadZipFile, EOFError, KeyError, TypeError, AttributeError) as error:
        raise ReportError(
            f"{path}: is no event log ({error}), must be a file that experiments.reports.logs.write made"
        ) from None
    except (ReportError, WorkloadError):
        raise
    except ValueError as error:  # numpy's, of arrays of objects or with a damaged head
        raise ReportError(f"{path}: cannot be read: {error}") from None
    _check(path, instance, log)
    return title, instance, log


def _check(path: Path, instance: Instance, log: EventLog) -> None:
    """Refuse events of agents, jobs, tasks and kinds that are not there, and times that run backwards."""
    if len({column.shape for column in log}) > 1 or log.time.ndim != 1:
        raise ReportError(
            f"{path}: the columns of its log have the shapes {[c.shape for c in log]}, must be as long as each other"
        )
    if not np.isfinite(log.time).all() or (np.diff(log.time, prepend=0.0) < 0).any():
        raise ReportError(f"{path}: {LOG}time must be finite and ascend from 0")
    most = {"agent": instance.num_agents, "job": instance.num_jobs, "task": instance.num_tasks, "kind": len(EventKind)}
    for name, count in most.items():
        column = getattr(log, name)
        wrong = np.flatnonzero((column < (0 if name == "kind" else NONE)) | (column >= count))
        if wrong.size:
            raise ReportError(f"{path}: {LOG}{name}[{wrong[0]}] is {column[wrong[0]]}, must be below {count}")
    about = np.isin(log.kind, [kind for kind in EventKind if kind in OF_TASKS])
    wrong = np.flatnonzero(about & ((log.task < 0) | (log.agent < 0)))
    if wrong.size:
        raise ReportError(
            f"{path}: event {wrong[0]} is {EventKind(log.kind[wrong[0]]).name}, must have an agent and a task"
        )


OF_TASKS: Final = (
    EventKind.TASK_START,
    EventKind.TASK_END,
    EventKind.TASK_FAILED,
    EventKind.TASK_INTERRUPTED,
    EventKind.RESERVATION,
    EventKind.RESOURCE_REQUEST,
    EventKind.ALLOCATION_UPDATE,
    EventKind.RELEASE_NOTIFICATION,
)
"""Kinds of events that have an agent and a task."""
